"""What changes gradients and no value."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import NumberKind, arg
from slimdsl.ops.base import Primitive
from slimdsl.types import TensorType
from slimdsl.values import value


@value
class ScaleGradient(Primitive):
    """The tensor itself, its gradient multiplied by a number. TF-Slim: ``scale_gradient``.

    With the factor 0, what stands above is not trained through this tensor; -1 turns the gradient round. Opens no
    scope: `as` names the node. Example: ``scale_gradient(0.1)``.
    """

    name: ClassVar[str] = "scale_gradient"
    node_name: ClassVar[str] = "ScaleGradient"
    factor: float = arg(NumberKind(), doc="what the gradient is multiplied by")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_floating(self.name, x)
        return x
