"""Images of another size."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, WindowKind, WordKind, arg
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.ops.element_types import require_numbers
from slimdsl.ops.windows import Window, per_axis, refuse_too_large, require_rank, spatial_part
from slimdsl.types import DType, Shape, TensorType
from slimdsl.values import value

METHOD = WordKind(description="`nearest` or `bilinear`", words=("nearest", "bilinear"))

_TYPES = (DType.FLOAT32, DType.FLOAT16, DType.FLOAT64, DType.INT8, DType.UINT8, DType.INT32, DType.INT64)
"""What TensorFlow's kernels resize by `nearest`."""


@value
class Resizing(Primitive):
    """Base of the two: ``[N, H, W, C]`` to another height and width."""

    node_name: ClassVar[str] = "resize"

    @property
    def by(self) -> str:
        """`nearest` or `bilinear`."""
        raise NotImplementedError

    @property
    def centers(self) -> tuple[bool, bool]:
        """TensorFlow's `align_corners` and `half_pixel_centers`."""
        raise NotImplementedError

    def sizes(self, x: TensorType) -> Shape:
        """Height and width of the result."""
        raise NotImplementedError

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self.by == "bilinear":
            require_floating(f"{self.name} by `bilinear`", x)
        require_numbers(self.name, x)
        if x.dtype not in _TYPES:
            raise ShapeError(f"{self.name} cannot be done on {x.dtype.value}", operand=0)
        require_rank(self.name, x, (4,))
        return TensorType(dtype=x.dtype, shape=(x.shape[0], *self.sizes(x), x.shape[-1]))


@value
class Resize(Resizing):
    """An image of another size. TensorFlow: ``tf.compat.v1.image.resize``, and ``tf.image.resize`` with half pixels.

    Takes ``[N, H, W, C]``. Give `size` or `factor`. A pixel of the result lies at (i + 0.5) * scale - 0.5 of the input
    with `half_pixel_centers`, as TensorFlow 2 and Keras have it; with `align_corners` the outermost pixels lie on each
    other; else at i * scale, as in TF-Slim. Opens no scope: `as` names the node.
    Example: ``resize(64x64, method=bilinear)``.
    """

    name: ClassVar[str] = "resize"
    size: Window | None = arg(
        WindowKind(optional=True), None, doc="height and width, such as `64x64`; one integer: both"
    )
    factor: Window | None = arg(WindowKind(optional=True), None, doc="what height and width are multiplied by")
    method: str = arg(METHOD, "nearest", doc="`nearest` pixel, or `bilinear` between the four around")
    align_corners: bool = arg(BoolKind(), False, doc="lay the outermost pixels on each other")
    half_pixel_centers: bool = arg(BoolKind(), False, doc="count places from the middle of pixels")

    @property
    def by(self) -> str:
        """As written."""
        return self.method

    @property
    def centers(self) -> tuple[bool, bool]:
        """As written."""
        return self.align_corners, self.half_pixel_centers

    def sizes(self, x: TensorType) -> Shape:
        """As given, or the input's times the factor."""
        if (self.size is None) == (self.factor is None):
            count = "neither" if self.size is None else "both"
            raise ShapeError(
                f"resize is given {count} of `size` and `factor`", argument="size", help="give one of them"
            )
        if self.align_corners and self.half_pixel_centers:
            raise ShapeError("`align_corners` and `half_pixel_centers` exclude each other", argument="align_corners")
        if self.size is not None:
            return per_axis("size", self.size, x)
        assert self.factor is not None
        return _multiplied(x, self.factor)


@value
class Upsample(Resizing):
    """An image that is larger by whole factors. TensorFlow: ``tf.keras.layers.UpSampling2D``.

    Takes ``[N, H, W, C]`` and gives ``[N, H * factor, W * factor, C]``: each pixel repeated, or bilinear between the
    middles of pixels. Opens no scope: `as` names the node. Example: ``upsample(2)``.
    """

    name: ClassVar[str] = "upsample"
    factor: Window = arg(WindowKind(), doc="what height and width are multiplied by; one integer for both")
    method: str = arg(METHOD, "nearest", doc="`nearest` repeats pixels, `bilinear` goes between them")

    @property
    def by(self) -> str:
        """As written."""
        return self.method

    @property
    def centers(self) -> tuple[bool, bool]:
        """Half pixels; for whole factors, `nearest` is the same without, which more readers know."""
        return False, self.method == "bilinear"

    def sizes(self, x: TensorType) -> Shape:
        """The input's times the factor."""
        return _multiplied(x, self.factor)


def _multiplied(x: TensorType, factor: Window) -> Shape:
    sizes = tuple(size * by for size, by in zip(spatial_part(x.shape), per_axis("factor", factor, x)))
    return refuse_too_large(sizes, "factor")
