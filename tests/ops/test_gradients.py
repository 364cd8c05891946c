"""TensorFlow can differentiate what the newer layers are lowered to: each variable gets a gradient that is a number."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.ops.attention import Attention
from slimdsl.ops.base import Op, Operand
from slimdsl.ops.conv import Conv, ConvSame
from slimdsl.ops.dense import FullyConnected
from slimdsl.ops.embedding import Embedding, PositionEmbedding, PrependTokens, Unembed
from slimdsl.ops.layer_scale import LayerScale
from slimdsl.ops.layout import DepthToSpace, Reverse, SpaceToDepth, Transpose
from slimdsl.ops.math import Clip, Scale
from slimdsl.ops.pool import MaxPool
from slimdsl.ops.recurrent import Gru, Lstm
from slimdsl.ops.reduce import ReduceMax, ReduceMean
from slimdsl.ops.resize import Resize, Upsample
from slimdsl.ops.slicing import Index, Slice, SplitPart
from slimdsl.ops.spatial_softmax import SpatialSoftmax
from slimdsl.ops.unit import Maxout, UnitNorm
from slimdsl.types import DType, TensorType
from tests.harness import TestBuilder, graph_def, graph_of, numbers, sizes_of, tensor, tensorflow

IMAGE = tensor("N", 6, 6, 4)
SEQUENCE = tensor("N", 5, 4)
BEFORE_IMAGE = Conv(filters=4, kernel=(1,), activation=None)
BEFORE_SEQUENCE = FullyConnected(units=4, activation=None, axis=-1)


@pytest.mark.parametrize(
    ("op", "x"),
    [
        (ConvSame(filters=3, kernel=(3,), stride=(2,)), IMAGE),
        (MaxPool(kernel=(3,), padding=((1, 1),)), IMAGE),
        *(
            (op, IMAGE)
            for op in (
                Scale(factor=2), Clip(min=-9), Transpose(perm=(0, 2, 1, 3)), Reverse(axes=(1,)), DepthToSpace(block=2),
                SpaceToDepth(block=2), Resize(size=(3,), method="bilinear"), Upsample(factor=(2,)), SpatialSoftmax(),
                Maxout(units=2), UnitNorm(axis=3), LayerScale(), ReduceMean(axes=(1, 2)), ReduceMax(axes=(3,)),
                Slice(axis=1, start=1, stop=3), SplitPart(part=1, of=2),
            )
        ),
        *(
            (op, SEQUENCE)
            for op in (
                Attention(heads=2, causal=True), Lstm(units=3), Gru(units=3), Gru(units=3, reset_after=False),
                PositionEmbedding(length=9), PrependTokens(), Unembed(vocabulary=7), Index(place=-1),
            )
        ),
        (Embedding(vocabulary=100, size=3), tensor("N", 5, dtype=DType.INT32)),
    ],
)  # fmt: skip
def test_every_variable_has_a_gradient(op: Op, x: TensorType) -> None:
    def build(builder: TestBuilder, source: Operand) -> Operand:
        if x.dtype.floating:
            source = builder.apply(BEFORE_IMAGE if x.rank == 4 else BEFORE_SEQUENCE, source)
        return builder.apply(op, source)

    graph = graph_of(build, x, training=True)
    fed = numbers("x", sizes_of(x.shape, {"N": 2}), x.dtype)
    tf = tensorflow()
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph_def(graph), name="")
        y = imported.get_tensor_by_name(graph.outputs["y"].name)
        reads = [imported.get_tensor_by_name(f"{v.name}:0") for v in graph.variables]
        slopes = [tf.convert_to_tensor(slope) for slope in tf.compat.v1.gradients(y * y, reads)]
        with tf.compat.v1.Session() as session:
            for array in session.run(slopes, {"x:0": fed}):
                assert np.isfinite(array).all()
                assert array.any()
