"""Reshape and flatten."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.ops.arguments import ArgumentError
from slimdsl.ops.reshape import DimsKind, Flatten, Reshape, divide
from slimdsl.types import Dim, Shape
from tests.harness import check_shapes, dim, graph_def, graph_of, numbers, tensor

N, H, W = dim("N"), dim("H"), dim("W")
BOUND = {"N": 2, "H": 4, "W": 6}


@pytest.mark.parametrize(
    ("given", "shape", "result"),
    [
        ((2, 4, 6, 3), (24, 3), (2, 24, 3)),
        (("N", 4, 6, 3), (24, 3), ("N", 24, 3)),
        (("N", 4, 6, 3), (4, -1), ("N", 4, 18)),
        (("N", 4, 6, 3), (-1,), ("N", 72)),
        (("N", 72), (4, 6, 3), ("N", 4, 6, 3)),
        (("N", 4), (-1, 4, 1), ("N", 1, 4, 1)),
        (("N", "H", 6, 3), (-1, 3), ("N", H * 6, 3)),
        (("N", "H", "W", 3), (-1, 3), ("N", H * W, 3)),
        (("N", "H", "W", 3), (H, W, 1, 3), ("N", "H", "W", 1, 3)),
        (("N", "H", "W", 4), (H, -1, 2, 2), ("N", "H", "W", 2, 2)),
        (("N", "H", "W", 4), (W, H, 4), ("N", "W", "H", 4)),
        ((2, "H", 6, 3), (-1,), (2, H * 18)),
        (("N", "H", 6), (-1, 4), ("N", (H * 6) // 4, 4)),
    ],
)
def test_reshape_keeps_the_batch(
    given: tuple[str | int, ...], shape: Shape, result: tuple[str | int | Dim, ...]
) -> None:
    graph = graph_of(Reshape(shape=shape), tensor(*given))
    assert graph.outputs["y"].type == tensor(*result)
    x = numbers("x", tuple(BOUND.get(str(size), size) for size in given))  # type: ignore[arg-type]
    (y,) = check_shapes(graph, {"x": x}, BOUND)
    np.testing.assert_array_equal(y.ravel(), x.ravel())


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ((2, 4, 6, 3), (2, 72)),
        (("N", 4, 6, 3), ("N", 72)),
        (("N", 72), ("N", 72)),
        ((2, "H", 6, 3), (2, H * 18)),
        (("N", "H", "W", 3), ("N", H * W * 3)),
    ],
)
def test_flatten_puts_all_axes_after_the_batch_into_one(
    given: tuple[str | int, ...], result: tuple[str | int | Dim, ...]
) -> None:
    graph = graph_of(Flatten(), tensor(*given))
    assert graph.outputs["y"].type == tensor(*result)
    assert [node.name for node in graph.nodes] == ["Flatten/flatten/Reshape"]
    x = numbers("x", tuple(BOUND.get(str(size), size) for size in given))  # type: ignore[arg-type]
    (y,) = check_shapes(graph, {"x": x}, BOUND)
    np.testing.assert_array_equal(y, x.reshape(2, -1))


@pytest.mark.parametrize("given", [("N", 4, 6, 3), (2, "H", 6, 3), (2, 4, 6, 3)])
def test_the_shape_is_a_constant_where_one_size_is_unknown(given: tuple[str | int, ...]) -> None:
    """Readers other than TensorFlow want it so."""
    graph = graph_of(Flatten(), tensor(*given))
    assert [node.op for node in graph_def(graph).node] == ["Placeholder", "Const", "Reshape"]


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [
        (12, 4, 3),
        (12, 5, None),
        (H * 6, 3, H * 2),
        (H * 3, 2, (H * 3) // 2),
        (H * W * 6, H * 2, W * 3),
        (H * W * 6, H * W * 3, 2),
        (H * W + H * 2, H, W + 2),
        (H * W + 2, H, None),
        (H + W, H + W, 1),
        (12, H, None),
        (H * 3, H * 2, None),
    ],
)
def test_sizes_are_divided_where_that_is_certain(numerator: Dim, denominator: Dim, quotient: Dim | None) -> None:
    assert divide(numerator, denominator) == quotient


@pytest.mark.parametrize(("given", "stored"), [(7, (7,)), ((7, -1), (7, -1)), ((H, 3), (H, 3)), ((), ())])
def test_sizes_are_stored_as_a_tuple(given: object, stored: Shape) -> None:
    assert DimsKind().coerce(given) == stored


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((-1, -1), "must have at most one -1"),
        ((7, 0), "must have no size but -1 below 1, not 0"),
        ((7, -2), "must have no size but -1 below 1, not -2"),
        ((7, 1.5), "must be a list of sizes such as `[7, 7, -1]`, not the list [7, 1.5]"),
        (True, "must be a list of sizes such as `[7, 7, -1]`, not true"),
    ],
)
def test_what_is_no_list_of_sizes_is_refused(given: object, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        DimsKind().coerce(given)
    assert caught.value.message == message
