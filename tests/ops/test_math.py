"""Element-wise mathematics and reductions, against TensorFlow's and numpy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from slimdsl.ops.base import Primitive
from slimdsl.ops.math import Abs, Clip, Cos, Exp, Log, Neg, Power, Rsqrt, Scale, Shift, Sign, Sin, Sqrt, Square
from slimdsl.ops.reduce import ArgMax, ReduceMax, ReduceMean, ReduceMin, ReduceSum
from slimdsl.types import DType
from tests.harness import Array, check_shapes, graph_of, numbers, tensor

BOUND = {"N": 2, "H": 3}
TOLERANCES: dict[DType, Any] = {
    DType.FLOAT32: {"rtol": 1e-5, "atol": 1e-6},
    DType.FLOAT16: {"rtol": 5e-3, "atol": 1e-3},
    DType.FLOAT64: {"rtol": 1e-12, "atol": 1e-12},
}
FLOATS = tuple(TOLERANCES)


def applied(op: Primitive, x: Array, dtype: DType = DType.FLOAT32) -> Array:
    shape = ["N" if size == 2 else "H" if size == 3 else size for size in x.shape]
    (y,) = check_shapes(graph_of(op, tensor(*shape, dtype=dtype)), {"x": x}, BOUND)
    return y


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("op", "function"),
    [
        (Abs(), np.abs),
        (Cos(), np.cos),
        (Exp(), np.exp),
        (Neg(), np.negative),
        (Sign(), np.sign),
        (Sin(), np.sin),
        (Square(), np.square),
        (Scale(factor=-0.5), lambda x: x * -0.5),
        (Shift(offset=3), lambda x: x + 3),
        (Power(exponent=3), lambda x: x**3),
        (Clip(min=-0.5, max=0.25), lambda x: np.clip(x, -0.5, 0.25)),
        (Clip(min=0.1), lambda x: np.maximum(x, 0.1)),
        (Clip(max=0.1), lambda x: np.minimum(x, 0.1)),
    ],
)
def test_functions_of_any_number(op: Primitive, function: Callable[[Array], Array], dtype: DType) -> None:
    x = numbers("x", (2, 3, 4), dtype)
    y = applied(op, x, dtype)
    np.testing.assert_allclose(
        y, function(x.astype(np.float64)), rtol=3e-3 if dtype is DType.FLOAT16 else 1e-5, atol=1e-3
    )


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("op", "function"),
    [
        (Log(), np.log),
        (Rsqrt(), lambda x: 1 / np.sqrt(x)),
        (Sqrt(), np.sqrt),
        (Power(exponent=-0.5), lambda x: x**-0.5),
    ],
)
def test_functions_of_positive_numbers(op: Primitive, function: Callable[[Array], Array], dtype: DType) -> None:
    x = (numbers("x", (2, 3, 4), dtype) ** 2 + 0.5).astype(dtype.value)
    np.testing.assert_allclose(applied(op, x, dtype), function(x.astype(np.float64)), **TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", [DType.INT32, DType.INT64])
@pytest.mark.parametrize(
    ("op", "function"),
    [
        (Abs(), np.abs),
        (Neg(), np.negative),
        (Scale(factor=3), lambda x: x * 3),
        (Shift(offset=-4), lambda x: x - 4),
        (Clip(min=3, max=7), lambda x: np.clip(x, 3, 7)),
    ],
)
def test_integers_stay_integers(op: Primitive, function: Callable[[Array], Array], dtype: DType) -> None:
    x = numbers("x", (2, 3, 4), dtype) - 9
    np.testing.assert_array_equal(applied(op, x, dtype), function(x))


def test_nodes_are_called_as_tensorflow_calls_them() -> None:
    ops = (Abs(), Scale(factor=2), Shift(offset=1), Power(exponent=2), Clip(min=0), ReduceMean(axes=(1,)), ArgMax())
    names = [graph_of(op, tensor("N", 4)).nodes[0].name for op in ops]
    assert names == ["Abs", "mul", "add", "pow", "clip_by_value", "Mean", "ArgMax"]


@pytest.mark.parametrize("keep_dims", [True, False])
@pytest.mark.parametrize("axes", [(1,), (-1,), (1, 2), (0, -2), (2, 2, -1), (0, 1, 2, 3)])
@pytest.mark.parametrize(
    ("op", "function"), [(ReduceMean, np.mean), (ReduceSum, np.sum), (ReduceMax, np.max), (ReduceMin, np.min)]
)
def test_reductions(op: Any, function: Any, axes: tuple[int, ...], *, keep_dims: bool) -> None:
    x = numbers("x", (2, 3, 4, 5))
    expected = function(x, axis=tuple({axis % 4 for axis in axes}), keepdims=keep_dims)
    np.testing.assert_allclose(applied(op(axes=axes, keep_dims=keep_dims), x), expected, rtol=1e-5, atol=1e-6)


def test_integers_are_summed_and_compared() -> None:
    x = numbers("x", (2, 3, 4), DType.INT32)
    np.testing.assert_array_equal(applied(ReduceSum(axes=(-1,)), x, DType.INT32), x.sum(-1))
    np.testing.assert_array_equal(applied(ReduceMax(axes=(1,)), x, DType.INT32), x.max(1))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_argmax_is_the_first_of_the_greatest(axis: int) -> None:
    x = np.round(numbers("x", (2, 3, 4)))
    y = applied(ArgMax(axis=axis), x)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y, x.argmax(axis))
