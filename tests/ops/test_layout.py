"""Transposed and reversed axes, blocks as channels, casts, and images of another size, as TensorFlow has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from slimdsl.ops.base import Primitive
from slimdsl.ops.layout import Cast, DepthToSpace, Reverse, SpaceToDepth, Transpose
from slimdsl.ops.resize import Resize, Upsample
from slimdsl.ops.shape import ExpandDims, Tile
from slimdsl.types import DType
from tests.harness import Array, check_shapes, graph_of, numbers, tensor, tensorflow

SHAPE = (2, 4, 6, 8)
NAMES = ("N", "H", "W", 8)
BOUND = {"N": 2, "H": 4, "W": 6}


def both(op: Primitive, dtype: DType = DType.FLOAT32) -> tuple[Array, Array]:
    """What goes in, and what comes out with known sizes as well as with unknown ones."""
    x = numbers("x", SHAPE, dtype)
    (known,) = check_shapes(graph_of(op, tensor(*SHAPE, dtype=dtype)), {"x": x}, BOUND)
    (unknown,) = check_shapes(graph_of(op, tensor(*NAMES, dtype=dtype)), {"x": x}, BOUND)
    np.testing.assert_array_equal(known, unknown)
    return x, known


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16, DType.INT32])
@pytest.mark.parametrize(
    ("op", "function"),
    [
        (Transpose(perm=(0, 2, 1, 3)), lambda tf, x: tf.transpose(x, [0, 2, 1, 3])),
        (Transpose(perm=(3, 1, 0, 2)), lambda tf, x: tf.transpose(x, [3, 1, 0, 2])),
        (Reverse(axes=(1,)), lambda tf, x: x[:, ::-1]),
        (Reverse(axes=(-1, 1, 3)), lambda tf, x: x[:, ::-1, :, ::-1]),
        (DepthToSpace(block=2), lambda tf, x: tf.nn.depth_to_space(x, 2)),
        (SpaceToDepth(block=2), lambda tf, x: tf.nn.space_to_depth(x, 2)),
        (ExpandDims(axis=-1), lambda tf, x: x[..., None]),
        (ExpandDims(axis=-2), lambda tf, x: x[..., None, :]),
        (Tile(multiples=(1, 2, 3, 1)), lambda tf, x: np.tile(x, (1, 2, 3, 1))),
    ],
)
def test_elements_move_as_in_tensorflow(op: Primitive, function: Callable[[Any, Any], Any], dtype: DType) -> None:
    x, y = both(op, dtype)
    np.testing.assert_array_equal(y, np.asarray(function(tensorflow(), x)))


@pytest.mark.parametrize("target", ["float16", "float64", "bfloat16", "int8", "uint8", "int32", "int64", "bool"])
@pytest.mark.parametrize("source", [DType.FLOAT32, DType.INT32, DType.BOOL])
def test_casts(source: DType, target: str) -> None:
    x, y = both(Cast(dtype=target), source)
    tf = tensorflow()
    expected = tf.cast(x, target).numpy()
    np.testing.assert_array_equal(y.astype(np.float64), expected.astype(np.float64))


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize(("align_corners", "half_pixel_centers"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("size", [(8, 12), (3, 5), (4, 6), (1, 1), (9, 7)])
def test_sizes(size: tuple[int, int], method: str, *, align_corners: bool, half_pixel_centers: bool) -> None:
    raw = tensorflow().raw_ops
    kernel = {"nearest": raw.ResizeNearestNeighbor, "bilinear": raw.ResizeBilinear}[method]
    options: dict[str, Any] = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
    x, y = both(Resize(size=size, method=method, **options))
    np.testing.assert_allclose(y, kernel(images=x, size=size, **options).numpy(), rtol=1e-6)


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.FLOAT64])
def test_bilinear_results_keep_their_type(dtype: DType) -> None:
    x, y = both(Resize(factor=(2,), method="bilinear"), dtype)
    expected = tensorflow().compat.v1.image.resize_bilinear(x, (8, 12)).numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-2, atol=1e-3)


def test_a_factor_of_each_axis() -> None:
    x, y = both(Resize(factor=(3, 2)))
    np.testing.assert_array_equal(y, x.repeat(3, 1).repeat(2, 2))


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize("factor", [(2,), (2, 3)])
def test_upsample_is_that_of_keras(factor: tuple[int, ...], method: str) -> None:
    x, y = both(Upsample(factor=factor, method=method))
    layer = tensorflow().keras.layers.UpSampling2D(factor * 2 if len(factor) == 1 else factor, interpolation=method)
    np.testing.assert_allclose(y, layer(x).numpy(), rtol=1e-5, atol=1e-6)
