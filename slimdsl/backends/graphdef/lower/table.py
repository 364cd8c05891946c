"""Which function lowers which primitive. Alphabetical by family, as the registry of ops.

A lowering adds the TensorFlow nodes of one node of the graph and returns the tensor of each of its results; the first
is that of the node called as the graph's node. Nodes beside it stand below that name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from slimdsl.backends.graphdef.lower.activations import (
    lower_activation,
    lower_gelu,
    lower_hard_sigmoid,
    lower_hard_swish,
    lower_leaky_relu,
    lower_silu,
    lower_tanh,
)
from slimdsl.backends.graphdef.lower.batch_norm import (
    lower_batch_mean,
    lower_batch_variance,
    lower_fused_batch_norm,
    lower_moving_average,
    lower_standardize,
)
from slimdsl.backends.graphdef.lower.bias import lower_add_bias
from slimdsl.backends.graphdef.lower.conv import lower_convolution, lower_transposed_convolution
from slimdsl.backends.graphdef.lower.dense import lower_matmul
from slimdsl.backends.graphdef.lower.dropout import lower_random_drop
from slimdsl.backends.graphdef.lower.embedding import lower_add_positions, lower_lookup, lower_one_hot, lower_prepend
from slimdsl.backends.graphdef.lower.gradient import lower_scale_gradient
from slimdsl.backends.graphdef.lower.layer_scale import lower_scale_channels
from slimdsl.backends.graphdef.lower.layout import (
    lower_cast,
    lower_depth_to_space,
    lower_reverse,
    lower_space_to_depth,
    lower_transpose,
)
from slimdsl.backends.graphdef.lower.lrn import lower_lrn
from slimdsl.backends.graphdef.lower.math import lower_clip, lower_function, lower_power, lower_scale, lower_shift
from slimdsl.backends.graphdef.lower.matrix import lower_mask_future, lower_matrix_product
from slimdsl.backends.graphdef.lower.merge import (
    lower_add,
    lower_concat,
    lower_maximum,
    lower_minimum,
    lower_mul,
    lower_pack,
    lower_sub,
)
from slimdsl.backends.graphdef.lower.norm import lower_normalize, lower_normalize_groups
from slimdsl.backends.graphdef.lower.pool import (
    lower_average_pooling,
    lower_global_avg_pool,
    lower_global_max_pool,
    lower_max_pooling,
)
from slimdsl.backends.graphdef.lower.recurrent import lower_gru_step, lower_lstm_step, lower_unstack
from slimdsl.backends.graphdef.lower.reduce import lower_argmax, lower_reduction
from slimdsl.backends.graphdef.lower.reshape import lower_reshape
from slimdsl.backends.graphdef.lower.resize import lower_resizing
from slimdsl.backends.graphdef.lower.separable import lower_depthwise_convolution
from slimdsl.backends.graphdef.lower.shape import (
    lower_expand_dims,
    lower_identity,
    lower_pad,
    lower_squeeze,
    lower_tile,
)
from slimdsl.backends.graphdef.lower.slicing import lower_index, lower_slice, lower_split_part
from slimdsl.backends.graphdef.lower.softmax import lower_softmax_rows, lower_split_rows
from slimdsl.backends.graphdef.lower.spatial_softmax import lower_expected_places
from slimdsl.backends.graphdef.lower.unit import lower_divide_by_length, lower_group_maximum
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.activations import (
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    LogSoftmax,
    PlainSoftmax,
    Relu,
    Relu6,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
)
from slimdsl.ops.base import Primitive
from slimdsl.ops.batch_norm import BatchMean, BatchVariance, FusedBatchNorm, MovingAverage, Standardize
from slimdsl.ops.bias import AddBias
from slimdsl.ops.conv import Convolution, TransposedConvolution
from slimdsl.ops.dense import MatMul
from slimdsl.ops.dropout import RandomDrop
from slimdsl.ops.embedding import AddPositions, Lookup, OneHot, Prepend
from slimdsl.ops.gradient import ScaleGradient
from slimdsl.ops.layer_scale import ScaleChannels
from slimdsl.ops.layout import Cast, DepthToSpace, Reverse, SpaceToDepth, Transpose
from slimdsl.ops.lrn import Lrn
from slimdsl.ops.math import Abs, Clip, Cos, Exp, Log, Neg, Power, Rsqrt, Scale, Shift, Sign, Sin, Sqrt, Square
from slimdsl.ops.matrix import MaskFuture, MatrixProduct
from slimdsl.ops.merge import Add, Concat, Maximum, Minimum, Mul, Pack, Sub
from slimdsl.ops.norm import Normalize, NormalizeGroups
from slimdsl.ops.pool import AveragePooling, GlobalAvgPool, GlobalMaxPool, MaxPooling
from slimdsl.ops.recurrent import GruStep, LstmStep, Unstack
from slimdsl.ops.reduce import ArgMax, ReduceMax, ReduceMean, ReduceMin, ReduceSum
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.resize import Resize, Upsample
from slimdsl.ops.separable import DepthwiseConvolution
from slimdsl.ops.shape import ExpandDims, Identity, Pad, Squeeze, Tile
from slimdsl.ops.slicing import Index, Slice, SplitPart
from slimdsl.ops.softmax import MergeRows, SoftmaxRows, SplitRows
from slimdsl.ops.spatial_softmax import ExpectedPlaces
from slimdsl.ops.unit import DivideByLength, GroupMaximum
from slimdsl.values import Value, positional

OpT = TypeVar("OpT", bound=Primitive)


@positional
class Lowering(Value, Generic[OpT]):
    """A primitive and the function for it; a function for another primitive is a type error."""

    op_class: type[OpT]
    function: Callable[[Node, OpT, Sequence[str], NodeWriter], tuple[str, ...]]


# Without an annotation each pair is checked by itself.
_PAIRS = (
    Lowering(Elu, lower_activation),
    Lowering(Gelu, lower_gelu),
    Lowering(HardSigmoid, lower_hard_sigmoid),
    Lowering(HardSwish, lower_hard_swish),
    Lowering(LeakyRelu, lower_leaky_relu),
    Lowering(LogSoftmax, lower_activation),
    Lowering(PlainSoftmax, lower_activation),
    Lowering(Relu, lower_activation),
    Lowering(Relu6, lower_activation),
    Lowering(Selu, lower_activation),
    Lowering(Sigmoid, lower_activation),
    Lowering(Silu, lower_silu),
    Lowering(Softplus, lower_activation),
    Lowering(Tanh, lower_tanh),
    Lowering(BatchMean, lower_batch_mean),
    Lowering(BatchVariance, lower_batch_variance),
    Lowering(FusedBatchNorm, lower_fused_batch_norm),
    Lowering(MovingAverage, lower_moving_average),
    Lowering(Standardize, lower_standardize),
    Lowering(AddBias, lower_add_bias),
    Lowering(Convolution, lower_convolution),
    Lowering(TransposedConvolution, lower_transposed_convolution),
    Lowering(MatMul, lower_matmul),
    Lowering(RandomDrop, lower_random_drop),
    Lowering(AddPositions, lower_add_positions),
    Lowering(Lookup, lower_lookup),
    Lowering(OneHot, lower_one_hot),
    Lowering(Prepend, lower_prepend),
    Lowering(ScaleGradient, lower_scale_gradient),
    Lowering(ScaleChannels, lower_scale_channels),
    Lowering(Cast, lower_cast),
    Lowering(DepthToSpace, lower_depth_to_space),
    Lowering(Reverse, lower_reverse),
    Lowering(SpaceToDepth, lower_space_to_depth),
    Lowering(Transpose, lower_transpose),
    Lowering(Lrn, lower_lrn),
    Lowering(Abs, lower_function),
    Lowering(Clip, lower_clip),
    Lowering(Cos, lower_function),
    Lowering(Exp, lower_function),
    Lowering(Log, lower_function),
    Lowering(Neg, lower_function),
    Lowering(Power, lower_power),
    Lowering(Rsqrt, lower_function),
    Lowering(Scale, lower_scale),
    Lowering(Shift, lower_shift),
    Lowering(Sign, lower_function),
    Lowering(Sin, lower_function),
    Lowering(Sqrt, lower_function),
    Lowering(Square, lower_function),
    Lowering(MaskFuture, lower_mask_future),
    Lowering(MatrixProduct, lower_matrix_product),
    Lowering(Add, lower_add),
    Lowering(Concat, lower_concat),
    Lowering(Maximum, lower_maximum),
    Lowering(Minimum, lower_minimum),
    Lowering(Mul, lower_mul),
    Lowering(Pack, lower_pack),
    Lowering(Sub, lower_sub),
    Lowering(Normalize, lower_normalize),
    Lowering(NormalizeGroups, lower_normalize_groups),
    Lowering(AveragePooling, lower_average_pooling),
    Lowering(GlobalAvgPool, lower_global_avg_pool),
    Lowering(GlobalMaxPool, lower_global_max_pool),
    Lowering(MaxPooling, lower_max_pooling),
    Lowering(GruStep, lower_gru_step),
    Lowering(LstmStep, lower_lstm_step),
    Lowering(Unstack, lower_unstack),
    Lowering(ArgMax, lower_argmax),
    Lowering(ReduceMax, lower_reduction),
    Lowering(ReduceMean, lower_reduction),
    Lowering(ReduceMin, lower_reduction),
    Lowering(ReduceSum, lower_reduction),
    Lowering(Reshape, lower_reshape),
    Lowering(Resize, lower_resizing),
    Lowering(Upsample, lower_resizing),
    Lowering(DepthwiseConvolution, lower_depthwise_convolution),
    Lowering(ExpandDims, lower_expand_dims),
    Lowering(Identity, lower_identity),
    Lowering(Pad, lower_pad),
    Lowering(Squeeze, lower_squeeze),
    Lowering(Tile, lower_tile),
    Lowering(Index, lower_index),
    Lowering(Slice, lower_slice),
    Lowering(SplitPart, lower_split_part),
    Lowering(MergeRows, lower_reshape),
    Lowering(SoftmaxRows, lower_softmax_rows),
    Lowering(SplitRows, lower_split_rows),
    Lowering(ExpectedPlaces, lower_expected_places),
    Lowering(DivideByLength, lower_divide_by_length),
    Lowering(GroupMaximum, lower_group_maximum),
)

LOWERINGS: tuple[Lowering[Any], ...] = _PAIRS
"""All lowerings."""
