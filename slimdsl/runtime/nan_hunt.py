"""Which layer made the first NaN: the step is computed once more with every tensor between its layers looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.ir.graph import Graph
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.layer_names import layer_text
from slimdsl.runtime.losses import loss_values
from slimdsl.runtime.network import ImportedNetwork
from slimdsl.runtime.precision import mixed
from slimdsl.types import DTYPES


class NotFiniteError(Exception):
    """A loss or a variable became NaN or infinite; the message says in which step, and where it came from."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class NanHunt:
    """Looks for the first tensor that is not finite.

    Args:
        graph: the training graph.
        recipe: the recipe.
        precision: that of the training.
        seed: that of the training.
    """

    def __init__(self, graph: Graph, recipe: Recipe, *, precision: str, seed: int) -> None:
        self._graph = graph
        self._recipe = recipe
        self._net = ImportedNetwork(mixed(graph, DTYPES[precision]), seed)
        self._seed = seed - (seed >> 63 << 64)

    def find(self, batch: Mapping[str, tf.Tensor], variables: Mapping[str, tf.Variable], step: int) -> str:
        """Where the first NaN or infinity of a step comes from, in words; "" where the step makes none.

        Args:
            batch: what the step was given.
            variables: as they were before the step, by name.
            step: the steps done before it.
        """
        for name, tensor in batch.items():
            if _is_bad(tensor):
                return f"the data have it: the batch's `{name}`"
        for variable in self._net.graph.variables:
            if _is_bad(variables[variable.name]):
                return f"the variable `{variable.name}` has it already: an earlier step or `--init` put it there"
        parts = self._recipe.accumulate
        for part in range(parts):
            size = {name: tensor.shape[0] // parts for name, tensor in batch.items()}
            given = {name: tensor[part * size[name] : (part + 1) * size[name]] for name, tensor in batch.items()}
            found = self._find_in_part(given, variables, step * parts + part)
            if found:
                return found
        return ""

    def _find_in_part(self, batch: Mapping[str, tf.Tensor], variables: Mapping[str, tf.Variable], draw: int) -> str:
        net = self._net
        values = {variable.name: variables[variable.name].read_value() for variable in net.graph.variables}
        inputs = {name: tf.cast(batch[name], net.graph.inputs[name].type.dtype.value) for name in net.inputs}
        names = [tensor.name for node in net.graph.nodes for tensor in node.results]
        made = [node for node in net.graph.nodes for _ in node.results]
        penalty = [net.regularization_loss] if net.regularization_loss else []
        seed = tf.constant([self._seed, draw], tf.int64)
        outputs = list(net.outputs.values())

        def compute() -> tuple[Any, Any, Any]:
            found = net.call([*names, *outputs, *penalty], inputs, values, seed, seed[1] // self._recipe.accumulate)
            # Where it is is all that is wanted: the tensors themselves may be too large to be kept together.
            flags = [_not_finite(tensor) for tensor in found[: len(names)]]
            given = {**dict(zip(net.outputs, found[len(names) :], strict=False)), **batch}
            losses = loss_values(self._recipe, given)
            return flags, losses, [_not_finite(tensor) for tensor in found[len(names) + len(outputs) :]]

        flags, losses, penalties = tf.function(compute)()
        for node, flag in zip(made, flags, strict=True):
            if bool(flag):
                return f"{layer_text(self._graph, node.name)}, in its tensor `{node.name}`"
        for name, loss in losses.items():
            if _is_bad(loss):
                return f"the loss `{name}`: all that the network gives is finite"
        return "the sum of the regularization losses" if any(bool(flag) for flag in penalties) else ""


def _not_finite(tensor: tf.Tensor) -> tf.Tensor:
    if not tensor.dtype.is_floating:
        return tf.constant(False)
    return tf.logical_not(tf.reduce_all(tf.math.is_finite(tensor)))


def _is_bad(tensor: Any) -> bool:
    value = tf.convert_to_tensor(tensor)
    return bool(np.asarray(_not_finite(value)))
