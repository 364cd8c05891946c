"""What was taken of a file of weights, and everything that was not: a label and a text for each fact."""

from __future__ import annotations

from collections.abc import Iterator

from slimdsl.cli.report import plural
from slimdsl.weights.comparison import Comparison
from slimdsl.weights.training_state import state_text


def taken_facts(comparison: Comparison, seed: int | None) -> Iterator[tuple[str, str]]:
    """The facts of a file whose values were loaded.

    Args:
        comparison: of the network and the file.
        seed: what excepted variables are drawn from.
    """
    file = comparison.file
    averages = f", {plural(comparison.averaged, 'moving average')}" if comparison.averaged else ""
    yield "weights", f"{plural(len(comparison.matching), 'variable')} from {file.path} ({file.kind}){averages}"
    if comparison.excepted:
        yield "drawn", f"{plural(len(comparison.excepted), 'variable')} from seed {seed}, as excepted"
    left = len(comparison.left_out) - sum(v.name in set(comparison.left_out) for v in comparison.excepted)
    if left > 0:
        yield "left out", f"{plural(left, file.entry)} of the file, as excepted"
    if comparison.state:
        yield "left out", f"state of training: {state_text(kind for _, kind in comparison.state)}"
