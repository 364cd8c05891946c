"""How long a frozen VGG-16 takes to write from a seed, beside numpy drawing as many numbers of the same distribution.

Needs 1 GB of free disk in the folder for temporary files.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.timing import report, take_turns

NETWORK = "models/vgg16.slim"

# Truncated normal numbers the straightforward way: draw, and draw again what lies beyond two standard deviations.
# In pieces that stay in the cache, and once as the whole that most people would draw.
DRAW = """
import sys
import numpy as np
count, piece = 138_344_128, int(sys.argv[1])
random = np.random.default_rng(0)
for start in range(0, count, piece):
    values = random.standard_normal(min(piece, count - start), dtype=np.float32)
    beyond = np.flatnonzero(np.abs(values) > 2)
    while beyond.size:
        values[beyond] = random.standard_normal(beyond.size, dtype=np.float32)
        beyond = beyond[np.abs(values[beyond]) > 2]
    values *= np.float32(0.01)
"""


def main() -> None:
    """Measure and print."""
    python = sys.executable
    folder = Path(tempfile.mkdtemp(prefix="slimdsl-benchmark-"))
    try:
        compile_seed = [python, "-m", "slimdsl", "compile", NETWORK, "--seed", "1", "-o"]
        commands = {
            "slimdsl compile --seed": [*compile_seed, str(folder / "vgg16.pb")],
            "slimdsl compile --seed, to /dev/null": [*compile_seed, "/dev/null"],
            "numpy in pieces": [python, "-c", DRAW, str(2**16)],
            "numpy at once": [python, "-c", DRAW, str(2**30)],
        }
        report(take_turns(commands, rounds=3), "numpy in pieces")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
