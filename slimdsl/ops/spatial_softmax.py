"""Spatial softmax: where in its image each channel is active."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, NumberKind, arg
from slimdsl.ops.base import Builder, Layer, Operand, Primitive, ShapeError
from slimdsl.ops.initializers import Constant, Ones
from slimdsl.ops.windows import known_channels, require_rank
from slimdsl.types import DType, TensorType
from slimdsl.values import value


@value
class ExpectedPlaces(Primitive):
    """The mean place of each channel: ``[N, H, W, C]`` and a temperature give ``[N, 2 * C]``, row before column."""

    name: ClassVar[str] = "expected_places"
    node_name: ClassVar[str] = "spatial_softmax_op/Reshape_3"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        x, temperature = inputs
        require_rank("spatial_softmax", x, (4,))
        if temperature.rank or temperature.dtype is not x.dtype:
            raise ShapeError(f"the temperature is {temperature}, not a number", operand=1)
        return TensorType(dtype=x.dtype, shape=(x.shape[0], x.shape[-1] * 2))


@value
class SpatialSoftmax(Layer):
    """The mean place in the image where each channel is active. TF-Slim: ``spatial_softmax``.

    Takes ``[N, H, W, C]`` and gives ``[N, 2 * C]``: for each channel the row and the column, both from -1 to 1. Makes
    the variable ``temperature`` [], by which all is divided before the softmax. Paper:
    https://arxiv.org/abs/1509.06113. Example: ``spatial_softmax``.
    """

    name: ClassVar[str] = "spatial_softmax"
    scope_name: ClassVar[str] = "spatial_softmax"
    temperature: float | None = arg(
        NumberKind(above=0.0, optional=True), None, doc="first value of the temperature; `none`: 1"
    )
    trainable: bool = arg(BoolKind(), True, doc="whether the temperature is trained")

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the temperature; weigh the places."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (4,))
        known_channels(self.name, x.type)
        if x.type.dtype is not DType.FLOAT32:
            raise ShapeError(f"spatial_softmax wants a float32 tensor, this one is {x.type.dtype.value}", operand=0)
        first = Ones() if self.temperature is None else Constant(value=self.temperature)
        temperature = builder.variable("temperature", (), initializer=first, trainable=self.trainable)
        return builder.emit(ExpectedPlaces(), x, temperature)
