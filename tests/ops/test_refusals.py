"""What each op refuses, in which words, and which operand or argument it blames."""

from __future__ import annotations

import pytest

from slimdsl.ops.base import Op, ShapeError
from slimdsl.ops.bias import AddBias, BiasAdd
from slimdsl.ops.conv import Conv, Convolution, ConvTranspose, TransposedConvolution
from slimdsl.ops.dense import FullyConnected, MatMul
from slimdsl.ops.dropout import Dropout
from slimdsl.ops.lrn import Lrn
from slimdsl.ops.pool import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from slimdsl.ops.reshape import Flatten, Reshape
from slimdsl.ops.separable import ConvInPlane, DepthwiseConv, DepthwiseConvolution, SeparableConv
from slimdsl.ops.shape import ExpandDims, Pad, Squeeze, Tile
from slimdsl.ops.windows import known, window_text
from slimdsl.types import DType, TensorType
from tests.harness import TestBuilder, dim, graph_of, tensor

IMAGE = tensor("N", 5, 5, 3)
ROWS = tensor("N", 9, 3)
FLAT = tensor("N", 10)
VOLUME = tensor("N", 4, 5, 6, 3)
COUNTS = tensor("N", 5, 5, 3, dtype=DType.INT32)
OPEN_CHANNELS = tensor("N", 5, 5, "C")

CONV = Conv(filters=4, kernel=(3,))
TRANSPOSE = ConvTranspose(filters=4, kernel=(3,))
DEPTHWISE = DepthwiseConv(kernel=(3,))
PLANE = ConvInPlane(kernel=(3,))
SEPARABLE = SeparableConv(filters=4, kernel=(3,))
ALL_PAIRS = ((0, 0), (1, 1), (1, 1), (0, 0))

IMAGES_HELP = "`reshape([height, width, channels])` before it makes images of it"
LAYOUT_HELP = "`reshape([height, width, channels])` before it brings each example into that layout"
SMALLER_HELP = "a smaller kernel, or `padding=same`"
CHANNELS_HELP = "give the input a number for its last axis"


def no_channels(name: str) -> str:
    return f"{name} wants a known number of channels, this tensor has `C`: [N, 5, 5, C]"


RANKS = [
    (CONV, FLAT, "conv wants a tensor of rank 3, 4 or 5, this one has rank 2: [N, 10]", IMAGES_HELP),
    (TRANSPOSE, ROWS, "conv_transpose wants a tensor of rank 4 or 5, this one has rank 3: [N, 9, 3]", LAYOUT_HELP),
    (DEPTHWISE, ROWS, "depthwise_conv wants a tensor of rank 4, this one has rank 3: [N, 9, 3]", LAYOUT_HELP),
    (SEPARABLE, FLAT, "separable_conv wants a tensor of rank 4, this one has rank 2: [N, 10]", LAYOUT_HELP),
    (PLANE, VOLUME, "conv_in_plane wants a tensor of rank 4, this one has rank 5: [N, 4, 5, 6, 3]", LAYOUT_HELP),
    (
        FullyConnected(units=4),
        tensor("N", 7, 7, 512),
        "fc wants a tensor of rank 2, this one has rank 4: [N, 7, 7, 512]",
        "write `flatten` before it, or `axis=-1` if it is to act on the last axis alone",
    ),
    (
        FullyConnected(units=4, axis=-1),
        tensor("N"),
        "fc wants a tensor of rank 2, this one has rank 1: [N]",
        "`reshape([channels])` gives each example an axis of channels",
    ),
    (
        BiasAdd(),
        tensor("N"),
        "bias_add wants a tensor of rank 2 or more, this one has rank 1: [N]",
        "`reshape([channels])` gives each example an axis of channels",
    ),
    (
        MaxPool(kernel=(2,)),
        FLAT,
        "max_pool wants a tensor of rank 3, 4 or 5, this one has rank 2: [N, 10]",
        IMAGES_HELP,
    ),
    (
        AvgPool(kernel=(2,)),
        FLAT,
        "avg_pool wants a tensor of rank 3, 4 or 5, this one has rank 2: [N, 10]",
        IMAGES_HELP,
    ),
    (
        GlobalAvgPool(),
        FLAT,
        "global_avg_pool wants a tensor of rank 3 or more, this one has rank 2: [N, 10]",
        "there is no axis between batch and channels left to pool",
    ),
    (
        GlobalMaxPool(),
        tensor(),
        "global_max_pool wants a tensor of rank 3 or more, this one has rank 0: []",
        "there is no axis between batch and channels left to pool",
    ),
    (Lrn(), VOLUME, "lrn wants a tensor of rank 4, this one has rank 5: [N, 4, 5, 6, 3]", LAYOUT_HELP),
    (
        Flatten(),
        tensor("N"),
        "flatten wants a tensor of rank 2 or more, this one has rank 1: [N]",
        "`reshape([1])` gives each example an axis",
    ),
    (Reshape(shape=(3,)), tensor(), "reshape wants a tensor with a batch, this one is a scalar", ""),
    (
        Squeeze(),
        IMAGE,
        "squeeze finds no axis of size 1 after the batch of [N, 5, 5, 3]",
        "`axes=[1, 2]` removes axes whose size is not known",
    ),
]

TYPES = [
    (CONV, COUNTS, "conv wants a floating-point tensor, this one is int32"),
    (TRANSPOSE, COUNTS, "conv_transpose wants a floating-point tensor, this one is int32"),
    (DEPTHWISE, COUNTS, "depthwise_conv wants a floating-point tensor, this one is int32"),
    (SEPARABLE, COUNTS, "separable_conv wants a floating-point tensor, this one is int32"),
    (PLANE, COUNTS, "conv_in_plane wants a floating-point tensor, this one is int32"),
    (FullyConnected(units=4), tensor(2, 3, dtype=DType.INT32), "fc wants a floating-point tensor, this one is int32"),
    (BiasAdd(), COUNTS, "bias_add wants a floating-point tensor, this one is int32"),
    (MaxPool(kernel=(2,)), COUNTS, "max_pool wants a floating-point tensor, this one is int32"),
    (AvgPool(kernel=(2,)), COUNTS, "avg_pool wants a floating-point tensor, this one is int32"),
    (GlobalAvgPool(), COUNTS, "global_avg_pool wants a floating-point tensor, this one is int32"),
    (GlobalMaxPool(), COUNTS, "global_max_pool wants a floating-point tensor, this one is int32"),
    (Dropout(), COUNTS, "dropout wants a floating-point tensor, this one is int32"),
    (Lrn(), tensor(1, 2, 2, 3, dtype=DType.FLOAT64), "lrn wants a float32 tensor, this one is float64"),
    (Pad(paddings=((0, 0),)), tensor(2, dtype=DType.BOOL), "pad wants a tensor of numbers, this one is bool"),
    (CONV, OPEN_CHANNELS, no_channels("conv")),
    (TRANSPOSE, OPEN_CHANNELS, no_channels("conv_transpose")),
    (DEPTHWISE, OPEN_CHANNELS, no_channels("depthwise_conv")),
    (SEPARABLE, OPEN_CHANNELS, no_channels("separable_conv")),
    (PLANE, OPEN_CHANNELS, no_channels("conv_in_plane")),
    (BiasAdd(), OPEN_CHANNELS, no_channels("bias_add")),
    (FullyConnected(units=4, axis=-1), OPEN_CHANNELS, no_channels("fc")),
]

ARGUMENTS = [
    (
        Conv(filters=4, kernel=(7, 7), padding="valid"),
        IMAGE,
        "kernel",
        "kernel 7x7 does not fit input 5x5",
        SMALLER_HELP,
    ),
    (
        Conv(filters=4, kernel=(6,), padding="valid"),
        tensor("N", "H", 5, 3),
        "kernel",
        "kernel 6x6 does not fit input Hx5",
        SMALLER_HELP,
    ),
    (Conv(filters=4, kernel=(10,), padding="valid"), ROWS, "kernel", "kernel 10 does not fit input 9", SMALLER_HELP),
    (
        Conv(filters=4, kernel=(3,), padding="valid", rate=(4,)),
        IMAGE,
        "kernel",
        "kernel 3x3 at rate 4x4 spans 9x9 and does not fit input 5x5",
        SMALLER_HELP,
    ),
    (
        Conv(filters=4, kernel=(3, 3)),
        ROWS,
        "kernel",
        "kernel 3x3 has 2 axes, the input [N, 9, 3] has 1 spatial axis",
        "write `3`",
    ),
    (
        Conv(filters=4, kernel=(3, 3)),
        VOLUME,
        "kernel",
        "kernel 3x3 has 2 axes, the input [N, 4, 5, 6, 3] has 3 spatial axes",
        "write `3x3x3`",
    ),
    (
        Conv(filters=4, kernel=(3,), stride=(1, 2, 1)),
        IMAGE,
        "stride",
        "stride 1x2x1 has 3 axes, the input [N, 5, 5, 3] has 2 spatial axes",
        "write `1x1`",
    ),
    (
        Conv(filters=4, kernel=(3,), rate=(1, 2, 1)),
        IMAGE,
        "rate",
        "rate 1x2x1 has 3 axes, the input [N, 5, 5, 3] has 2 spatial axes",
        "write `1x1`",
    ),
    (
        Conv(filters=4, kernel=(3,), stride=(2,), rate=(2, 1)),
        IMAGE,
        "rate",
        "stride 2x2 and rate 2x1 cannot be combined",
        "one of them must be 1",
    ),
    (
        ConvTranspose(filters=4, kernel=(3, 3)),
        VOLUME,
        "kernel",
        "kernel 3x3 has 2 axes, the input [N, 4, 5, 6, 3] has 3 spatial axes",
        "write `3x3x3`",
    ),
    (
        ConvTranspose(filters=4, kernel=(3,), stride=(2, 2, 2)),
        IMAGE,
        "stride",
        "stride 2x2x2 has 3 axes, the input [N, 5, 5, 3] has 2 spatial axes",
        "write `2x2`",
    ),
    (DepthwiseConv(kernel=(6,), padding="valid"), IMAGE, "kernel", "kernel 6x6 does not fit input 5x5", SMALLER_HELP),
    (
        DepthwiseConv(kernel=(3,), stride=(2,), rate=(2,)),
        IMAGE,
        "rate",
        "stride 2x2 and rate 2x2 cannot be combined",
        "one of them must be 1",
    ),
    (
        DepthwiseConv(kernel=(3,), stride=(1, 2)),
        IMAGE,
        "stride",
        "stride 1x2 is not the same on both axes, as a depthwise convolution wants it",
        "write `stride=2`",
    ),
    (
        ConvInPlane(kernel=(3,), stride=(2, 1)),
        IMAGE,
        "stride",
        "stride 2x1 is not the same on both axes, as a depthwise convolution wants it",
        "write `stride=2`",
    ),
    (
        SeparableConv(filters=4, kernel=(3, 3, 3)),
        IMAGE,
        "kernel",
        "kernel 3x3x3 has 3 axes, the input [N, 5, 5, 3] has 2 spatial axes",
        "write `3x3`",
    ),
    (MaxPool(kernel=(6, 2)), IMAGE, "kernel", "kernel 6x2 does not fit input 5x5", SMALLER_HELP),
    (AvgPool(kernel=(10,)), ROWS, "kernel", "kernel 10 does not fit input 9", SMALLER_HELP),
    (
        MaxPool(kernel=(2, 2, 2)),
        IMAGE,
        "kernel",
        "kernel 2x2x2 has 3 axes, the input [N, 5, 5, 3] has 2 spatial axes",
        "write `2x2`",
    ),
    (
        Conv(filters=4, kernel=(99_999,), rate=(99_999,)),
        IMAGE,
        "rate",
        "kernel 99999x99999 at rate 99999x99999 spans 9999700003x9999700003",
        "",
    ),
    (
        ConvTranspose(filters=4, kernel=(3,), stride=(99_999,)),
        tensor("N", 99_999, "W", 3),
        "stride",
        "the result would be 9999800001x99999*W, and an axis has at most 2,147,483,647 elements",
        "",
    ),
    (
        Pad(paddings=((0, 0), (2**31, 0), (0, 0), (0, 0))),
        IMAGE,
        "paddings",
        "the result would be Nx2147483653x5x3, and an axis has at most 2,147,483,647 elements",
        "",
    ),
    (
        FullyConnected(units=4, axis=1),
        IMAGE,
        "axis",
        "fc acts on the last axis only, 1 is another one of [N, 5, 5, 3]",
        "write `axis=-1`",
    ),
    (Squeeze(axes=(1,)), IMAGE, "axes", "axis 1 of [N, 5, 5, 3] is 5, not 1", ""),
    (Squeeze(axes=(4,)), IMAGE, "axes", "[N, 5, 5, 3] has no axis 4", ""),
    (Squeeze(axes=(-5,)), IMAGE, "axes", "[N, 5, 5, 3] has no axis -5", ""),
    (Squeeze(axes=()), IMAGE, "axes", "squeeze is given no axis", "leave `axes` out, or name one"),
    (ExpandDims(axis=5), IMAGE, "axis", "[N, 5, 5, 3] has no place for an axis 5", ""),
    (Tile(multiples=(1, 2)), IMAGE, "multiples", "2 multiples do not fit [N, 5, 5, 3]", ""),
    (
        Pad(paddings=((1, 1),)),
        IMAGE,
        "paddings",
        "pad has 1 pairs, [N, 5, 5, 3] has 4 axes",
        "a pair for each axis, the batch included",
    ),
    (
        Pad(paddings=((0, 0), (5, 1), (0, 0), (0, 0)), mode="reflect"),
        IMAGE,
        "paddings",
        "reflect can give axis 1 of [N, 5, 5, 3] at most 4 more to a side, not 5",
        "",
    ),
    (
        Pad(paddings=((0, 0), (0, 0), (1, 6), (0, 0)), mode="symmetric"),
        IMAGE,
        "paddings",
        "symmetric can give axis 2 of [N, 5, 5, 3] at most 5 more to a side, not 6",
        "",
    ),
    (Pad(paddings=ALL_PAIRS, value=0.5), COUNTS, "value", "0.5 is no int32, which the tensor is made of", ""),
    (Pad(paddings=ALL_PAIRS, value=float("inf")), COUNTS, "value", "inf is no int32, which the tensor is made of", ""),
    (
        Pad(paddings=ALL_PAIRS, value=256.0),
        tensor(1, 2, 2, 3, dtype=DType.UINT8),
        "value",
        "256 is no uint8, which the tensor is made of",
        "",
    ),
    (
        Reshape(shape=(256, 4)),
        tensor("N", 16, 16, 3),
        "shape",
        "an example of [N, 16, 16, 3] has 768 elements, [256, 4] has 1024",
        "the batch is not written: it stays as it is",
    ),
    (
        Reshape(shape=(-1, 5)),
        tensor("N", 16, 16, 3),
        "shape",
        "an example of [N, 16, 16, 3] has 768 elements, which are no multiple of 5",
        "",
    ),
    (
        Reshape(shape=(dim("H"), 3)),
        tensor("N", "H", 2),
        "shape",
        "an example of [N, H, 2] has 2*H elements, [H, 3] has 3*H",
        "the batch is not written: it stays as it is",
    ),
    (
        Reshape(shape=(dim("A"), dim("B"))),
        tensor("N", "H", 2),
        "shape",
        "the sizes `A` and `B` are not sizes of [N, H, 2]",
        "write -1 for one of them, and sizes of the input for the others",
    ),
]

WEIGHTS = [
    (
        Convolution(stride=(1, 1), padding="same", rate=(1, 1)),
        IMAGE,
        tensor(3, 3, 4, 8),
        "weights [3, 3, 4, 8] do not fit [N, 5, 5, 3]",
    ),
    (
        TransposedConvolution(stride=(1, 1), padding="same"),
        IMAGE,
        tensor(3, 3, 8, 4),
        "weights [3, 3, 8, 4] do not fit [N, 5, 5, 3]",
    ),
    (
        DepthwiseConvolution(stride=(1, 1), padding="same", rate=(1, 1)),
        IMAGE,
        tensor(3, 3, 3),
        "weights [3, 3, 3] do not fit [N, 5, 5, 3]",
    ),
    (MatMul(), FLAT, tensor(11, 3), "weights [11, 3] do not fit [N, 10]"),
    (AddBias(), FLAT, tensor(11), "biases [11] do not fit [N, 10]"),
    (AddBias(), FLAT, tensor(1, 10), "biases [1, 10] do not fit [N, 10]"),
]


def refusal(op: Op, x: TensorType) -> ShapeError:
    with pytest.raises(ShapeError) as caught:
        graph_of(op, x)
    return caught.value


@pytest.mark.parametrize(("op", "x", "message", "help"), RANKS)
def test_a_tensor_of_another_rank_is_refused_with_a_way_out(op: Op, x: TensorType, message: str, help: str) -> None:
    error = refusal(op, x)
    assert (error.message, error.help, error.operand, error.argument) == (message, help, 0, None)


@pytest.mark.parametrize(("op", "x", "message"), TYPES)
def test_a_tensor_of_another_type_or_of_unknown_channels_is_refused(op: Op, x: TensorType, message: str) -> None:
    error = refusal(op, x)
    assert (error.message, error.operand, error.argument) == (message, 0, None)
    assert error.help == (CHANNELS_HELP if "channels" in message else "")


@pytest.mark.parametrize(("op", "x", "argument", "message", "help"), ARGUMENTS)
def test_an_argument_that_does_not_fit_is_refused(
    op: Op, x: TensorType, argument: str, message: str, help: str
) -> None:
    error = refusal(op, x)
    assert (error.message, error.help, error.argument, error.operand) == (message, help, argument, None)


@pytest.mark.parametrize(("op", "x", "weights", "message"), WEIGHTS)
def test_weights_of_another_shape_are_refused(
    op: Convolution | MatMul | AddBias, x: TensorType, weights: TensorType, message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        op.infer(x, weights)
    assert (caught.value.message, caught.value.operand) == (message, 1)


def test_biases_want_a_rank_of_two() -> None:
    with pytest.raises(ShapeError, match=r"^biases want a tensor of rank 2 or more, not \[N\]$"):
        AddBias().infer(tensor("N"), tensor(3))


def test_a_window_must_be_known() -> None:
    with pytest.raises(ShapeError, match=r"^`H` of \[H, 3, 2, 2\] must be known$"):
        known(dim("H"), tensor("H", 3, 2, 2))


@pytest.mark.parametrize(("op", "x", "argument", "message", "help"), ARGUMENTS)
def test_nothing_is_made_where_an_argument_does_not_fit(
    op: Op, x: TensorType, argument: str, message: str, help: str
) -> None:
    """No variable stays behind, whose name the next attempt would find taken."""
    builder = TestBuilder()
    with pytest.raises(ShapeError):
        builder.apply(op, builder.input("x", x))
    assert (builder.variables, builder.nodes) == ([], [])


def test_sizes_with_arithmetic_stand_in_parentheses() -> None:
    assert window_text((dim("H") + 1, dim("W"), 3)) == "(H + 1)xWx3"
