"""A network inside a TensorFlow function: the part of its graph that is wanted, with its variables and inputs bound.

Nodes that read a variable, placeholders, the random seed and the step are taken out and what is bound put in their
place, because a stripped placeholder is the only one that XLA compiles; what nothing consumes is left out, because an
unused entry of an input map is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from slimdsl.backends.graphdef.emitter import GraphEmitter
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.ir.graph import Graph
from slimdsl.ir.verify import verify


class ImportedNetwork:
    """A graph, emitted, ready to be imported into any number of functions.

    Args:
        graph: the network.
        seed: what first values are drawn from.

    Attributes:
        graph: as given.
        inputs: name -> tensor.
        outputs: name -> tensor.
        updates: name of a variable -> the tensor with its value after the step.
        regularization_loss: the tensor with the sum of all penalties; "" where there are none.
        definition: the GraphDef.
    """

    def __init__(self, graph: Graph, seed: int = 0) -> None:
        verify(graph)
        emitter = GraphEmitter(graph, "graphdef", seed)
        emitter.add_nodes()
        emission = emitter.emission()
        self.graph = graph
        self.inputs = dict(emission.inputs)
        self.outputs = dict(emission.outputs)
        self.updates = {u.variable.name: emitter.tensor_name(u.new_value) for u in graph.updates}
        self.regularization_loss = emission.regularization_loss
        self._variables = dict(emission.variables)
        self._random_seed = emission.random_seed
        self._training_step = emission.training_step
        self._first_values = list(emitter.first_values)
        self.definition = tf.compat.v1.GraphDef.FromString(graph_bytes(emission, None))
        self._nodes: dict[str, Any] = {node.name: node for node in self.definition.node}

    def first_values(self) -> dict[str, tf.Tensor]:
        """The value that each variable begins with, as the graph's own initialisers draw it."""
        drawn = tf.function(
            lambda: self._imported([_with_index(name) for name in self._first_values], {}), autograph=False
        )()
        return dict(zip((variable.name for variable in self.graph.variables), drawn, strict=True))

    def call(
        self,
        tensors: Sequence[str],
        inputs: Mapping[str, tf.Tensor],
        variables: Mapping[str, tf.Tensor],
        random_seed: tf.Tensor | None = None,
        step: tf.Tensor | None = None,
    ) -> list[tf.Tensor]:
        """Compute tensors of the network, inside a function.

        Args:
            tensors: their names.
            inputs: name of each input that they depend on -> its value.
            variables: name of each variable that they depend on -> its value.
            random_seed: int64 [2], which decides everything random; None for the graph's own.
            step: int64 scalar, the steps of the training done before; None for the end of whatever changes with it.
        """
        bound = {self._variables[name]: tensor for name, tensor in variables.items() if name in self._variables}
        bound.update({self.inputs[name]: tensor for name, tensor in inputs.items() if name in self.inputs})
        if self._random_seed and random_seed is not None:
            bound[self._random_seed] = random_seed
        if self._training_step and step is not None:
            bound[self._training_step] = step
        return self._imported(tensors, bound)

    def _imported(self, tensors: Sequence[str], bound: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        wanted = [name for name in tensors if name not in bound]
        needed = self._needed(wanted, bound)
        part = tf.compat.v1.GraphDef(node=[node for name, node in self._nodes.items() if name in needed])
        part.versions.CopyFrom(self.definition.versions)
        read = {_with_index(name) for node in part.node for name in node.input}
        # An eager tensor cannot stand in an input map.
        used = {name: tf.identity(tensor) for name, tensor in bound.items() if name in read}
        found = tf.graph_util.import_graph_def(part, input_map=used, return_elements=wanted, name="") if wanted else []
        made = dict(zip(wanted, found, strict=True))
        return [bound[name] if name in bound else made[name] for name in tensors]

    def _needed(self, tensors: Sequence[str], bound: Mapping[str, tf.Tensor]) -> set[str]:
        """The nodes that the tensors come from, as far as the bound ones."""
        waiting = [name.partition(":")[0] for name in tensors]
        needed: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in needed:
                continue
            needed.add(name)
            sources = [source for source in self._nodes[name].input if _with_index(source) not in bound]
            waiting += [source.removeprefix("^").partition(":")[0] for source in sources]
        return needed


def _with_index(name: str) -> str:
    return name if ":" in name else f"{name}:0"
