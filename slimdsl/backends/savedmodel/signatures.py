"""Signatures: what a server offers under a name, with its inputs and outputs by their names."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.backends.savedmodel.messages import message, shape_message, type_number
from slimdsl.types import TensorType
from slimdsl.values import Value, value

SERVING_DEFAULT = "serving_default"
TRAIN = "train"
_METHOD = "tensorflow/serving/predict"


@value
class Port(Value):
    """An input or an output of a signature: its tensor in the graph and its type."""

    tensor: str
    type: TensorType


@value
class Signature(Value):
    """A signature.

    Attributes:
        name: ``serving_default`` or ``train``.
        inputs: name -> input.
        outputs: name -> output.
    """

    name: str
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]

    @property
    def text(self) -> str:
        """For people: ``serving_default: images -> logits, predictions``."""
        return f"{self.name}: {', '.join(self.inputs)} -> {', '.join(self.outputs)}"

    @property
    def definition(self) -> bytes:
        """The SignatureDef."""
        return message(
            "SignatureDef",
            inputs={name: _tensor_info(port) for name, port in self.inputs.items()},
            outputs={name: _tensor_info(port) for name, port in self.outputs.items()},
            method_name=_METHOD,
        )


def _tensor_info(port: Port) -> bytes:
    return message(
        "TensorInfo", name=port.tensor, dtype=type_number(port.type.dtype), tensor_shape=shape_message(port.type)
    )
