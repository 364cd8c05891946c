"""Regularisers as TensorFlow's nodes: the penalty on each variable, and their sum."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Variable
from slimdsl.ops.regularizers import penalizes, scales
from slimdsl.types import DType

REGULARIZATION_LOSS = "regularization_loss"
"""The name of the scalar that is the sum of all penalties."""


def lower_regularization(variables: Sequence[tuple[Variable, str]], out: NodeWriter) -> str | None:
    """Add the penalties, below ``<variable>/Regularizer/``, and their sum.

    Args:
        variables: variables, each with the tensor of its value; those without a penalty are passed over.
        out: where the nodes go.

    Returns:
        The tensor `REGULARIZATION_LOSS`, or None where nothing is penalised. It is float32 whatever the variables are.
    """
    penalties = [
        _as_float32(variable, _penalty(variable, tensor, out), out)
        for variable, tensor in variables
        if penalizes(variable.regularizer)
    ]
    if not penalties:
        return None
    return out.node("AddN", out.unique(REGULARIZATION_LOSS), penalties, N=len(penalties), T=DType.FLOAT32)


def _penalty(variable: Variable, tensor: str, out: NodeWriter) -> str:
    """l1 · Σ|w| + l2 · Σw² / 2, of the variable's type."""
    dtype = variable.tensor.type.dtype
    l1, l2 = scales(variable.regularizer)
    base = f"{variable.name}/Regularizer"
    parts = []
    if l1:
        size = out.node("Abs", out.unique(f"{base}/Abs"), [tensor], T=dtype)
        axes = out.const(out.unique(f"{base}/axes"), range(len(variable.shape)), DType.INT32, (len(variable.shape),))
        total = out.node("Sum", out.unique(f"{base}/Sum"), [size, axes], T=dtype, Tidx=DType.INT32, keep_dims=False)
        scale = out.const(out.unique(f"{base}/l1/scale"), l1, dtype)
        parts.append(out.node("Mul", out.unique(f"{base}/l1"), [scale, total], T=dtype))
    if l2:
        half = out.node("L2Loss", out.unique(f"{base}/L2Loss"), [tensor], T=dtype)
        scale = out.const(out.unique(f"{base}/l2/scale"), l2, dtype)
        parts.append(out.node("Mul", out.unique(f"{base}/l2"), [scale, half], T=dtype))
    return parts[0] if len(parts) == 1 else out.node("AddV2", out.unique(f"{base}/add"), parts, T=dtype)


def _as_float32(variable: Variable, penalty: str, out: NodeWriter) -> str:
    dtype = variable.tensor.type.dtype
    if dtype is DType.FLOAT32:
        return penalty
    name = out.unique(f"{variable.name}/Regularizer/Cast")
    return out.node("Cast", name, [penalty], SrcT=dtype, DstT=DType.FLOAT32)
