"""Looks at what a runtime gave for an artefact: names, shapes and types, then values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from slimdsl.artefacts.comparison import Array, bound_of, compare, not_finite, type_problem
from slimdsl.artefacts.subject import RunResult, Subject, finding
from slimdsl.types import TensorType
from slimdsl.values import Value, positional


@positional
class Expectation(Value):
    """What a run should give.

    Attributes:
        types: name of each output -> its type with the sizes put in.
        sizes: those sizes.
        values: what TensorFlow gives for each; None where that is not known.
        why_none: why it is not.
    """

    types: dict[str, TensorType]
    sizes: dict[str, int]
    values: dict[str, Array] | None
    why_none: str


def judge(subject: Subject, runtime: str, found: Mapping[str, Array], expected: Expectation) -> RunResult:
    """Compare what was found with what was expected."""
    path = subject.artefact.path
    reasons: dict[str, str] = {}
    for name, type in expected.types.items():
        reasons[name] = type_problem(found[name], type) if name in found else "is missing"
    differences: list[float] = []
    bound = bound_of(subject.precision, subject.order.graph)
    if expected.values is not None:
        for name, values in expected.values.items():
            if reasons.get(name):
                continue
            mismatch = compare(found[name], values, bound)
            reasons[name] = mismatch.reason
            differences += [] if mismatch.difference is None else [mismatch.difference]
    findings = tuple(
        finding(subject, f"`{path}`: the output `{name}` {reason}") for name, reason in reasons.items() if reason
    )
    compared = bool(differences)
    remarks = [not_finite(found)]
    if not compared and expected.why_none:
        remarks.insert(0, f"only shapes and types were compared: {expected.why_none}")
    return RunResult(
        runtime=runtime,
        sizes=expected.sizes,
        difference=max(differences) if compared else None,
        bound=bound if compared else None,
        remark="; ".join(filter(None, remarks)),
        findings=findings,
    )


def read_arrays(path: str) -> dict[str, Array]:
    """The arrays of an ``.npz``."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
