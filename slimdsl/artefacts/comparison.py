"""What a runtime gives for an artefact, compared with TensorFlow's result for the network as it was written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from slimdsl.ir.graph import Graph
from slimdsl.types import DType, TensorType
from slimdsl.values import Value, value

Array = np.ndarray[Any, np.dtype[Any]]

BOUND = 1e-4
"""The largest relative L2 difference of a network in float32: ten times what folding is allowed in its own test."""

HALF_BOUND = 2e-2
"""The same where weights or tensors are of 16 bits, whose numbers have three decimal digits (bfloat16: two)."""

INT8_BOUND = 0.3
"""The same where weights and tensors have 8 bits: an alarm, no promise: what quantisation costs depends on data."""

FLOOR = 1e-3
"""The root mean square that a float output counts as having at least: what cancels to nothing is rounding alone, and
two orders of the same sums need not agree in it. Differences below `FLOOR` · `BOUND`, 1e-7, are no finding."""

_HALVES = (DType.FLOAT16, DType.BFLOAT16)


@value
class Mismatch(Value):
    """How one output differs.

    Attributes:
        difference: as `difference` gives it; None where the arrays cannot be compared.
        reason: what is wrong, completing "the output `y` …"; "" for what is within the bound.
    """

    difference: float | None
    reason: str


def bound_of(precision: str, graph: Graph) -> float:
    """The largest difference that is no finding.

    Args:
        precision: element type of the artefact's weights: ``float32``, ``float16`` or ``int8``.
        graph: the network; one that computes with 16 bits itself rounds in another order after every change.
    """
    if precision == "int8":
        return INT8_BOUND
    halves = any(result.type.dtype in _HALVES for node in graph.nodes for result in node.results)
    return HALF_BOUND if precision == "float16" or halves else BOUND


def difference(found: Array, expected: Array) -> float:
    """How far an array is from the one that is expected, both of the same shape.

    For floats the L2 norm of the difference over that of what is expected, which counts as at least `FLOOR`. Infinities
    and NaN must stand at the same places in both, and count no further: elsewhere the
    difference is infinite. For integers and truth values, the share of elements that are unequal.
    """
    if not expected.size:
        return 0.0
    if expected.dtype.kind != "f":
        return float(np.mean(found != expected))
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return math.inf
    left, right = found[finite].astype(np.float64), expected[finite].astype(np.float64)
    if not np.all(np.isfinite(left)):
        return math.inf
    if not left.size:
        return 0.0
    scale = max(float(np.linalg.norm(right)), FLOOR * math.sqrt(left.size))
    return float(np.linalg.norm(left - right)) / scale


def compare(found: Array, expected: Array, bound: float) -> Mismatch:
    """Compare one output; `reason` says what is wrong, if anything is."""
    if found.shape != expected.shape:
        reason = f"has the shape {list(found.shape)}, and TensorFlow's has {list(expected.shape)}"
        return Mismatch(difference=None, reason=reason)
    if found.dtype != expected.dtype:
        reason = f"is {found.dtype.name}, and TensorFlow's is {expected.dtype.name}"
        return Mismatch(difference=None, reason=reason)
    differs = difference(found, expected)
    reason = ""
    if math.isinf(differs):
        reason = f"{_not_finite(found)}, and TensorFlow's {_not_finite(expected)}"
    elif not differs <= bound:
        if expected.dtype.kind == "f":
            reason = f"differs from TensorFlow's by {differs:.2g} (relative L2 norm; at most {bound:.2g} is rounding)"
        else:
            reason = f"differs from TensorFlow's in {differs:.2%} of its elements (at most {bound:.2%} is rounding)"
    return Mismatch(difference=differs, reason=reason)


def type_problem(found: Array, type: TensorType) -> str:
    """What keeps an array from being of a type, completing "the output `y` …"; "" for nothing."""
    wanted = "float32" if type.dtype is DType.BFLOAT16 else type.dtype.value
    # What runs an artefact passes bfloat16 on as float32.
    if found.dtype.name != wanted:
        return f"is {found.dtype.name}, not {type.dtype.value}"
    fits = found.ndim == type.rank and all(
        not isinstance(dim, int) or size == dim for size, dim in zip(found.shape, type.shape)
    )
    return "" if fits else f"has the shape {list(found.shape)}, not {type}"


def not_finite(found: Mapping[str, Array]) -> str:
    """A remark about outputs with elements that are not finite; "" where there are none."""
    for name, array in found.items():
        if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            return f"the output `{name}` {_not_finite(array)}"
    return ""


def _not_finite(array: Array) -> str:
    count = int(np.count_nonzero(~np.isfinite(array)))
    return f"is not finite in {count:,} of {array.size:,} elements" if count else "is finite"
