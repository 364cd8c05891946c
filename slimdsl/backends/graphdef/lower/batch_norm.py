"""The nodes of batch normalisation as TensorFlow's."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.norm import moments, standardize
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.batch_norm import BatchMoments, FusedBatchNorm, MovingAverage, Standardize
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


def lower_batch_moments(node: Node, op: BatchMoments, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:  # noqa: ARG001
    """Mean and variance over all axes but the last, in float32 for the half-precision types."""
    x = node.inputs[0].type
    dtype = node.results[0].type.dtype
    tensor = inputs[0]
    if x.dtype is not dtype:
        tensor = out.node("Cast", out.unique(f"{node.name}/Cast"), [tensor], SrcT=x.dtype, DstT=dtype)
    axes = list(range(x.rank - 1))
    mean, variance = moments(node.name, tensor, axes, dtype, out)
    squeezed = out.node("Squeeze", node.name, [mean], T=dtype, squeeze_dims=axes)
    return (
        squeezed,
        out.node("Squeeze", out.unique(f"{node.name}_1"), [variance], T=dtype, squeeze_dims=axes),
    )


def lower_standardize(node: Node, op: Standardize, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """The formula of ``tf.nn.batch_normalization``."""
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
