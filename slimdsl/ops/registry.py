"""Every op there is: what may be written, and the primitives that layers are built of. Alphabetical by family."""

from __future__ import annotations

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
from slimdsl.ops.attention import Attention
from slimdsl.ops.base import Op
from slimdsl.ops.batch_norm import (
    BatchMean,
    BatchNorm,
    BatchVariance,
    FusedBatchNorm,
    MovingAverage,
    Standardize,
)
from slimdsl.ops.bias import AddBias, BiasAdd
from slimdsl.ops.conv import Conv, Convolution, ConvSame, ConvTranspose, TransposedConvolution
from slimdsl.ops.dense import FullyConnected, MatMul
from slimdsl.ops.dropout import Dropout, DropPath, RandomDrop
from slimdsl.ops.embedding import (
    AddPositions,
    Embedding,
    Lookup,
    OneHot,
    PositionEmbedding,
    Prepend,
    PrependTokens,
    Unembed,
)
from slimdsl.ops.gradient import ScaleGradient
from slimdsl.ops.layer_scale import LayerScale, ScaleChannels
from slimdsl.ops.layout import Cast, DepthToSpace, Reverse, SpaceToDepth, Transpose
from slimdsl.ops.lrn import Lrn
from slimdsl.ops.math import Abs, Clip, Cos, Exp, Log, Neg, Power, Rsqrt, Scale, Shift, Sign, Sin, Sqrt, Square
from slimdsl.ops.matrix import MaskFuture, MatrixProduct
from slimdsl.ops.merge import Add, Concat, Maximum, Merge, Minimum, Mul, Pack, Sub
from slimdsl.ops.norm import GroupNorm, InstanceNorm, LayerNorm, Normalize, NormalizeGroups
from slimdsl.ops.pool import AveragePooling, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, MaxPooling, Subsample
from slimdsl.ops.recurrent import Gru, GruStep, Lstm, LstmStep, Unstack
from slimdsl.ops.reduce import ArgMax, ReduceMax, ReduceMean, ReduceMin, ReduceSum
from slimdsl.ops.reshape import Flatten, Reshape
from slimdsl.ops.resize import Resize, Upsample
from slimdsl.ops.separable import ConvInPlane, DepthwiseConv, DepthwiseConvolution, SeparableConv
from slimdsl.ops.shape import ExpandDims, Identity, Pad, Squeeze, Tile
from slimdsl.ops.slicing import Index, Slice, SplitPart
from slimdsl.ops.softmax import MergeRows, Softmax, SoftmaxRows, SplitRows
from slimdsl.ops.spatial_softmax import ExpectedPlaces, SpatialSoftmax
from slimdsl.ops.unit import DivideByLength, GroupMaximum, Maxout, UnitNorm

ALL_OPS: tuple[type[Op], ...] = (
    # activations
    Elu, Gelu, HardSigmoid, HardSwish, LeakyRelu, LogSoftmax, PlainSoftmax, Relu, Relu6, Selu, Sigmoid, Silu,
    Softplus, Tanh,
    # attention
    Attention,
    # batch_norm
    BatchMean, BatchNorm, BatchVariance, FusedBatchNorm, MovingAverage, Standardize,
    # bias
    AddBias, BiasAdd,
    # conv
    Conv, ConvSame, ConvTranspose, Convolution, TransposedConvolution,
    # dense
    FullyConnected, MatMul,
    # dropout
    DropPath, Dropout, RandomDrop,
    # embedding
    AddPositions, Embedding, Lookup, OneHot, PositionEmbedding, Prepend, PrependTokens, Unembed,
    # gradient
    ScaleGradient,
    # layer_scale
    LayerScale, ScaleChannels,
    # layout
    Cast, DepthToSpace, Reverse, SpaceToDepth, Transpose,
    # lrn
    Lrn,
    # math
    Abs, Clip, Cos, Exp, Log, Neg, Power, Rsqrt, Scale, Shift, Sign, Sin, Sqrt, Square,
    # matrix
    MaskFuture, MatrixProduct,
    # merge
    Add, Concat, Maximum, Minimum, Mul, Pack, Sub,
    # norm
    GroupNorm, InstanceNorm, LayerNorm, Normalize, NormalizeGroups,
    # pool
    AveragePooling, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, MaxPooling, Subsample,
    # recurrent
    Gru, GruStep, Lstm, LstmStep, Unstack,
    # reduce
    ArgMax, ReduceMax, ReduceMean, ReduceMin, ReduceSum,
    # reshape
    Flatten, Reshape,
    # resize
    Resize, Upsample,
    # separable
    ConvInPlane, DepthwiseConv, DepthwiseConvolution, SeparableConv,
    # shape
    ExpandDims, Identity, Pad, Squeeze, Tile,
    # slicing
    Index, Slice, SplitPart,
    # softmax
    MergeRows, Softmax, SoftmaxRows, SplitRows,
    # spatial_softmax
    ExpectedPlaces, SpatialSoftmax,
    # unit
    DivideByLength, GroupMaximum, Maxout, UnitNorm,
)  # fmt: skip
"""Layers and primitives; a `Primitive` that is not `writable` has no spelling in the language."""

ALL_MERGES: tuple[type[Merge], ...] = tuple(op for op in ALL_OPS if issubclass(op, Merge))
"""What takes branches; written differently from layers."""
