"""How long every network takes to check and to compile, each in a new process, and how the time grows with the network.

Beside them, how often the interpreter's bare start goes into the check. `python -m tests.benchmarks.networks NAME…`
measures the nets of these names alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import slimdsl
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.compiler import Compilation, read_source
from tests.benchmarks.timing import take_turns

ROOT = Path(__file__).parents[2]
UNITS = [3, 4, 6, 3]
GROWTH = (1, 2, 4, 8)


def networks() -> list[tuple[str, str]]:
    """File and name of every net that has a graph."""
    found = []
    for path in sorted((ROOT / "models").rglob("*.slim")):
        name = os.path.relpath(path, ROOT)
        source, findings = read_source(name)
        found += [(name, net) for net in Compilation(source, read_diagnostics=findings).complete_names]
    return found


def main(wanted: list[str]) -> None:
    """Measure and print."""
    os.chdir(ROOT)
    tool = [sys.executable, "-m", "slimdsl"]
    bare = [sys.executable, "-c", "pass"]
    print(f"{'network':32} {'check s':>8} {'graphdef s':>10} {'check / bare':>12} {'nodes':>7} {'graphdef kB':>11}")
    for path, net in networks():
        if wanted and net not in wanted:
            continue
        taken = take_turns(
            {
                "bare": bare,
                "check": [*tool, "check", "--no-cache", path, "--net", net],
                "graphdef": [*tool, "compile", path, "--net", net, "--to", "graphdef", "-o", os.devnull],
            },
            rounds=3,
        )
        check, graphdef, start = (taken[key].seconds for key in ("check", "graphdef", "bare"))
        emission = emit(slimdsl.load(path, net).graph, form="graphdef", seed=0)
        sizes = f"{emission.node_count:7} {emission.size / 1000:11.0f}"
        print(f"{net:32} {check:8.2f} {graphdef:10.2f} {check / start:12.1f} {sizes}", flush=True)
    if not wanted:
        grow(tool)


def grow(tool: list[str]) -> None:
    """A residual network with its units once, twice, four times and eight times."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {}
        for factor in GROWTH:
            units = [factor * count for count in UNITS]
            options = ["models/slim/resnet_v1.slim", "--net", "resnet_v1", "-D", f"units={units}", "--to", "graphdef"]
            commands[f"x{factor}"] = [*tool, "compile", *options, "-o", os.path.join(folder, f"{factor}.pb")]
        taken = take_turns(commands, rounds=3)
    first = taken["x1"].seconds
    for factor in GROWTH:
        seconds = taken[f"x{factor}"].seconds
        print(f"resnet_v1 with {factor} times its units: {seconds:.2f} s, {seconds / first:.2f} times the first")


if __name__ == "__main__":
    main(sys.argv[1:])
