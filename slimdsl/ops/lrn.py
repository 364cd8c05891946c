"""Local response normalisation."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import IntKind, NumberKind, arg
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.ops.windows import MAX_SIZE, require_rank
from slimdsl.types import DType, TensorType
from slimdsl.values import value


@value
class Lrn(Primitive):
    """Divide each element by (bias + alpha * Σ x²) ** beta, the sum over `depth_radius` channels to both sides.

    TensorFlow: ``tf.nn.lrn``, with its defaults. Takes and gives ``[N, H, W, C]``. Opens no scope: `as` names the node.
    Paper: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    Example: ``lrn(4, alpha=0.0001, beta=0.75)``.
    """

    name: ClassVar[str] = "lrn"
    node_name: ClassVar[str] = "LRN"
    depth_radius: int = arg(IntKind(minimum=0, maximum=MAX_SIZE), 5, doc="channels to each side")
    bias: float = arg(NumberKind(), 1.0, doc="the summand, which keeps the divisor from 0")
    alpha: float = arg(NumberKind(), 1.0, doc="the factor before the sum")
    beta: float = arg(NumberKind(), 0.5, doc="the exponent")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.dtype not in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16):
            raise ShapeError(f"lrn wants a float32 tensor, this one is {x.dtype.value}", operand=0)
        require_rank(self.name, x, (4,))
        return x
