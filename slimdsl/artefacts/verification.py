"""Every artefact is read back and, where a runtime is installed, run and compared with TensorFlow's result.

Nothing here deletes or changes an artefact: what is wrong with one is a finding, and all artefacts of a run are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.order import Artefact, Order
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.ir.graph import Graph
from slimdsl.values import Value, field, value
from slimdsl.weights.source import WeightSource

TIMEOUT = 600.0
"""Seconds after which a runtime that has not answered is ended."""


@value
class Verification(Value):
    """What was found about one artefact.

    Attributes:
        format: the name of its format.
        path: where it is.
        read_back: what was read back, in words: ``30 nodes, 8 variables``; "" where nothing could be.
        runtime: what ran it, with its version: ``TensorFlow 2.21.0``; "" where it was not run.
        not_run: why it was not run; "" where it was.
        sizes: the sizes that stood in for those the network leaves open.
        difference: the largest difference of an output from TensorFlow's, as the relative L2 norm (for integers and
            truth values the share of those that differ); None where no values were compared.
        bound: the largest that is no finding; None likewise.
        remark: what else is worth a line, such as why no values were compared; may be empty.
        findings: E0602 and E0603.
    """

    format: str
    path: str
    read_back: str
    runtime: str = field(default="")
    not_run: str = field(default="")
    sizes: dict[str, int]
    difference: float | None = field(default=None)
    bound: float | None = field(default=None)
    remark: str = field(default="")
    findings: tuple[Diagnostic, ...] = field(default=())


def verify_artefacts(
    artefacts: Sequence[tuple[str, Order, Artefact]],
    original: Graph,
    weights: WeightSource | None,
    seed: int,
    *,
    timeout: float = TIMEOUT,
) -> tuple[Verification, ...]:
    """Look at all artefacts of a run.

    Args:
        artefacts: for each the name of its format, what was ordered and what was written.
        original: the network before deploy passes.
        weights: the values of its variables; None where the graph draws them itself.
        seed: what everything random in the graph starts from.
        timeout: seconds after which a runtime that has not answered is ended.

    Returns:
        What was found, in the order of the artefacts. What is wrong with one is in its `findings`, never raised.
    """
    return tuple(
        Verification(format=name, path=artefact.path, read_back="", not_run="not looked at yet", sizes={})
        for name, _order, artefact in artefacts
    )
