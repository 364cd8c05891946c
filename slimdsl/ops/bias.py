"""Biases: the node that adds them, the layer `bias_add`, and how layers with weights end."""

from __future__ import annotations

from typing import ClassVar, Protocol

from slimdsl.ops.activations import require_floating
from slimdsl.ops.base import Applicable, Builder, Initializer, Layer, Operand, Primitive, Regularizer, ShapeError
from slimdsl.ops.layer_arguments import (
    activation_argument,
    biases_init_argument,
    biases_reg_argument,
    trainable_argument,
)
from slimdsl.ops.windows import known_channels
from slimdsl.types import TensorType, shape_text, surely_unequal
from slimdsl.values import value


@value
class AddBias(Primitive):
    """Add a vector along the last axis: ``[N, …, C] + [C]``. TensorFlow: ``tf.nn.bias_add``."""

    name: ClassVar[str] = "add_bias"
    node_name: ClassVar[str] = "BiasAdd"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        x, biases = inputs
        if x.rank < 2:
            raise ShapeError(f"biases want a tensor of rank 2 or more, not {shape_text(x.shape)}", operand=0)
        if biases.rank != 1 or surely_unequal(x.shape[-1], biases.shape[0]):
            raise ShapeError(f"biases {shape_text(biases.shape)} do not fit {shape_text(x.shape)}", operand=1)
        return x


class WeightedLayer(Protocol):
    """The arguments that say how a layer with weights ends."""

    @property
    def activation(self) -> Applicable | None:
        """What is applied last."""
        ...

    @property
    def norm(self) -> Applicable | None:
        """What stands in place of the biases."""
        ...

    @property
    def biases_init(self) -> Initializer | None:
        """First values of the biases; None for no biases."""
        ...

    @property
    def biases_reg(self) -> Regularizer | None:
        """Penalty on the biases."""
        ...

    @property
    def trainable(self) -> bool:
        """Whether the biases are trained."""
        ...


def add_biases(
    builder: Builder, x: Operand, initializer: Initializer, regularizer: Regularizer | None, trainable: bool
) -> Operand:
    """Make the variable ``biases``, one for each channel, and add it."""
    biases = builder.variable(
        "biases",
        (x.type.shape[-1],),
        initializer=initializer,
        regularizer=regularizer,
        trainable=trainable,
        dtype=x.type.dtype,
    )
    return builder.emit(AddBias(), x, biases)


def complete(builder: Builder, result: Operand, layer: WeightedLayer) -> Operand:
    """End a layer as TF-Slim's do: the normaliser or else the biases, then the activation."""
    if layer.norm is not None:
        result = builder.layer(layer.norm, result)
    elif layer.biases_init is not None:
        result = add_biases(builder, result, layer.biases_init, layer.biases_reg, layer.trainable)
    return result if layer.activation is None else builder.layer(layer.activation, result)


@value
class BiasAdd(Layer):
    """Add a trained bias to each channel. TF-Slim: ``bias_add``.

    Takes ``[N, …, C]`` of rank 2 or more and gives the same shape. Makes the variable ``biases`` [C].
    Example: ``bias_add(activation=relu)``.
    """

    name: ClassVar[str] = "bias_add"
    scope_name: ClassVar[str] = "BiasAdd"
    activation: Applicable | None = activation_argument(relu=False)
    biases_init: Initializer | None = biases_init_argument()
    biases_reg: Regularizer | None = biases_reg_argument()
    trainable: bool = trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the biases and add them."""
        if self.biases_init is None:
            raise ShapeError("bias_add without biases does nothing", argument="biases_init", help="leave the layer out")
        require_floating(self.name, x.type)
        if x.type.rank < 2:
            shape = shape_text(x.type.shape)
            raise ShapeError(
                f"bias_add wants a tensor of rank 2 or more, this one has rank {x.type.rank}: {shape}",
                operand=0,
                help="`reshape([channels])` gives each example an axis of channels",
            )
        known_channels(self.name, x.type)
        result = add_biases(builder, x, self.biases_init, self.biases_reg, self.trainable)
        return result if self.activation is None else builder.layer(self.activation, result)
