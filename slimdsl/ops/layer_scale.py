"""Channels multiplied by a trained vector."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import InitializerKind, arg
from slimdsl.ops.base import Builder, Initializer, Layer, Operand, Primitive, ShapeError
from slimdsl.ops.initializers import Constant
from slimdsl.ops.windows import known_channels
from slimdsl.types import TensorType, shape_text, surely_unequal
from slimdsl.values import value


@value
class ScaleChannels(Primitive):
    """Multiply by a vector along the last axis: ``[N, …, C] * [C]``."""

    name: ClassVar[str] = "scale_channels"
    node_name: ClassVar[str] = "mul"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        x, factors = inputs
        if not x.rank or factors.rank != 1 or surely_unequal(x.shape[-1], factors.shape[0]):
            raise ShapeError(f"factors {shape_text(factors.shape)} do not fit {shape_text(x.shape)}", operand=1)
        return x


@value
class LayerScale(Layer):
    """Multiply each channel by a trained factor that begins small. Paper: https://arxiv.org/abs/2103.17239.

    Takes ``[N, …, C]`` and gives the same. Makes ``gamma`` [C]. Example: ``layer_scale``.
    """

    name: ClassVar[str] = "layer_scale"
    scope_name: ClassVar[str] = "LayerScale"
    weights_init: Initializer = arg(InitializerKind(), Constant(value=1e-6), doc="first values of the factors")
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the factors and multiply."""
        require_floating(self.name, x.type)
        if x.type.rank < 2:
            raise ShapeError(f"layer_scale wants a tensor of rank 2 or more, not {shape_text(x.type.shape)}", operand=0)
        channels = known_channels(self.name, x.type)
        gamma = builder.variable(
            "gamma", (channels,), initializer=self.weights_init, trainable=self.trainable, dtype=x.type.dtype
        )
        return builder.emit(ScaleChannels(), x, gamma)
