"""How long a frozen VGG-16 takes to write from an archive of weights, beside `cp` and `sync` of the result.

Needs 2.5 GB of free disk in the folder for temporary files.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.timing import MEGABYTE, report, run, take_turns

NETWORK = "models/vgg16.slim"

# In a process of its own: a child's largest memory counts from that of the process that started it.
WRITE = """
import sys
import numpy as np
import slimdsl
random = np.random.default_rng(0)
variables = slimdsl.load(sys.argv[1]).variables
np.savez(sys.argv[2], **{v.name: random.standard_normal(v.shape, dtype=np.float32) for v in variables})
"""


def main() -> None:
    """Measure and print."""
    python = sys.executable
    folder = Path(tempfile.mkdtemp(prefix="slimdsl-benchmark-"))
    try:
        weights, graph, copy = (str(folder / name) for name in ("W.npz", "vgg16.pb", "copy.pb"))
        run([python, "-c", WRITE, NETWORK, weights])
        size = Path(weights).stat().st_size
        commands = {
            "slimdsl compile --weights": [
                *(python, "-m", "slimdsl", "compile", NETWORK, "--weights", weights, "-o", graph)
            ],
            "cp and sync": ["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", graph, copy],
            "np.load of all arrays": [
                *(python, "-c", "import numpy, sys; [a.sum() for a in numpy.load(sys.argv[1]).values()]", weights)
            ],
        }
        taken = take_turns(commands, rounds=5)
        report(taken, "cp and sync")
        peak = taken["slimdsl compile --weights"].peak
        print(f"weights {size / MEGABYTE:.0f} MB; peak memory / weights: {peak / size:.2f} (at most 1.2)")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
