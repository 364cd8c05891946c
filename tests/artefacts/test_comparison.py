"""How far results are apart, where there is no usual answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from slimdsl.artefacts.comparison import BOUND, HALF_BOUND, INT8_BOUND, bound_of, compare, difference, not_finite
from tests.artefacts.made import graph_of

NAN, INF = math.nan, math.inf


def floats(*numbers: float) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.float32)


@pytest.mark.parametrize(
    ("found", "expected", "apart"),
    [
        (floats(3, 4), floats(3, 4), 0.0),
        (floats(3, 4.5), floats(3, 4), 0.1),
        (floats(6, 8), floats(3, 4), 1.0),
        (floats(3e30, 4.5e30), floats(3e30, 4e30), 0.1),
        (floats(0, 0), floats(0, 0), 0.0),
        # What is expected counts as a thousandth at least: what cancels to nothing is rounding alone.
        (floats(0.3, 0.4), floats(0, 0), 1000 * math.sqrt(0.125)),
        (floats(3e-8, -1e-8), floats(-1e-8, 2e-8), 1000 * math.sqrt(12.5e-16)),
        (floats(), floats(), 0.0),
        (floats(NAN, 4.5, INF, -INF), floats(NAN, 4, INF, -INF), 0.125),
        (floats(NAN, INF), floats(NAN, INF), 0.0),
        (floats(NAN, 4), floats(3, 4), INF),
        (floats(3, 4), floats(NAN, 4), INF),
        (floats(-INF, 4), floats(INF, 4), INF),
        (np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]), 0.25),
        (np.array([True, False]), np.array([True, True]), 0.5),
        (np.array([2**60 + 1]), np.array([2**60]), 1.0),
    ],
)
def test_differences(found: Any, expected: Any, apart: float) -> None:
    assert difference(found, expected) == pytest.approx(apart, rel=1e-6)


def test_what_is_said_of_a_difference() -> None:
    assert compare(floats(3, 4), floats(3, 4.00001), BOUND).reason == ""
    assert "differs from TensorFlow's by 0.12" in compare(floats(3, 4.6), floats(3, 4), BOUND).reason
    assert compare(floats(3), floats(3, 4), BOUND).reason == "has the shape [1], and TensorFlow's has [2]"
    other = compare(np.array([3, 4], np.float64), floats(3, 4), BOUND)
    assert (other.difference, other.reason) == (None, "is float64, and TensorFlow's is float32")
    reason = compare(floats(NAN, 4), floats(3, 4), BOUND).reason
    assert reason == "is not finite in 1 of 2 elements, and TensorFlow's is finite"
    reason = compare(np.array([1, 2]), np.array([1, 3]), BOUND).reason
    assert reason == "differs from TensorFlow's in 50.00% of its elements (at most 0.01% is rounding)"
    assert not_finite({"y": floats(1, INF)}) == "the output `y` is not finite in 1 of 2 elements"
    assert not_finite({"y": floats(1), "n": np.array([1])}) == ""


def test_bounds() -> None:
    assert [bound_of(name, graph_of()) for name in ("float32", "float16", "int8")] == [BOUND, HALF_BOUND, INT8_BOUND]
    half = graph_of("slim 1\nnet n {\n  input x: float16[N, 3]\n  relu\n  output y = it\n}\n")
    assert bound_of("float32", half) == HALF_BOUND
