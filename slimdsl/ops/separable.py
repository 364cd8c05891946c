"""Convolutions that treat each channel by itself: depthwise, in plane, and depthwise followed by pointwise."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import InitializerKind, IntKind, WindowKind, arg
from slimdsl.ops.base import Applicable, Builder, Initializer, Layer, Operand, Primitive, Regularizer, ShapeError
from slimdsl.ops.bias import complete
from slimdsl.ops.conv import Convolution, require_channels
from slimdsl.ops.padding import Padding, after_margins, padding_argument, put_margins
from slimdsl.ops.shape import Tile
from slimdsl.ops.windows import (
    Window,
    known_channels,
    per_axis,
    refuse_stride_with_rate,
    require_rank,
    slide,
    spatial_part,
    weights_window,
    window_text,
)
from slimdsl.types import Dim, TensorType, product
from slimdsl.values import value


@value
class DepthwiseConvolution(Primitive):
    """Convolve each channel with its own filters: ``[N, H, W, C]`` and weights ``[h, w, C, M]`` give C * M channels.

    TensorFlow: ``tf.nn.depthwise_conv2d``. Stride and rate have two entries.
    """

    name: ClassVar[str] = "depthwise_convolution"
    node_name: ClassVar[str] = "depthwise"
    writable: ClassVar[bool] = False
    stride: Window = arg(WindowKind(), doc="step of the window")
    padding: str = arg(shared.PADDING, doc="`same` or `valid`")
    rate: Window = arg(WindowKind(), doc="distance between the taps")

    def infer(self, *inputs: TensorType) -> TensorType:
        x, weights = inputs
        require_floating("a depthwise convolution", x)
        require_rank("a depthwise convolution", x, (4,))
        require_channels(x, weights, -2)
        refuse_stride_with_rate(self.stride, self.rate)
        if self.stride[0] != self.stride[1]:
            raise ShapeError(
                f"stride {window_text(self.stride)} is not the same on both axes, as a depthwise convolution wants it",
                argument="stride",
                help=f"write `stride={max(self.stride)}`",
            )
        spatial = slide(spatial_part(x.shape), weights_window(weights), self.stride, self.padding, self.rate)
        return TensorType(dtype=x.dtype, shape=(x.shape[0], *spatial, weights.shape[-2] * weights.shape[-1]))

    def macs(self, inputs: tuple[TensorType, ...], result: TensorType) -> Dim:
        """Elements of the result times places in the window."""
        return product(result.shape) * product(inputs[1].shape[:-2])


@value
class SeparableConv(Layer):
    """Depthwise convolution, then a pointwise one over its channels. TF-Slim: ``separable_conv2d``.

    Takes ``[N, H, W, C]`` and gives ``[N, H', W', filters]``; with ``filters=none`` there is no pointwise convolution
    and the result has C * depth_multiplier channels, as `depthwise_conv` does it. Makes ``depthwise_weights``
    [h, w, C, depth_multiplier], ``pointwise_weights`` [1, 1, C * depth_multiplier, filters] and, without a `norm`,
    ``biases``. `weights_reg` applies to both weights. Stride is the same on both axes. `padding` is as that of `conv`.
    Paper: https://arxiv.org/abs/1704.04861. Example: ``separable_conv(64, 3x3, stride=2)``.
    """

    name: ClassVar[str] = "separable_conv"
    scope_name: ClassVar[str] = "SeparableConv2d"
    function_name: ClassVar[str] = "separable_convolution2d"
    reserves_scope_name: ClassVar[bool] = True
    filters: int | None = arg(IntKind(minimum=1, optional=True), doc="channels of the result; `none`: depthwise only")
    kernel: Window = shared.kernel_argument()
    depth_multiplier: int = shared.multiplier_argument()
    stride: Window = shared.stride_argument(1)
    padding: Padding = padding_argument("same")
    rate: Window = shared.rate_argument()
    activation: Applicable | None = shared.activation_argument()
    norm: Applicable | None = shared.norm_argument()
    weights_init: Initializer = shared.weights_init_argument()
    pointwise_init: Initializer | None = arg(
        InitializerKind(optional=True), None, doc="first values of the pointwise weights; `none`: as `weights_init`"
    )
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    biases_init: Initializer | None = shared.biases_init_argument()
    biases_reg: Regularizer | None = shared.biases_reg_argument()
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the weights, convolve twice, then biases or norm, then the activation."""
        x, op, weights = _depthwise(builder, x, self)
        if self.filters is None:
            return complete(builder, builder.emit(op, x, weights), self)
        pointwise = builder.variable(
            "pointwise_weights",
            (1, 1, known_channels(self.name, x.type) * self.depth_multiplier, self.filters),
            initializer=self.pointwise_init or self.weights_init,
            regularizer=self.weights_reg,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )
        inner = builder.emit(op, x, weights, name="separable_conv2d/depthwise")
        mix = Convolution(stride=(1, 1), padding="valid", rate=(1, 1))
        return complete(builder, builder.emit(mix, inner, pointwise, name="separable_conv2d"), self)


@value
class DepthwiseConv(Layer):
    """Convolve each channel with filters of its own. TF-Slim: ``separable_conv2d`` with ``num_outputs=None``.

    Takes ``[N, H, W, C]`` and gives ``[N, H', W', C * depth_multiplier]``. Makes ``depthwise_weights``
    [h, w, C, depth_multiplier] and, without a `norm`, ``biases``. Stride is the same on both axes. `padding` is as that
    of `conv`. Takes the `with` defaults of `separable_conv`.
    Example: ``depthwise_conv(3x3, stride=2, norm=batch_norm)``.
    """

    name: ClassVar[str] = "depthwise_conv"
    scope_name: ClassVar[str] = "SeparableConv2d"
    function_name: ClassVar[str] = "separable_convolution2d"
    defaults_of: ClassVar[str] = "separable_conv"
    kernel: Window = shared.kernel_argument()
    depth_multiplier: int = shared.multiplier_argument()
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

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the weights, convolve, then biases or norm, then the activation."""
        x, op, weights = _depthwise(builder, x, self)
        return complete(builder, builder.emit(op, x, weights), self)


def _depthwise(
    builder: Builder, x: Operand, layer: SeparableConv | DepthwiseConv
) -> tuple[Operand, DepthwiseConvolution, Operand]:
    """Make ``depthwise_weights``, and the node that takes the padded input and them; all checks come first."""
    x, op, kernel = _window(builder, x, layer, layer.rate)
    shape = (*kernel, known_channels(layer.name, x.type), layer.depth_multiplier)
    weights = builder.variable(
        "depthwise_weights",
        shape,
        initializer=layer.weights_init,
        regularizer=layer.weights_reg,
        trainable=layer.trainable,
        dtype=x.type.dtype,
    )
    return x, op, weights


def _window(
    builder: Builder, x: Operand, layer: SeparableConv | DepthwiseConv | ConvInPlane, rate: Window
) -> tuple[Operand, DepthwiseConvolution, Window]:
    """The input, padded where that is by numbers; the node for it; the kernel with an extent for each axis."""
    require_floating(layer.name, x.type)
    require_rank(layer.name, x.type, (4,))
    kernel, stride = per_axis("kernel", layer.kernel, x.type), per_axis("stride", layer.stride, x.type)
    rate = per_axis("rate", rate, x.type)
    padded, left = after_margins(x.type, layer.padding)
    op = DepthwiseConvolution(stride=stride, padding=left, rate=rate)
    op.infer(padded, TensorType(dtype=padded.dtype, shape=(*kernel, known_channels(layer.name, padded), 1)))
    return put_margins(builder, x, layer.padding), op, kernel


@value
class ConvInPlane(Layer):
    """Convolve every channel with one and the same filter. TF-Slim: ``conv2d_in_plane``.

    Takes ``[N, H, W, C]`` and gives ``[N, H', W', C]``. Makes ``weights`` [h, w, 1, 1] and, without a `norm`,
    ``biases`` [C]. Stride is the same on both axes. Example: ``conv_in_plane(3x3)``.
    """

    name: ClassVar[str] = "conv_in_plane"
    scope_name: ClassVar[str] = "ConvInPlane"
    function_name: ClassVar[str] = "convolution2d_in_plane"
    kernel: Window = shared.kernel_argument()
    stride: Window = shared.stride_argument(1)
    padding: Padding = padding_argument("same")
    activation: Applicable | None = shared.activation_argument()
    norm: Applicable | None = shared.norm_argument()
    weights_init: Initializer = shared.weights_init_argument()
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    biases_init: Initializer | None = shared.biases_init_argument()
    biases_reg: Regularizer | None = shared.biases_reg_argument()
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the weights, repeat them for each channel, convolve, then biases or norm, then the activation."""
        x, op, kernel = _window(builder, x, self, (1,))
        channels = known_channels(self.name, x.type)
        weights = builder.variable(
            "weights",
            (*kernel, 1, 1),
            initializer=self.weights_init,
            regularizer=self.weights_reg,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )
        tiled = builder.emit(Tile(multiples=(1, 1, channels, 1)), weights)
        return complete(builder, builder.emit(op, x, tiled), self)
