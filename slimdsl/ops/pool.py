"""Pooling: maximum and mean over a sliding window, and over all spatial axes."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, WindowKind, arg
from slimdsl.ops.base import Builder, Layer, Operand, Primitive, ShapeError
from slimdsl.ops.padding import Padding, after_margins, padding_argument, put_margins, require_narrow_margins
from slimdsl.ops.shape import ExpandDims, Squeeze
from slimdsl.ops.windows import Window, per_axis, require_rank, slide, spatial_part
from slimdsl.types import Dim, DType, TensorType, shape_text
from slimdsl.values import value


@value
class Pooling(Primitive):
    """Base of the two: ``[N, spatial…, C]`` with 2 or 3 spatial axes; kernel and stride have an entry for each."""

    writable: ClassVar[bool] = False
    kernel: Window = arg(WindowKind(), doc="size of the window")
    stride: Window = arg(WindowKind(), doc="step of the window")
    padding: str = arg(shared.PADDING, doc="`same` or `valid`")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_floating("a pool", x)
        require_rank("a pool", x, (4, 5))
        spatial = slide(spatial_part(x.shape), self.kernel, self.stride, self.padding)
        return TensorType(dtype=x.dtype, shape=(x.shape[0], *spatial, x.shape[-1]))


@value
class MaxPooling(Pooling):
    """The largest value in each window. TensorFlow: ``MaxPool``, ``MaxPool3D``."""

    name: ClassVar[str] = "max_pooling"
    node_name: ClassVar[str] = "MaxPool"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.rank == 5 and x.dtype is DType.FLOAT64:
            raise ShapeError("TensorFlow has no 3-D max pool for float64", operand=0, help="`cast(float32)` before it")
        return Pooling.infer(self, *inputs)


@value
class AveragePooling(Pooling):
    """The mean of each window; padding does not count. TensorFlow: ``AvgPool``, ``AvgPool3D``."""

    name: ClassVar[str] = "average_pooling"
    node_name: ClassVar[str] = "AvgPool"


@value
class _Pool(Layer):
    """Base of the two layers."""

    primitive: ClassVar[type[Pooling]]
    margin: ClassVar[float] = 0.0
    kernel: Window = shared.kernel_argument()
    stride: Window = shared.stride_argument(2)
    padding: Padding = padding_argument("valid")

    @classmethod
    def scope_for(cls, x: TensorType) -> str:
        """``MaxPool1D``, ``MaxPool2D`` or ``MaxPool3D``, and likewise for the mean."""
        return f"{cls.primitive.node_name}{_axes(x)}D"

    @classmethod
    def function_for(cls, x: TensorType) -> str:
        """``max_pool2d`` and so on."""
        return f"{cls.name}{_axes(x)}d"

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Pool; a tensor with one spatial axis as an image that is one pixel high."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (3, 4, 5), "`reshape([height, width, channels])` before it makes images of it")
        kernel, stride = per_axis("kernel", self.kernel, x.type), per_axis("stride", self.stride, x.type)
        require_narrow_margins(x.type, self.padding, kernel)
        padded, padding = after_margins(x.type, self.padding)
        slide(spatial_part(padded.shape), kernel, stride, padding)
        x = put_margins(builder, x, self.padding, self.margin)
        node_name = self.primitive.node_name
        if x.type.rank > 3:
            op = self.primitive(kernel=kernel, stride=stride, padding=padding)
            return builder.emit(op, x, name=node_name if x.type.rank == 4 else f"{node_name}3D")
        image = builder.emit(ExpandDims(axis=1), x)
        op = self.primitive(kernel=(1, *kernel), stride=(1, *stride), padding=padding)
        return builder.emit(Squeeze(axes=(1,)), builder.emit(op, image, name=node_name))


def _axes(x: TensorType) -> int:
    return x.rank - 2 if x.rank in (3, 5) else 2


@value
class MaxPool(_Pool):
    """The largest value in each window. TF-Slim: ``max_pool2d``, ``max_pool3d``.

    Takes ``[N, L, C]``, ``[N, H, W, C]`` or ``[N, D, H, W, C]``; each spatial axis n becomes ceil(n / stride) (`same`)
    or floor((n - kernel) / stride) + 1 (`valid`). A `padding` of numbers puts so many places around that never are the
    largest, then goes on as `valid`. Example: ``max_pool(3x3, stride=2, padding=same)``.
    """

    name: ClassVar[str] = "max_pool"
    scope_name: ClassVar[str] = "MaxPool2D"
    function_name: ClassVar[str] = "max_pool2d"
    primitive: ClassVar[type[Pooling]] = MaxPooling
    margin: ClassVar[float] = float("-inf")


@value
class AvgPool(_Pool):
    """The mean of each window, in which `same` padding does not count. TF-Slim: ``avg_pool2d``, ``avg_pool3d``.

    Takes ``[N, L, C]``, ``[N, H, W, C]`` or ``[N, D, H, W, C]``; each spatial axis n becomes ceil(n / stride) (`same`)
    or floor((n - kernel) / stride) + 1 (`valid`). A `padding` of numbers puts so many zeros around, which do count,
    then goes on as `valid`. Example: ``avg_pool(7x7, stride=1)``.
    """

    name: ClassVar[str] = "avg_pool"
    scope_name: ClassVar[str] = "AvgPool2D"
    function_name: ClassVar[str] = "avg_pool2d"
    primitive: ClassVar[type[Pooling]] = AveragePooling


@value
class Subsample(Layer):
    """Every factor-th element along each spatial axis. TF-Slim's networks: ``resnet_utils.subsample``.

    Takes ``[N, L, C]``, ``[N, H, W, C]`` or ``[N, D, H, W, C]``; each spatial axis n becomes ceil(n / factor). It is a
    pool over windows of one element; with ``factor=1`` it is the tensor itself, without node or scope.
    Example: ``subsample(2) as shortcut``.
    """

    name: ClassVar[str] = "subsample"
    scope_name: ClassVar[str] = "MaxPool2D"
    function_name: ClassVar[str] = "subsample"
    factor: Window = arg(WindowKind(), doc="distance of the elements that are kept; one integer stands for all axes")

    @classmethod
    def scope_for(cls, x: TensorType) -> str:
        """That of `max_pool`."""
        return MaxPool.scope_for(x)

    @property
    def passes_on(self) -> bool:
        """True where all is kept."""
        return max(self.factor) == 1

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Pool."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (3, 4, 5), "there are no axes between batch and channels")
        return MaxPool(kernel=(1,), stride=per_axis("factor", self.factor, x.type)).build(builder, x)


@value
class GlobalPooling(Primitive):
    """Base of the two: all spatial axes become 1, or go with ``keep_dims=false``."""

    keep_dims: bool = arg(BoolKind(), True, doc="keep the spatial axes, with size 1")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_floating(self.name, x)
        if x.rank < 3:
            raise ShapeError(
                f"{self.name} wants a tensor of rank 3 or more, this one has rank {x.rank}: {shape_text(x.shape)}",
                operand=0,
                help="there is no axis between batch and channels left to pool",
            )
        spatial: tuple[Dim, ...] = (1,) * (x.rank - 2) if self.keep_dims else ()
        return TensorType(dtype=x.dtype, shape=(x.shape[0], *spatial, x.shape[-1]))


@value
class GlobalAvgPool(GlobalPooling):
    """The mean over all spatial axes. TF-Slim's networks: ``tf.reduce_mean(net, [1, 2], keepdims=True)``.

    Takes ``[N, …, C]`` of rank 3 or more; gives ``[N, 1, …, C]``, or ``[N, C]`` with ``keep_dims=false``. Opens no
    scope: `as` names the node. Example: ``global_avg_pool as pool5``.
    """

    name: ClassVar[str] = "global_avg_pool"
    node_name: ClassVar[str] = "Mean"


@value
class GlobalMaxPool(GlobalPooling):
    """The largest value over all spatial axes. TensorFlow: ``tf.reduce_max(net, [1, 2], keepdims=True)``.

    Takes ``[N, …, C]`` of rank 3 or more; gives ``[N, 1, …, C]``, or ``[N, C]`` with ``keep_dims=false``. Opens no
    scope: `as` names the node. Example: ``global_max_pool(keep_dims=false)``.
    """

    name: ClassVar[str] = "global_max_pool"
    node_name: ClassVar[str] = "Max"
