"""Slices, single places and parts, where the axis is known and where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slimdsl.ops.base import Primitive
from slimdsl.ops.slicing import Index, Slice, SplitPart
from slimdsl.types import DType
from tests.harness import Array, check_shapes, graph_of, numbers, run, tensor, tensorflow

NAMES = ("N", "H", "W")
SHAPE = (2, 6, 9)
BOUND = dict(zip(NAMES, SHAPE))


def both(op: Primitive, dtype: DType = DType.FLOAT32) -> tuple[Array, Array]:
    """What goes in, and what comes out with known sizes as well as with unknown ones."""
    x = numbers("x", SHAPE, dtype)
    (known,) = check_shapes(graph_of(op, tensor(*SHAPE, dtype=dtype)), {"x": x}, BOUND)
    (unknown,) = check_shapes(graph_of(op, tensor(*NAMES, dtype=dtype)), {"x": x}, BOUND)
    np.testing.assert_array_equal(known, unknown)
    return x, known


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize(
    ("start", "stop"), [(0, None), (2, None), (-4, None), (0, 5), (1, 6), (0, -1), (2, -2), (-5, -1)]
)
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_a_slice_is_pythons(axis: int, start: int, stop: int | None, step: int) -> None:
    x, y = both(Slice(axis=axis, start=start, stop=stop, step=step))
    index: list[Any] = [slice(None)] * 3
    index[axis] = slice(start, stop, step)
    np.testing.assert_array_equal(y, x[tuple(index)])


def test_a_known_axis_may_be_cut_from_both_ends() -> None:
    x = numbers("x", SHAPE)
    (y,) = check_shapes(graph_of(Slice(axis=1, start=-4, stop=5), tensor("N", 6, 9)), {"x": x}, BOUND)
    np.testing.assert_array_equal(y, x[:, 2:5])


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.INT32, DType.BOOL])
def test_slices_of_other_types(dtype: DType) -> None:
    x, y = both(Slice(axis=1, start=1, stop=3), dtype)
    np.testing.assert_array_equal(y, x[:, 1:3])
    x, y = both(SplitPart(part=1, of=3), dtype)
    np.testing.assert_array_equal(y, x[:, :, 3:6])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("place", [0, 1, -1, -2])
def test_an_index_drops_its_axis(place: int, axis: int) -> None:
    x, y = both(Index(place=place, axis=axis))
    np.testing.assert_array_equal(y, x.take(place, axis))


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("part", [0, 1, 2])
def test_parts_are_those_of_a_split(part: int, axis: int) -> None:
    x, y = both(SplitPart(part=part, of=3, axis=axis))
    np.testing.assert_array_equal(y, np.split(x, 3, axis)[part])


@pytest.mark.parametrize(
    ("op", "sizes"),
    [(Slice(axis=1, start=1, stop=5), (2, 4, 9)), (Index(place=7), (2, 6, 9)), (SplitPart(part=0, of=4), (2, 6, 9))],
)
def test_what_does_not_lie_in_the_tensor_is_noticed_when_the_graph_runs(op: Primitive, sizes: Any) -> None:
    tf = tensorflow()
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(graph_of(op, tensor(*NAMES)), {"x": numbers("x", sizes)})
