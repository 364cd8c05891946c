"""Which layer made the first NaN: the step is computed once more with every tensor between its layers looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.ir.graph import Graph, Tensor
from slimdsl.recipe.optimizers import Ftrl
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.layer_names import layer_text
from slimdsl.runtime.losses import loss_values
from slimdsl.runtime.network import ImportedNetwork
from slimdsl.runtime.precision import mixed
from slimdsl.runtime.scaling import SCALE_STATE
from slimdsl.types import DTYPES
from slimdsl.values import Record, value


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
        """Where the first NaN or infinity of a step comes from, as a clause.

        Tensors are looked at in the order of the network, then losses, then gradients from the losses backwards.

        Args:
            batch: what the step was given.
            variables: as they were before the step, by name.
            step: the steps done before it.
        """
        for name, tensor in batch.items():
            if _is_bad(tensor):
                return f"the first of it is in the data: the batch's `{name}`"
        for variable in self._net.graph.variables:
            if _is_bad(variables[variable.name]):
                return f"the first of it is in the variable `{variable.name}`, from before that step"
        parts = self._recipe.accumulate
        for part in range(parts):
            size = {name: tensor.shape[0] // parts for name, tensor in batch.items()}
            given = {name: tensor[part * size[name] : (part + 1) * size[name]] for name, tensor in batch.items()}
            found = self._find_in_part(given, variables, step * parts + part)
            if found:
                return f"the first of it is in {found}"
        finite = "all tensors and gradients of that step are finite"
        if isinstance(self._recipe.optimizer, Ftrl):
            return f"{finite}: ftrl divides by the learning rate, which must not become 0, or it is too large a step"
        return f"{finite}: it is too large a step, so a smaller learning rate or `clip_global_norm` may help"

    def _find_in_part(self, batch: Mapping[str, tf.Tensor], variables: Mapping[str, tf.Variable], draw: int) -> str:
        net = self._net
        values = {variable.name: variables[variable.name].read_value() for variable in net.graph.variables}
        inputs = {name: tf.cast(batch[name], net.graph.inputs[name].type.dtype.value) for name in net.inputs}
        made = [(node, tensor) for node in net.graph.nodes for tensor in node.results]
        penalty = [net.regularization_loss] if net.regularization_loss else []
        seed = tf.constant([self._seed, draw], tf.int64)
        # That of the step, as the engine has it.
        scale = variables[SCALE_STATE].read_value() if SCALE_STATE in variables else tf.constant(1.0)

        def compute() -> _Computed:
            names = [*(tensor.name for _, tensor in made), *net.outputs.values(), *penalty]
            found = net.call(names, inputs, values, seed, seed[1] // self._recipe.accumulate)
            given = {**dict(zip(net.outputs, found[len(made) :], strict=False)), **batch}
            losses = loss_values(self._recipe, given)
            penalties = found[len(found) - len(penalty) :]
            tensors = {
                **{variable.tensor: values[variable.name] for variable in net.graph.variables},
                **dict(zip((tensor for _, tensor in made), found, strict=False)),
            }
            total = tf.add_n([*losses.values(), *penalties]) / self._recipe.accumulate
            return _Computed(tensors=tensors, losses=losses, penalties=penalties, target=total * scale)

        def flags() -> tuple[Any, Any, Any, Any]:
            found = compute()
            # Where it is is all that is wanted: the tensors themselves may be too large to be kept together.
            forward = [_not_finite(found.tensors[tensor]) for _, tensor in made]
            gradients = [_not_finite(each) for each in _gradients(found.target, list(found.tensors.values()))]
            return forward, found.losses, [_not_finite(each) for each in found.penalties], gradients

        forward, losses, penalties, backward = tf.function(flags, autograph=False)()
        for (node, _), flag in zip(made, forward, strict=True):
            if bool(flag):
                return f"{layer_text(self._graph, node.name)}, in its tensor `{node.name}`"
        for name, loss in losses.items():
            if _is_bad(loss):
                return f"the loss `{name}`: all that the network gives is finite"
        if any(bool(flag) for flag in penalties):
            return "the sum of the regularization losses"
        order = [*(variable.tensor for variable in net.graph.variables), *(tensor for _, tensor in made)]
        bad = {tensor for tensor, flag in zip(order, backward, strict=True) if bool(flag)}
        return self._first_gradient(bad, compute) if bad else ""

    def _first_gradient(self, bad: set[Tensor], compute: Callable[[], _Computed]) -> str:
        """Which operation made the first gradient that is not finite, on the way back from the losses.

        A tensor's gradient is the sum of what all the operations that take it give back, and the losses, so that each
        of them is asked what it gives back.

        Args:
            bad: the tensors whose gradients are not finite.
            compute: the step once more, inside a function.
        """
        nodes = [
            node
            for node in reversed(self._net.graph.nodes)
            if bad.intersection(node.inputs) and not bad.intersection(node.results)
        ]

        def given_back() -> list[list[tf.Tensor]]:
            found = compute()
            flags = []
            for node in nodes:
                results = [t for t in (found.tensors[r] for r in node.results) if t.dtype.is_floating]
                taken = [found.tensors[tensor] for tensor in node.inputs if tensor in bad]
                # Through this operation alone, and not through others between its inputs.
                stops = [found.tensors[tensor] for tensor in node.inputs if tensor in found.tensors]
                ahead = _gradients(found.target, results)
                back = tf.gradients(results, taken, grad_ys=ahead, stop_gradients=stops)
                flags.append([_not_finite(_dense(each, like)) for each, like in zip(back, taken, strict=True)])
            return flags

        for node, flags in zip(nodes, tf.function(given_back, autograph=False)(), strict=True):
            for tensor, flag in zip((tensor for tensor in node.inputs if tensor in bad), flags, strict=True):
                if bool(flag):
                    where = layer_text(self._graph, node.name)
                    return f"the gradient of {where}, for `{tensor.node}`: its tensors and the losses are finite"
        last = [tensor.node for node in self._net.graph.nodes for tensor in node.results if tensor in bad][-1:]
        at = f"at {layer_text(self._graph, last[0])}" if last else "for a variable"
        return f"the gradient of the losses {at}: all tensors are finite"


@value
class _Computed(Record):
    """A step inside of a function, as far as its losses.

    Attributes:
        tensors: of variables and between operations, by the graph's.
        losses: by name.
        penalties: the sum of the regularization losses; empty for none.
        target: what gradients are taken of.
    """

    tensors: Mapping[Tensor, tf.Tensor]
    losses: Mapping[str, tf.Tensor]
    penalties: Sequence[tf.Tensor]
    target: tf.Tensor


def _gradients(target: tf.Tensor, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Gradients for tensors, each as a whole; zeros where there is none."""
    return [_dense(each, like) for each, like in zip(tf.gradients(target, tensors), tensors, strict=True)]


def _dense(gradient: tf.Tensor | tf.IndexedSlices | None, like: tf.Tensor) -> tf.Tensor:
    return tf.zeros_like(like) if gradient is None else tf.convert_to_tensor(gradient)


def _not_finite(tensor: tf.Tensor) -> tf.Tensor:
    if not tensor.dtype.is_floating:
        return tf.constant(False)
    return tf.logical_not(tf.reduce_all(tf.math.is_finite(tensor)))


def _is_bad(tensor: Any) -> bool:
    value = tf.convert_to_tensor(tensor)
    return bool(np.asarray(_not_finite(value)))
