"""How long `slimdsl check` takes in a new process, beside a bare interpreter and an import of TensorFlow."""

from __future__ import annotations

import sys

from tests.benchmarks.timing import report, take_turns

NETWORK = "models/vgg16.slim"


def main() -> None:
    """Measure and print."""
    python = sys.executable
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "slimdsl check": [python, "-m", "slimdsl", "check", "--no-cache", NETWORK],
        "slimdsl check, unchanged": [python, "-m", "slimdsl", "check", NETWORK],
        "slimdsl summary": [python, "-m", "slimdsl", "summary", NETWORK],
        "slimdsl manifest": [python, "-m", "slimdsl", "manifest", NETWORK],
        "slimdsl compile --to graphdef": [python, "-m", "slimdsl", "compile", NETWORK, "--to", "graphdef", "-o", "-"],
        "import tensorflow": [python, "-c", "import tensorflow"],
    }
    taken = take_turns(commands, rounds=5)
    report(taken, "slimdsl check")
    print(
        f"import tensorflow / check: {taken['import tensorflow'].seconds / taken['slimdsl check'].seconds:.1f} (>= 15)"
    )


if __name__ == "__main__":
    main()
