"""What the benchmarks share: run a command, take its time and its largest memory, print ratios.

Scripts to be run by hand (``python -m tests.benchmarks.check``), not tests. Figures of one run are compared only with
each other, and commands take turns, so that a machine that grows slower is slower for all of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from slimdsl.values import Value, positional

MEGABYTE = 1_000_000


@positional
class Run(Value):
    """One run of a command: seconds on the clock and bytes of its largest resident memory."""

    seconds: float
    peak: int


def run(command: Sequence[str]) -> Run:
    """Run a command once.

    Raises:
        RuntimeError: it fails.
    """
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors) as process:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode:
            said = errors.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command)}: exit status {process.returncode}\n{said}")
    # Kilobytes on Linux, bytes on macOS.
    return Run(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def take_turns(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Run]:
    """Run the commands in turn, once to warm up and `rounds` times; the medians of time and of memory."""
    taken: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            one = run(command)
            if number:
                taken[name].append(one)
    return {
        name: Run(statistics.median(r.seconds for r in runs), int(statistics.median(r.peak for r in runs)))
        for name, runs in taken.items()
    }


def report(taken: Mapping[str, Run], unit: str) -> None:
    """Print a line for each command, with its time as a multiple of that of the command `unit`."""
    for name, one in taken.items():
        ratio = one.seconds / taken[unit].seconds
        print(f"{name:44} {one.seconds * 1000:9.0f} ms {one.peak / MEGABYTE:8.0f} MB {ratio:8.2f} x {unit}")
