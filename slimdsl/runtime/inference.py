"""A network for inference with its weights, which may be exchanged: traced once, whatever it computes with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from slimdsl.ir.graph import Graph, Tensor, Variable
from slimdsl.runtime.data.fitting import numpy_type
from slimdsl.runtime.network import ImportedNetwork
from slimdsl.weights.source import WeightSource


class InferenceNetwork:
    """A network and the values of its variables.

    Args:
        graph: the network for inference.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._network = ImportedNetwork(graph)
        self._variables: dict[str, tf.Variable] = {}
        signature = {name: tf.TensorSpec(_open(t), t.type.dtype.value, name=name) for name, t in graph.inputs.items()}
        self._run = tf.function(self._outputs, input_signature=[signature], autograph=False)

    def load(self, weights: WeightSource) -> None:
        """Take the values of all variables.

        Raises:
            WeightsError: they cannot be read; some may have been taken.
        """
        for variable in self.graph.variables:
            found = _values(weights, variable)
            if variable.name in self._variables:
                self._variables[variable.name].assign(found)
            else:
                self._variables[variable.name] = tf.Variable(found, trainable=False)

    def run(self, feeds: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The outputs.

        Raises:
            tf.errors.OpError, ValueError: TensorFlow cannot compute them.
        """
        found: dict[str, tf.Tensor] = self._run({name: feeds[name] for name in self.graph.inputs})
        return found

    def _outputs(self, feeds: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        names = list(self._network.outputs)
        values = {name: variable.read_value() for name, variable in self._variables.items()}
        found = self._network.call([self._network.outputs[name] for name in names], feeds, values)
        return dict(zip(names, found, strict=True))


def _open(tensor: Tensor) -> list[int | None]:
    return [dim if isinstance(dim, int) else None for dim in tensor.type.shape]


def _values(weights: WeightSource, variable: Variable) -> tf.Tensor:
    content = bytearray()
    weights.write(variable, content.extend)
    return tf.constant(np.frombuffer(content, numpy_type(variable.tensor.type.dtype)).reshape(variable.shape))
