"""Ops that move elements: transposed and reversed axes, blocks of an image as channels and back; and other types."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import IntKind, IntsKind, WordKind, arg
from slimdsl.ops.axes import axes_of
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.ops.element_types import require_numbers
from slimdsl.ops.windows import known_channels, require_rank
from slimdsl.types import DTYPES, DType, TensorType, shape_text
from slimdsl.values import value


@value
class Transpose(Primitive):
    """The axes in another order. TensorFlow: ``tf.transpose(x, perm)``.

    Axis i of the result is axis ``perm[i]`` of the input, the batch included. Opens no scope: `as` names the node.
    Example: ``transpose([0, 2, 1, 3])``.
    """

    name: ClassVar[str] = "transpose"
    node_name: ClassVar[str] = "transpose"
    perm: tuple[int, ...] = arg(IntsKind(minimum=0), doc="for each axis of the result, which one of the input it is")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if sorted(self.perm) != list(range(x.rank)):
            raise ShapeError(
                f"{list(self.perm)} is no order of the {x.rank} axes of {shape_text(x.shape)}",
                argument="perm",
                help=f"each of {', '.join(str(axis) for axis in range(x.rank))} once",
            )
        return TensorType(dtype=x.dtype, shape=tuple(x.shape[axis] for axis in self.perm))


@value
class Reverse(Primitive):
    """The elements in the opposite order along some axes. TensorFlow: ``tf.reverse``.

    Opens no scope: `as` names the node. Example: ``reverse([1])``.
    """

    name: ClassVar[str] = "reverse"
    node_name: ClassVar[str] = "ReverseV2"
    axes: tuple[int, ...] = arg(IntsKind(), doc="axes to turn round, counted from 0 or, below 0, from the end")

    def turned(self, x: TensorType) -> tuple[int, ...]:
        """The axes counted from 0."""
        return axes_of(self.name, x, self.axes)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        self.turned(x)
        return x


@value
class DepthToSpace(Primitive):
    """Blocks of block x block pixels out of channels. TensorFlow: ``tf.nn.depth_to_space``.

    Takes ``[N, H, W, C]`` and gives ``[N, H * block, W * block, C / block²]``. Opens no scope: `as` names the node.
    Example: ``depth_to_space(2)``.
    """

    name: ClassVar[str] = "depth_to_space"
    node_name: ClassVar[str] = "DepthToSpace"
    block: int = arg(IntKind(minimum=2, maximum=1000), doc="height and width of a block")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_rank(self.name, x, (4,))
        channels = known_channels(self.name, x)
        if channels % self.block**2:
            raise ShapeError(f"{channels} channels are no multiple of {self.block}x{self.block}", argument="block")
        n, height, width, _ = x.shape
        shape = (n, height * self.block, width * self.block, channels // self.block**2)
        return TensorType(dtype=x.dtype, shape=shape)


@value
class SpaceToDepth(Primitive):
    """Channels out of blocks of block x block pixels. TensorFlow: ``tf.nn.space_to_depth``.

    Takes ``[N, H, W, C]`` and gives ``[N, H / block, W / block, C * block²]``; height and width are multiples of
    `block`, which is checked when the graph runs where they are not known. Opens no scope: `as` names the node.
    Example: ``space_to_depth(2)``.
    """

    name: ClassVar[str] = "space_to_depth"
    node_name: ClassVar[str] = "SpaceToDepth"
    block: int = arg(IntKind(minimum=2, maximum=1000), doc="height and width of a block")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_rank(self.name, x, (4,))
        n, height, width, channels = x.shape
        for size in (height, width):
            if isinstance(size, int) and size % self.block:
                message = f"{shape_text(x.shape)} cannot be cut into blocks of {self.block}x{self.block}"
                raise ShapeError(message, argument="block")
        shape = (n, height // self.block, width // self.block, channels * self.block**2)
        return TensorType(dtype=x.dtype, shape=shape)


_NUMBERS = tuple(name for name, dtype in DTYPES.items() if dtype is not DType.STRING)


@value
class Cast(Primitive):
    """The elements as another type. TensorFlow: ``tf.cast``.

    Floats lose what is behind the point where they become integers; what is not 0 becomes true. Opens no scope: `as`
    names the node. Example: ``cast(float16)``.
    """

    name: ClassVar[str] = "cast"
    node_name: ClassVar[str] = "Cast"
    dtype: str = arg(WordKind(description="an element type such as `float32`", words=_NUMBERS), doc="the element type")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.dtype is not DType.BOOL:
            require_numbers(self.name, x)
        return TensorType(dtype=DTYPES[self.dtype], shape=x.shape)
