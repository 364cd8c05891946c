"""What slices, layouts, reductions, embeddings and recurrent layers refuse, in which words, and what they blame."""

from __future__ import annotations

import pytest

from slimdsl.ops.attention import Attention
from slimdsl.ops.base import Op, Primitive, ShapeError
from slimdsl.ops.dropout import DropPath
from slimdsl.ops.embedding import AddPositions, Embedding, OneHot, PositionEmbedding, Prepend, PrependTokens, Unembed
from slimdsl.ops.gradient import ScaleGradient
from slimdsl.ops.layer_scale import LayerScale, ScaleChannels
from slimdsl.ops.layout import Cast, DepthToSpace, Reverse, SpaceToDepth, Transpose
from slimdsl.ops.math import Abs, Clip, Exp, Neg, Scale, Shift, Sqrt
from slimdsl.ops.matrix import MaskFuture, MatrixProduct
from slimdsl.ops.recurrent import Gru, Lstm, LstmStep
from slimdsl.ops.reduce import ArgMax, ReduceMax, ReduceMean, ReduceSum
from slimdsl.ops.resize import Resize, Upsample
from slimdsl.ops.slicing import Index, Slice, SplitPart
from slimdsl.ops.spatial_softmax import ExpectedPlaces, SpatialSoftmax
from slimdsl.ops.unit import Maxout, UnitNorm
from slimdsl.types import DType, TensorType
from tests.harness import TestBuilder, graph_of, tensor

IMAGE = tensor("N", 6, 5, 3)
OPEN = tensor("N", "H", "W", 3)
COUNTS = tensor("N", 6, 5, 3, dtype=DType.INT32)
TRUTHS = tensor("N", 6, dtype=DType.BOOL)
SEQUENCE = tensor("N", 7, 6)
IDS = tensor("N", 7, dtype=DType.INT32)
CAST_HELP = "`cast(int32)` before it makes integers of numbers"
SEQUENCE_HELP = "`reshape([positions, channels])` before it makes a sequence of it"

OPERANDS = [
    (Abs(), TRUTHS, "abs wants a tensor of numbers, this one is bool", ""),
    (Neg(), tensor(3, dtype=DType.UINT8), "neg wants numbers that may be negative, this tensor is uint8", ""),
    (Exp(), COUNTS, "exp wants a floating-point tensor, this one is int32", ""),
    (Sqrt(), COUNTS, "sqrt wants a floating-point tensor, this one is int32", ""),
    (Scale(factor=2), TRUTHS, "scale wants a tensor of numbers, this one is bool", ""),
    (ReduceMean(axes=(1,)), COUNTS, "reduce_mean wants a floating-point tensor, this one is int32", ""),
    (ReduceSum(axes=(1,)), TRUTHS, "reduce_sum wants a tensor of numbers, this one is bool", ""),
    (ArgMax(), TRUTHS, "argmax wants a tensor of numbers, this one is bool", ""),
    (Cast(dtype="int32"), tensor(3, dtype=DType.STRING), "cast wants a tensor of numbers, this one is string", ""),
    (
        Resize(size=(2,), method="bilinear"),
        COUNTS,
        "resize by `bilinear` wants a floating-point tensor, this one is int32",
        "",
    ),
    (Upsample(factor=(2,)), tensor(1, 2, 2, 1, dtype=DType.BFLOAT16), "upsample cannot be done on bfloat16", ""),
    (ScaleGradient(factor=2), COUNTS, "scale_gradient wants a floating-point tensor, this one is int32", ""),
    (DropPath(keep_prob=0.5), COUNTS, "drop_path wants a floating-point tensor, this one is int32", ""),
    (DropPath(keep_prob=0.5), tensor(), "drop_path wants a tensor with a batch, this one is a scalar", ""),
    (UnitNorm(axis=1), COUNTS, "unit_norm wants a floating-point tensor, this one is int32", ""),
    (Maxout(units=2), tensor(4), "maxout wants a tensor of rank 2 or more, not [4]", ""),
    (
        SpatialSoftmax(),
        tensor(1, 2, 2, 1, dtype=DType.FLOAT64),
        "spatial_softmax wants a float32 tensor, this one is float64",
        "",
    ),
    (
        MaskFuture(),
        tensor("N", 4, 5),
        "mask_future wants scores of each position for each, [N, L, L], not [N, 4, 5]",
        "",
    ),
    (Attention(heads=2), IMAGE, "attention wants a tensor of rank 3, this one has rank 4: [N, 6, 5, 3]", SEQUENCE_HELP),
    (Lstm(units=4), tensor("N", 4), "lstm wants a tensor of rank 3, this one has rank 2: [N, 4]", SEQUENCE_HELP),
    (
        Gru(units=4),
        tensor("N", "L", 4),
        "gru wants a known number of positions, this tensor has `L`: [N, L, 4]",
        "give the input a number for that axis",
    ),
    (
        Embedding(vocabulary=9, size=2),
        SEQUENCE,
        "embedding wants a tensor of int32 or int64, this one is float32",
        CAST_HELP,
    ),
    (Embedding(vocabulary=9, size=2), TRUTHS, "embedding wants a tensor of int32 or int64, this one is bool", ""),
    (OneHot(depth=9), SEQUENCE, "one_hot wants a tensor of int32 or int64, this one is float32", CAST_HELP),
    (Unembed(vocabulary=9), IDS, "unembed wants a floating-point tensor, this one is int32", ""),
    (Unembed(vocabulary=9), tensor("N"), "unembed wants a tensor of rank 2 or more, not [N]", ""),
    (
        PositionEmbedding(),
        IMAGE,
        "position_embedding wants a tensor of rank 3, this one has rank 4: [N, 6, 5, 3]",
        SEQUENCE_HELP,
    ),
    (
        PrependTokens(),
        IMAGE,
        "prepend_tokens wants a tensor of rank 3, this one has rank 4: [N, 6, 5, 3]",
        SEQUENCE_HELP,
    ),
    (LayerScale(), tensor("N"), "layer_scale wants a tensor of rank 2 or more, not [N]", ""),
]

ARGUMENTS = [
    (Scale(factor=0.5), COUNTS, "factor", "0.5 is no int32, which the tensor is made of", ""),
    (Shift(offset=2**40), COUNTS, "offset", "1.09951e+12 is no int32, which the tensor is made of", ""),
    (Clip(), IMAGE, "min", "clip is given no bound", "write `min=0`, `max=1`, or both"),
    (Clip(min=2, max=1), IMAGE, "min", "min 2 is above max 1", ""),
    (Clip(max=0.5), COUNTS, "max", "0.5 is no int32, which the tensor is made of", ""),
    (ReduceMax(axes=()), IMAGE, "axes", "reduce_max is given no axis", "name at least one"),
    (ReduceMax(axes=(4,)), IMAGE, "axes", "[N, 6, 5, 3] has no axis 4", ""),
    (ArgMax(axis=-5), IMAGE, "axis", "[N, 6, 5, 3] has no axis -5", ""),
    (Slice(axis=4), IMAGE, "axis", "[N, 6, 5, 3] has no axis 4", ""),
    (Slice(axis=1, start=7), IMAGE, "start", "axis 1 of [N, 6, 5, 3] has no place 7", ""),
    (Slice(axis=1, stop=-7), IMAGE, "stop", "axis 1 of [N, 6, 5, 3] has no place -7", ""),
    (Slice(axis=1, start=3, stop=3), IMAGE, "stop", "nothing lies from 3 to before 3 on axis 1 of [N, 6, 5, 3]", ""),
    (Slice(axis=1, start=6), IMAGE, "start", "nothing lies from 6 to before the end on axis 1 of [N, 6, 5, 3]", ""),
    (
        Slice(axis=1, start=-3, stop=4),
        OPEN,
        "stop",
        "it is not known how much lies from -3 to before 4, as `H` is not known",
        "count both from the same side",
    ),
    (Index(place=6), IMAGE, "place", "axis 1 of [N, 6, 5, 3] has no place 6", ""),
    (SplitPart(part=2, of=2), IMAGE, "part", "there is no part 2 of 2, they are counted from 0", ""),
    (SplitPart(part=0, of=2), IMAGE, "of", "axis 3 of [N, 6, 5, 3] cannot be cut into 2 equal parts", ""),
    (
        Transpose(perm=(0, 2, 1)),
        IMAGE,
        "perm",
        "[0, 2, 1] is no order of the 4 axes of [N, 6, 5, 3]",
        "each of 0, 1, 2, 3 once",
    ),
    (Reverse(axes=()), IMAGE, "axes", "reverse is given no axis", "name at least one"),
    (DepthToSpace(block=2), IMAGE, "block", "3 channels are no multiple of 2x2", ""),
    (SpaceToDepth(block=2), IMAGE, "block", "[N, 6, 5, 3] cannot be cut into blocks of 2x2", ""),
    (Resize(), IMAGE, "size", "resize is given neither of `size` and `factor`", "give one of them"),
    (Resize(size=(2,), factor=(2,)), IMAGE, "size", "resize is given both of `size` and `factor`", "give one of them"),
    (
        Resize(size=(2,), align_corners=True, half_pixel_centers=True),
        IMAGE,
        "align_corners",
        "`align_corners` and `half_pixel_centers` exclude each other",
        "",
    ),
    (
        Upsample(factor=(2, 2, 2)),
        IMAGE,
        "factor",
        "factor 2x2x2 has 3 axes, the input [N, 6, 5, 3] has 2 spatial axes",
        "write `2x2`",
    ),
    (UnitNorm(axis=4), IMAGE, "axis", "[N, 6, 5, 3] has no axis 4", ""),
    (Maxout(units=2), IMAGE, "units", "3 channels cannot be cut into 2 groups of one size", ""),
    (
        Attention(heads=4),
        SEQUENCE,
        "heads",
        "6 channels cannot be divided by 4 heads",
        "give `size`, the channels of each head",
    ),
    (PositionEmbedding(length=5), SEQUENCE, "length", "length 5 is less than the 7 positions there are", ""),
    (
        PositionEmbedding(),
        tensor("N", "L", 6),
        "length",
        "the number of positions `L` is not known",
        "give a `length`",
    ),
]

PAIRS = [
    (MatrixProduct(), IMAGE, SEQUENCE, "branch 2 is float32[N, 7, 6], branch 1 is float32[N, 6, 5, 3]", 1),
    (
        MatrixProduct(),
        SEQUENCE,
        SEQUENCE,
        "branch 2 is float32[N, 7, 6], branch 1 is float32[N, 7, 6]: rows of 6 and columns of 7 cannot be multiplied",
        1,
    ),
    (MatrixProduct(), SEQUENCE, tensor(2), "branch 2 is [2], which has fewer than two axes", 1),
    (MatrixProduct(), SEQUENCE, IDS, "branch 2 is int32[N, 7], matmul wants floating-point tensors", 1),
    (
        MatrixProduct(transpose_b=True),
        tensor(2, 7, 6),
        tensor(3, 7, 6),
        "branch 2 is float32[3, 7, 6], branch 1 is float32[2, 7, 6]",
        1,
    ),
    (
        MatrixProduct(),
        tensor(2, 2),
        tensor(2, 2, dtype=DType.FLOAT64),
        "branch 2 is float64[2, 2], branch 1 is float32[2, 2]",
        1,
    ),
    (AddPositions(), SEQUENCE, tensor(7, 5), "positions [7, 5] do not fit [N, 7, 6]", 1),
    (Prepend(), SEQUENCE, tensor(1, 5), "tokens [1, 5] do not fit [N, 7, 6]", 1),
    (ScaleChannels(), SEQUENCE, tensor(5), "factors [5] do not fit [N, 7, 6]", 1),
    (ExpectedPlaces(), IMAGE, tensor(1), "the temperature is float32[1], not a number", 1),
]


def refusal(op: Op, x: TensorType) -> ShapeError:
    with pytest.raises(ShapeError) as caught:
        graph_of(op, x)
    return caught.value


@pytest.mark.parametrize(("op", "x", "message", "help"), OPERANDS)
def test_a_tensor_that_does_not_fit_is_refused(op: Op, x: TensorType, message: str, help: str) -> None:
    error = refusal(op, x)
    assert (error.message, error.help, error.operand, error.argument) == (message, help, 0, None)


@pytest.mark.parametrize(("op", "x", "argument", "message", "help"), ARGUMENTS)
def test_an_argument_that_does_not_fit_is_refused(
    op: Op, x: TensorType, argument: str, message: str, help: str
) -> None:
    error = refusal(op, x)
    assert (error.message, error.help, error.argument, error.operand) == (message, help, argument, None)


@pytest.mark.parametrize(("op", "x", "other", "message", "operand"), PAIRS)
def test_two_tensors_that_do_not_fit_are_refused(
    op: Primitive, x: TensorType, other: TensorType, message: str, operand: int
) -> None:
    with pytest.raises(ShapeError) as caught:
        op.infer(x, other)
    assert (caught.value.message, caught.value.operand) == (message, operand)


def test_matmul_multiplies_two() -> None:
    with pytest.raises(ShapeError, match="matmul multiplies two tensors, not 3"):
        MatrixProduct().infer(SEQUENCE, SEQUENCE, SEQUENCE)


def test_a_step_wants_all_its_gates() -> None:
    with pytest.raises(ShapeError, match=r"\[N, 7\] is not 4 \* 2 numbers"):
        LstmStep(units=2, forget_bias=0.0).infer(tensor("N", 7))


@pytest.mark.parametrize(("op", "x", "argument", "message", "help"), ARGUMENTS)
def test_nothing_is_made_where_an_argument_does_not_fit(
    op: Op, x: TensorType, argument: str, message: str, help: str
) -> None:
    builder = TestBuilder()
    with pytest.raises(ShapeError):
        builder.apply(op, builder.input("x", x))
    assert (builder.variables, builder.nodes) == ([], [])
