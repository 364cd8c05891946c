"""The nodes of layer, instance and group normalisation as TensorFlow's, in TF-Slim's order of operations."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.sizes import target_shape
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.norm import Normalize, NormalizeGroups
from slimdsl.types import DType, Shape


def moments(name: str, x: str, axes: Sequence[int], dtype: DType, out: NodeWriter) -> tuple[str, str]:
    """Mean and variance over `axes`, which stay as axes of size 1; nodes below `name`."""
    indices = out.const(out.unique(f"{name}/reduction_indices"), list(axes), DType.INT32, (len(axes),))
    mean = out.node("Mean", out.unique(f"{name}/mean"), [x, indices], T=dtype, Tidx=DType.INT32, keep_dims=True)
    # The gradient through the mean is zero; TensorFlow's own moments tell its differentiator so.
    still = out.node("StopGradient", out.unique(f"{name}/StopGradient"), [mean], T=dtype) if out.training else mean
    squares = out.node("SquaredDifference", out.unique(f"{name}/SquaredDifference"), [x, still], T=dtype)
    variance = out.node(
        "Mean", out.unique(f"{name}/variance"), [squares, indices], T=dtype, Tidx=DType.INT32, keep_dims=True
    )
    return mean, variance


def example_moments(name: str, x: str, axes: Sequence[int], dtype: DType, out: NodeWriter) -> tuple[str, str]:
    """As `moments`; half-precision types are averaged in float32 and rounded, as ``tf.nn.moments`` does."""
    if dtype in (DType.FLOAT32, DType.FLOAT64):
        return moments(name, x, axes, dtype, out)
    wide = out.node("Cast", out.unique(f"{name}/Cast"), [x], SrcT=dtype, DstT=DType.FLOAT32)
    mean, variance = moments(name, wide, axes, DType.FLOAT32, out)
    return (
        out.node("Cast", out.unique(f"{name}/Cast"), [mean], SrcT=DType.FLOAT32, DstT=dtype),
        out.node("Cast", out.unique(f"{name}/Cast"), [variance], SrcT=DType.FLOAT32, DstT=dtype),
    )


def standardize(
    node: Node,
    x: str,
    statistics: tuple[str, str, DType],
    gamma: str | None,
    beta: str | None,
    epsilon: float,
    out: NodeWriter,
) -> str:
    """``tf.nn.batch_normalization``, its last node called like `node`.

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

    def step(op: str, label: str, *operands: str) -> str:
        return out.node(op, out.unique(f"{node.name}/{label}"), operands, T=wide)

    def narrow(tensor: str) -> str:
        if wide is dtype:
            return tensor
        return out.node("Cast", out.unique(f"{node.name}/Cast"), [tensor], SrcT=wide, DstT=dtype)

    gain = step("Rsqrt", "Rsqrt", _add_epsilon(node, variance, epsilon, wide, out))
    if gamma is not None:
        gain = step("Mul", "mul", gain, gamma)
    shift = step("Mul", "mul", mean, gain)
    shift = step("Neg", "Neg", shift) if beta is None else step("Sub", "sub", beta, shift)
    scaled = out.node("Mul", out.unique(f"{node.name}/mul"), [x, narrow(gain)], T=dtype)
    return out.node("AddV2", node.name, [scaled, narrow(shift)], T=dtype)


def _add_epsilon(node: Node, variance: str, epsilon: float, dtype: DType, out: NodeWriter) -> str:
    constant = out.const(out.unique(f"{node.name}/epsilon"), epsilon, dtype)
    return out.node("AddV2", out.unique(f"{node.name}/add"), [variance, constant], T=dtype)


def lower_normalize(node: Node, op: Normalize, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Moments, then ``tf.nn.batch_normalization``."""
    x, *parameters = inputs
    dtype = node.inputs[0].type.dtype
    gamma = parameters.pop(0) if op.scale else None
    beta = parameters.pop(0) if op.center else None
    mean, variance = example_moments(f"{node.name}/moments", x, op.axes, dtype, out)
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
    mean, variance = example_moments(f"{node.name}/moments", groups, (*op.axes, kind.rank), kind.dtype, out)
    gain = step("Rsqrt", "Rsqrt", _add_epsilon(node, variance, op.epsilon, kind.dtype, out))
    offset = step("mul", "Mul", step("Neg", "Neg", mean), gain)
    if op.scale:
        gamma = parameter("gamma", parameters.pop(0))
        gain, offset = step("mul", "Mul", gain, gamma), step("mul", "Mul", offset, gamma)
    if op.center:
        offset = step("add", "AddV2", offset, parameter("beta", parameters.pop(0)))
    normalized = step("add", "AddV2", step("mul", "Mul", groups, gain), offset)
    return (reshape(node.name, normalized, kind.shape),)
