"""The nodes of layer, instance and group normalisation as TensorFlow's, and what batch normalisation shares of them."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import target_shape
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.norm import Normalize, NormalizeGroups
from slimdsl.types import DType, Shape


def mean_over(name: str, x: str, axes: Sequence[int], dtype: DType, out: NodeWriter, *, keep_dims: bool = False) -> str:
    """The node `name`: the mean over `axes`, which go or stay with size 1."""
    indices = out.const(out.unique(f"{name}/reduction_indices"), tuple(axes), DType.INT32, (len(axes),))
    return out.node("Mean", name, [x, indices], T=dtype, Tidx=DType.INT32, keep_dims=keep_dims)


def squared_difference(name: str, x: str, mean: str, dtype: DType, out: NodeWriter) -> str:
    """(x - mean)², below `name`."""
    if out.training:
        # The gradient through the mean is zero; TensorFlow's own moments tell its differentiator so.
        mean = out.node("StopGradient", out.unique(f"{name}/StopGradient"), [mean], T=dtype)
    return out.node("SquaredDifference", out.unique(f"{name}/SquaredDifference"), [x, mean], T=dtype)


def moments(name: str, x: str, axes: Sequence[int], dtype: DType, out: NodeWriter) -> tuple[str, str]:
    """Mean and variance over `axes`, which stay with size 1; below `name`.

    The half-precision types are averaged in float32 and rounded, as ``tf.nn.moments`` does.
    """
    wide = dtype if dtype in (DType.FLOAT32, DType.FLOAT64) else DType.FLOAT32

    def cast(tensor: str, source: DType, target: DType) -> str:
        if source is target:
            return tensor
        return out.node("Cast", out.unique(f"{name}/Cast"), [tensor], SrcT=source, DstT=target)

    x = cast(x, dtype, wide)
    mean = mean_over(out.unique(f"{name}/mean"), x, axes, wide, out, keep_dims=True)
    squares = squared_difference(name, x, mean, wide, out)
    variance = mean_over(out.unique(f"{name}/variance"), squares, axes, wide, out, keep_dims=True)
    return cast(mean, wide, dtype), cast(variance, wide, dtype)


def standardize(
    node: Node,
    x: str,
    statistics: tuple[str, str, DType],
    gamma: str | None,
    beta: str | None,
    epsilon: float,
    out: NodeWriter,
) -> str:
    """(x - mean) · (gamma / √(variance + epsilon)) + beta, its last node called like `node`.

    The difference comes first, other than in ``tf.nn.batch_normalization``: where the last axes are averaged over,
    TensorFlow's graph optimizer (seen in 2.21 on the CPU) replaces the nodes of that by a kernel that takes 0.001 for
    epsilon, whatever it is, and the parameters of the last axis for all.

    Args:
        node: what is lowered.
        x: the tensor to normalise.
        statistics: mean, variance and the type of these and of gamma and beta.
        gamma: the scale, if there is one.
        beta: the offset, if there is one.
        epsilon: added to the variance.
        out: where the nodes go.
    """
    mean, variance, wide = statistics
    dtype = node.inputs[0].type.dtype

    def narrow(tensor: str) -> str:
        if wide is dtype:
            return tensor
        return out.node("Cast", out.unique(f"{node.name}/Cast"), [tensor], SrcT=wide, DstT=dtype)

    gain = gain_of(node.name, variance, epsilon, wide, out)
    if gamma is not None:
        gain = out.node("Mul", out.unique(f"{node.name}/mul"), [gain, gamma], T=wide)
    away = out.node("Sub", out.unique(f"{node.name}/sub"), [x, narrow(mean)], T=dtype)
    if beta is None:
        return out.node("Mul", node.name, [away, narrow(gain)], T=dtype)
    scaled = out.node("Mul", out.unique(f"{node.name}/mul"), [away, narrow(gain)], T=dtype)
    return out.node("AddV2", node.name, [scaled, narrow(beta)], T=dtype)


def gain_of(name: str, variance: str, epsilon: float, dtype: DType, out: NodeWriter) -> str:
    """1 / √(variance + epsilon), below `name`."""
    constant = out.const(out.unique(f"{name}/epsilon"), epsilon, dtype)
    total = out.node("AddV2", out.unique(f"{name}/add"), [variance, constant], T=dtype)
    return out.node("Rsqrt", out.unique(f"{name}/Rsqrt"), [total], T=dtype)


def lower_normalize(node: Node, op: Normalize, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Moments, then the formula."""
    x, *parameters = inputs
    dtype = node.inputs[0].type.dtype
    gamma = parameters.pop(0) if op.scale else None
    beta = parameters.pop(0) if op.center else None
    mean, variance = moments(f"{node.name}/moments", x, op.axes, dtype, out)
    return (standardize(node, x, (mean, variance, dtype), gamma, beta, op.epsilon, out),)


def lower_normalize_groups(node: Node, op: NormalizeGroups, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``[N, …, C]`` to ``[N, …, groups, C / groups]``, moments, gain and offset, and back."""
    x, *parameters = inputs
    kind = node.inputs[0].type
    last = (op.groups, kind.shape[-1] // op.groups)

    def step(label: str, op_name: str, *operands: str) -> str:
        return out.node(op_name, out.unique(f"{node.name}/{label}"), operands, T=kind.dtype)

    def reshape(name: str, tensor: str, shape: Shape) -> str:
        target, index = target_shape(out, name, x, kind, shape)
        return out.node("Reshape", name, [tensor, target], T=kind.dtype, Tshape=index)

    def parameter(label: str, tensor: str) -> str:
        return reshape(out.unique(f"{node.name}/{label}"), tensor, (*(1 for _ in kind.shape[:-1]), *last))

    groups = reshape(out.unique(f"{node.name}/groups"), x, (*kind.shape[:-1], *last))
    mean, variance = moments(f"{node.name}/moments", groups, (*op.axes, kind.rank), kind.dtype, out)
    gain = gain_of(node.name, variance, op.epsilon, kind.dtype, out)
    offset = step("mul", "Mul", step("Neg", "Neg", mean), gain)
    if op.scale:
        gamma = parameter("gamma", parameters.pop(0))
        gain, offset = step("mul", "Mul", gain, gamma), step("mul", "Mul", offset, gamma)
    if op.center:
        offset = step("add", "AddV2", offset, parameter("beta", parameters.pop(0)))
    normalized = step("add", "AddV2", step("mul", "Mul", groups, gain), offset)
    return (reshape(node.name, normalized, kind.shape),)
