"""Convolutions of 1, 2 and 3 dimensions, and transposed ones of 2 and 3.

Tensors are ``[N, L, C]``, ``[N, H, W, C]`` or ``[N, D, H, W, C]``.
"""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import WindowKind, arg
from slimdsl.ops.base import Applicable, Builder, Initializer, Layer, Operand, Primitive, Regularizer, ShapeError
from slimdsl.ops.bias import complete
from slimdsl.ops.padding import Padding, after_margins, margins_as_same, padding_argument, put_margins
from slimdsl.ops.shape import ExpandDims, Squeeze
from slimdsl.ops.windows import (
    Window,
    known_channels,
    per_axis,
    refuse_stride_with_rate,
    require_rank,
    slide,
    spatial_part,
    stretch,
    volume,
    weights_window,
)
from slimdsl.types import Dim, TensorType, product, shape_text, surely_unequal
from slimdsl.values import value


def require_channels(x: TensorType, weights: TensorType, axis: int) -> None:
    """Refuse weights that are made for another number of channels.

    Raises:
        ShapeError: with both shapes.
    """
    if weights.rank != x.rank or surely_unequal(x.shape[-1], weights.shape[axis]):
        raise ShapeError(f"weights {shape_text(weights.shape)} do not fit {shape_text(x.shape)}", operand=1)


@value
class Convolution(Primitive):
    """Convolve ``[N, spatial…, C]`` with weights ``[window…, C, F]``, 2 or 3 spatial axes.

    TensorFlow: ``Conv2D``, ``Conv3D``. Stride and rate have an entry for each spatial axis.
    """

    name: ClassVar[str] = "convolution"
    node_name: ClassVar[str] = "Conv2D"
    writable: ClassVar[bool] = False
    stride: Window = arg(WindowKind(), doc="step of the window")
    padding: str = arg(shared.PADDING, doc="`same` or `valid`")
    rate: Window = arg(WindowKind(), doc="distance between the taps")

    def infer(self, *inputs: TensorType) -> TensorType:
        x, weights = inputs
        require_floating("conv", x)
        require_rank("conv", x, (4, 5))
        require_channels(x, weights, -2)
        refuse_stride_with_rate(self.stride, self.rate)
        spatial = slide(spatial_part(x.shape), weights_window(weights), self.stride, self.padding, self.rate)
        return TensorType(dtype=x.dtype, shape=(x.shape[0], *spatial, weights.shape[-1]))

    def macs(self, inputs: tuple[TensorType, ...], result: TensorType) -> Dim:
        """Elements of the result times elements of one filter."""
        return product(result.shape) * product(inputs[1].shape[:-1])


@value
class Conv(Layer):
    """Convolution of 1, 2 or 3 dimensions, by the rank of its input. TF-Slim: ``conv2d`` (``convolution``).

    Takes ``[N, L, C]``, ``[N, H, W, C]`` or ``[N, D, H, W, C]`` and gives the same with `filters` channels; each
    spatial axis n becomes ceil(n / stride) (`same`) or floor((n - (kernel - 1) * rate - 1) / stride) + 1 (`valid`).
    A `padding` of numbers puts so many zeros before and after, then goes on as `valid`: ``padding=[(3, 3), (3, 3)]``,
    or ``padding=3``. Makes ``weights`` [kernel…, C, filters] and, without a `norm`, ``biases`` [filters].
    Example: ``conv(64, 3x3, stride=2, norm=batch_norm)``.
    """

    name: ClassVar[str] = "conv"
    scope_name: ClassVar[str] = "Conv"
    function_name: ClassVar[str] = "convolution2d"
    reserves_scope_name: ClassVar[bool] = True
    filters: int = shared.filters_argument()
    kernel: Window = shared.kernel_argument()
    stride: Window = shared.stride_argument(1)
    padding: Padding = padding_argument("same")
    rate: Window = shared.rate_argument()
    activation: Applicable | None = shared.activation_argument()
    norm: Applicable | None = shared.norm_argument()
    weights_init: Initializer = shared.weights_init_argument()
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    biases_init: Initializer | None = shared.biases_init_argument()
    biases_reg: Regularizer | None = shared.biases_reg_argument()
    trainable: bool = shared.trainable_argument()

    @classmethod
    def function_for(cls, x: TensorType) -> str:
        """``convolution1d``, ``convolution2d`` or ``convolution3d``."""
        return {3: "convolution1d", 5: "convolution3d"}.get(x.rank, cls.function_name)

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the weights, convolve, then biases or norm, then the activation."""
        return _convolve(builder, x, self, self.padding)


@value
class ConvSame(Layer):
    """Convolution that pads alike at every stride. TF-Slim's networks: ``resnet_utils.conv2d_same``.

    With stride 1 it is `conv`; with a larger one it puts (kernel - 1) * rate zeros around each spatial axis, the
    smaller half before, and takes only places where the window lies inside: every stride-th element of the result at
    stride 1. `conv` pads by the size of its input, which gives other numbers where that is even. Takes ``[N, L, C]``,
    ``[N, H, W, C]`` or ``[N, D, H, W, C]``; each spatial axis n becomes ceil(n / stride). Makes the variables of
    `conv`, and takes its `with` defaults. Example: ``conv_same(64, 7x7, stride=2) as conv1``.
    """

    name: ClassVar[str] = "conv_same"
    scope_name: ClassVar[str] = "Conv"
    function_name: ClassVar[str] = "conv2d_same"
    defaults_of: ClassVar[str] = "conv"
    reserves_scope_name: ClassVar[bool] = True
    filters: int = shared.filters_argument()
    kernel: Window = shared.kernel_argument()
    stride: Window = shared.stride_argument(1)
    rate: Window = shared.rate_argument()
    activation: Applicable | None = shared.activation_argument()
    norm: Applicable | None = shared.norm_argument()
    weights_init: Initializer = shared.weights_init_argument()
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    biases_init: Initializer | None = shared.biases_init_argument()
    biases_reg: Regularizer | None = shared.biases_reg_argument()
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """As `conv`, padded by numbers where there is a stride."""
        if max(self.stride) == 1:
            return _convolve(builder, x, self, "same")
        _require_input(self, x.type)
        kernel, rate = per_axis("kernel", self.kernel, x.type), per_axis("rate", self.rate, x.type)
        return _convolve(builder, x, self, margins_as_same(kernel, rate))


def _require_input(layer: Conv | ConvSame, x: TensorType) -> None:
    require_floating(layer.name, x)
    require_rank(layer.name, x, (3, 4, 5), "`reshape([height, width, channels])` before it makes images of it")


def _convolve(builder: Builder, x: Operand, layer: Conv | ConvSame, padding: Padding) -> Operand:
    """Make the weights, convolve, then biases or norm, then the activation; all checks come before the first node."""
    _require_input(layer, x.type)
    kernel = per_axis("kernel", layer.kernel, x.type)
    stride, rate = per_axis("stride", layer.stride, x.type), per_axis("rate", layer.rate, x.type)
    refuse_stride_with_rate(stride, rate)
    channels = known_channels(layer.name, x.type)
    padded, left = after_margins(x.type, padding)
    op = Convolution(stride=stride, padding=left, rate=rate)
    slide(spatial_part(padded.shape), kernel, op.stride, op.padding, op.rate)
    x = put_margins(builder, x, padding)
    weights = builder.variable(
        "weights",
        (*kernel, channels, layer.filters),
        initializer=layer.weights_init,
        regularizer=layer.weights_reg,
        trainable=layer.trainable,
        dtype=x.type.dtype,
    )
    if x.type.rank == 3:
        result = _convolve_rows(builder, op, x, weights)
    else:
        result = builder.emit(op, x, weights, name="Conv2D" if x.type.rank == 4 else "Conv3D")
    return complete(builder, result, layer)


def _convolve_rows(builder: Builder, op: Convolution, x: Operand, weights: Operand) -> Operand:
    """Convolve ``[N, L, C]`` as an image that is one pixel high, under the node names of ``tf.nn.conv1d``."""
    image = builder.emit(ExpandDims(axis=1), x, name="conv1d/ExpandDims")
    window = builder.emit(ExpandDims(axis=0), weights, name="conv1d/ExpandDims_1")
    flat = Convolution(stride=(1, *op.stride), padding=op.padding, rate=(1, *op.rate))
    return builder.emit(Squeeze(axes=(1,)), builder.emit(flat, image, window, name="conv1d"), name="conv1d/Squeeze")


@value
class TransposedConvolution(Primitive):
    """The gradient of a convolution: ``[N, spatial…, C]`` and weights ``[window…, F, C]``, 2 or 3 spatial axes.

    TensorFlow: ``tf.nn.conv2d_transpose``, ``tf.nn.conv3d_transpose``.
    """

    name: ClassVar[str] = "transposed_convolution"
    node_name: ClassVar[str] = "conv2d_transpose"
    writable: ClassVar[bool] = False
    stride: Window = arg(WindowKind(), doc="step of the window over the result")
    padding: str = arg(shared.PADDING, doc="`same` or `valid`")

    def infer(self, *inputs: TensorType) -> TensorType:
        x, weights = inputs
        require_floating("conv_transpose", x)
        require_rank("conv_transpose", x, (4, 5))
        require_channels(x, weights, -1)
        spatial = stretch(spatial_part(x.shape), weights_window(weights), self.stride, self.padding)
        return TensorType(dtype=x.dtype, shape=(x.shape[0], *spatial, weights.shape[-2]))

    def macs(self, inputs: tuple[TensorType, ...], result: TensorType) -> Dim:
        """Elements of the input times the window and the filters: each element is spread over the window."""
        x, weights = inputs
        return product(x.shape) * volume(weights_window(weights)) * weights.shape[-2]


@value
class ConvTranspose(Layer):
    """Transposed convolution ("deconvolution") of 2 or 3 dimensions.

    TF-Slim: ``conv2d_transpose``, ``conv3d_transpose``. Takes ``[N, H, W, C]`` or ``[N, D, H, W, C]`` and gives the
    same with `filters` channels; each spatial axis n becomes n * stride (`same`) or
    n * stride + max(kernel - stride, 0) (`valid`).
    Makes ``weights`` [kernel…, filters, C] and, without a `norm`, ``biases`` [filters].
    Example: ``conv_transpose(64, 2x2, stride=2)``.
    """

    name: ClassVar[str] = "conv_transpose"
    scope_name: ClassVar[str] = "Conv2d_transpose"
    function_name: ClassVar[str] = "convolution2d_transpose"
    reserves_scope_name: ClassVar[bool] = True
    filters: int = shared.filters_argument()
    kernel: Window = shared.kernel_argument()
    stride: Window = shared.stride_argument(1)
    padding: str = shared.padding_argument("same")
    activation: Applicable | None = shared.activation_argument()
    norm: Applicable | None = shared.norm_argument()
    weights_init: Initializer = shared.weights_init_argument()
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    biases_init: Initializer | None = shared.biases_init_argument()
    biases_reg: Regularizer | None = shared.biases_reg_argument()
    trainable: bool = shared.trainable_argument()

    @classmethod
    def scope_for(cls, x: TensorType) -> str:
        """``Conv2d_transpose`` or ``Conv3d_transpose``."""
        return "Conv3d_transpose" if x.rank == 5 else cls.scope_name

    @classmethod
    def function_for(cls, x: TensorType) -> str:
        """``convolution2d_transpose`` or ``convolution3d_transpose``."""
        return "convolution3d_transpose" if x.rank == 5 else cls.function_name

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the weights, convolve, then biases or norm, then the activation."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (4, 5))
        kernel = per_axis("kernel", self.kernel, x.type)
        op = TransposedConvolution(stride=per_axis("stride", self.stride, x.type), padding=self.padding)
        stretch(spatial_part(x.type.shape), kernel, op.stride, op.padding)
        weights = builder.variable(
            "weights",
            (*kernel, self.filters, known_channels(self.name, x.type)),
            initializer=self.weights_init,
            regularizer=self.weights_reg,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )
        result = builder.emit(op, x, weights, name="conv2d_transpose" if x.type.rank == 4 else "conv3d_transpose")
        return complete(builder, result, self)
