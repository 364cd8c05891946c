"""Squeeze, pad, and the small ops that layers use."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.ops.base import Primitive
from slimdsl.ops.lrn import Lrn
from slimdsl.ops.shape import ExpandDims, Identity, Pad, Squeeze, Tile
from slimdsl.types import DType, TensorType
from tests.harness import check_shapes, dim, graph_of, numbers, sizes_of, tensor

BOUND = {"N": 2, "H": 1, "W": 6}
Pairs = tuple[tuple[int, int], ...]
MARGIN: Pairs = ((0, 0), (1, 2), (3, 0), (0, 0))


def value_of(op: Primitive, x: TensorType) -> tuple[np.ndarray, np.ndarray]:
    """What goes in and what comes out."""
    graph = graph_of(op, x)
    given = numbers("x", sizes_of(x.shape, BOUND), x.dtype)
    (result,) = check_shapes(graph, {"x": given}, BOUND)
    return given, result


@pytest.mark.parametrize(
    ("op", "given", "result"),
    [
        (Squeeze(), ("N", 1, 1, 8), ("N", 8)),
        (Squeeze(), (1, 1, 4, 8), (1, 4, 8)),
        (Squeeze(), ("N", 1, "W", 1), ("N", "W")),
        (Squeeze(axes=(1, 2)), ("N", 1, 1, 1), ("N", 1)),
        (Squeeze(axes=(-2, 1, 2)), ("N", 1, 1, 8), ("N", 8)),
        (Squeeze(axes=(1,)), ("N", "H", "W", 8), ("N", "W", 8)),
        (Squeeze(axes=(0,)), (1, 4, 8), (4, 8)),
        (ExpandDims(axis=0), (4, 8), (1, 4, 8)),
        (ExpandDims(axis=2), ("N", "W"), ("N", "W", 1)),
        (Identity(), ("N", "W"), ("N", "W")),
    ],
)
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT32])
def test_elements_stay_and_axes_come_and_go(
    op: Primitive, given: tuple[str | int, ...], result: tuple[str | int, ...], dtype: DType
) -> None:
    assert op.infer(tensor(*given, dtype=dtype)) == tensor(*result, dtype=dtype)
    x, y = value_of(op, tensor(*given, dtype=dtype))
    np.testing.assert_array_equal(y.ravel(), x.ravel())


def test_tile_repeats_along_each_axis() -> None:
    x, y = value_of(Tile(multiples=(1, 3, 2)), tensor("N", "W", 4))
    np.testing.assert_array_equal(y, np.tile(x, (1, 3, 2)))


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16, DType.INT32])
@pytest.mark.parametrize(("given", "written"), [((2, 5, 6, 3), (2, 5, 6, 3)), ((2, 5, 6, 3), ("N", 5, "W", 3))])
@pytest.mark.parametrize(
    ("op", "mode", "extra"),
    [
        (Pad(paddings=MARGIN), "constant", {}),
        (Pad(paddings=MARGIN, value=-2.0), "constant", {"constant_values": -2}),
        (Pad(paddings=MARGIN, mode="reflect"), "reflect", {}),
        (Pad(paddings=MARGIN, mode="symmetric"), "symmetric", {}),
    ],
)
def test_pad_puts_a_margin_around(
    op: Pad, mode: str, extra: dict[str, int], given: tuple[int, ...], written: tuple[str | int, ...], dtype: DType
) -> None:
    x, y = value_of(op, tensor(*written, dtype=dtype))
    assert x.shape == given
    np.testing.assert_array_equal(y, np.pad(x, MARGIN, mode=mode, **extra))  # type: ignore[call-overload]


def test_pad_adds_to_a_size_that_is_not_known() -> None:
    padded = Pad(paddings=((0, 0), (1, 2), (0, 1))).infer(tensor("N", "H", 3))
    assert padded == tensor("N", dim("H") + 3, 4)


@pytest.mark.parametrize(
    "op", [Lrn(), Lrn(depth_radius=1, bias=2.0, alpha=0.5, beta=0.75), Lrn(depth_radius=0), Lrn(depth_radius=20)]
)
@pytest.mark.parametrize("written", [(2, 1, 6, 7), ("N", "H", "W", 7)])
def test_lrn_divides_by_the_neighbours_in_depth(op: Lrn, written: tuple[str | int, ...]) -> None:
    x, y = value_of(op, tensor(*written))
    squares = np.pad(x**2, ((0, 0), (0, 0), (0, 0), (op.depth_radius, op.depth_radius)))
    total = sum(squares[..., start : start + 7] for start in range(2 * op.depth_radius + 1))
    np.testing.assert_allclose(y, x / (op.bias + op.alpha * total) ** op.beta, rtol=1e-5, atol=1e-6)
