"""Weights from a checkpoint: a frozen VGG-16 beside `cp` and `sync`, and `weights diff` beside a bare interpreter.

The checksums of all values are compared. Needs 2.5 GB of free disk in the folder for temporary files.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.timing import MEGABYTE, report, run, take_turns

NETWORK = "models/slim/vgg_16.slim"

# In a process of its own: a child's largest memory counts from that of the process that started it.
WRITE = """
import sys
import numpy as np
import slimdsl
from slimdsl.weights.bundle_writer import write_bundle
from slimdsl.weights.stored import StoredTensor
random = np.random.default_rng(0)
write_bundle(sys.argv[2], (
    (StoredTensor(name=v.name, dtype=v.dtype, shape=v.shape),
     lambda sink, v=v: sink(random.standard_normal(v.shape, dtype=np.float32).data.cast("B")))
    for v in slimdsl.load(sys.argv[1]).variables
))
"""

# The largest anonymous memory, which the size of a process does not tell: pages of files count there too.
WATCH = """
import os, sys, threading, time
largest = 0
def look():
    global largest
    while True:
        with open("/proc/self/status") as file:
            largest = max(largest, *(int(line.split()[1]) for line in file if line.startswith("RssAnon")))
        time.sleep(0.002)
threading.Thread(target=look, daemon=True).start()
from slimdsl.cli.main import main
code = main(sys.argv[1:])
print("anonymous", largest * 1024)
sys.exit(code)
"""


def main() -> None:
    """Measure and print."""
    python = sys.executable
    folder = Path(tempfile.mkdtemp(prefix="slimdsl-benchmark-"))
    try:
        weights, graph, copy = (str(folder / name) for name in ("model.ckpt", "vgg_16.pb", "copy.pb"))
        run([python, "-c", WRITE, NETWORK, weights])
        writing = ["compile", NETWORK, "--weights", weights, "-o", graph, "--no-verify"]
        commands = {
            "slimdsl compile --weights model.ckpt": [python, "-m", "slimdsl", *writing],
            "cp and sync": ["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", graph, copy],
        }
        report(take_turns(commands, rounds=5), "cp and sync")
        said = subprocess.run([python, "-c", WATCH, *writing], capture_output=True, text=True, check=True).stdout
        (anonymous,) = re.findall(r"anonymous (\d+)", said)
        print(f"peak anonymous memory: {int(anonymous) / MEGABYTE:.0f} MB (at most 100)")
        commands = {
            "slimdsl weights diff": [python, "-m", "slimdsl", "weights", "diff", NETWORK, weights],
            "bare interpreter": [python, "-c", "pass"],
        }
        report(take_turns(commands, rounds=9), "bare interpreter")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
