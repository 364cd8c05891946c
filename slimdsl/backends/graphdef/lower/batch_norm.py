"""The nodes of batch normalisation as TensorFlow's."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.norm import mean_over, squared_difference, standardize
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.batch_norm import BatchMean, BatchVariance, FusedBatchNorm, MovingAverage, Standardize
from slimdsl.types import DType


def lower_fused_batch_norm(node: Node, op: FusedBatchNorm, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``FusedBatchNormV3``; its parameters are float32 whatever x is, and constants where there is no variable."""
    x, *vectors = inputs
    channels = node.inputs[0].type.shape[-1]
    count = channels if isinstance(channels, int) else 0

    def constant(label: str, number: float) -> str:
        return out.const(out.unique(f"{node.name}/{label}"), [number] * count, DType.FLOAT32, (count,))

    gamma = vectors.pop(0) if op.scale else constant("gamma", 1.0)
    beta = vectors.pop(0) if op.center else constant("beta", 0.0)
    if op.training:
        # The kernel wants the two inputs all the same, empty.
        vectors = [out.const(out.unique(f"{node.name}/empty"), [], DType.FLOAT32, (0,))] * 2
    out.node(
        "FusedBatchNormV3",
        node.name,
        [x, gamma, beta, *vectors],
        T=node.inputs[0].type.dtype,
        U=DType.FLOAT32,
        epsilon=op.epsilon,
        data_format="NHWC" if node.inputs[0].type.rank == 4 else "NDHWC",
        is_training=op.training,
    )
    return (node.name, f"{node.name}:1", f"{node.name}:2") if op.training else (node.name,)


def lower_batch_mean(node: Node, op: BatchMean, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``Mean`` over all axes but the last."""
    axes = range(node.inputs[0].type.rank - 1)
    return (mean_over(node.name, _wide(node, inputs[0], out), axes, node.results[0].type.dtype, out),)


def lower_batch_variance(
    node: Node,
    op: BatchVariance,
    inputs: Sequence[str],
    out: NodeWriter,
) -> tuple[str, ...]:
    """The mean of the squared differences from the mean."""
    x, mean = inputs
    dtype = node.results[0].type.dtype
    squares = squared_difference(node.name, _wide(node, x, out), mean, dtype, out)
    return (mean_over(node.name, squares, range(node.inputs[0].type.rank - 1), dtype, out),)


def _wide(node: Node, tensor: str, out: NodeWriter) -> str:
    """The first input in the type of the statistics."""
    narrow, wide = node.inputs[0].type.dtype, node.results[0].type.dtype
    if narrow is wide:
        return tensor
    return out.node("Cast", out.unique(f"{node.name}/Cast"), [tensor], SrcT=narrow, DstT=wide)


def lower_standardize(node: Node, op: Standardize, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """The formula, statistics and parameters being vectors."""
    x, mean, variance, *parameters = inputs
    gamma = parameters.pop(0) if op.scale else None
    beta = parameters.pop(0) if op.center else None
    statistics = (mean, variance, node.inputs[1].type.dtype)
    return (standardize(node, x, statistics, gamma, beta, op.epsilon, out),)


def lower_moving_average(node: Node, op: MovingAverage, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Lower moving - (moving - batch) · (1 - decay), in the order of TensorFlow's ``assign_moving_average``."""
    moving, batch = inputs
    dtype = node.results[0].type.dtype
    rate = out.const(out.unique(f"{node.name}/decay"), 1.0 - op.decay, dtype)
    away = out.node("Sub", out.unique(f"{node.name}/sub"), [moving, batch], T=dtype)
    step = out.node("Mul", out.unique(f"{node.name}/mul"), [away, rate], T=dtype)
    return (out.node("Sub", node.name, [moving, step], T=dtype),)
