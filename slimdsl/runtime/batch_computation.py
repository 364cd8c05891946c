"""What a step computes of its batch, with the variables as they are: losses, gradients, sums of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.eager_network import EagerNetwork
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.gradients import recorded
from slimdsl.runtime.losses import loss_values
from slimdsl.runtime.metrics import metric_sums
from slimdsl.runtime.network import ImportedNetwork
from slimdsl.runtime.optimizers import assign, read
from slimdsl.runtime.rows import rows_of


class BatchComputation:
    """The computation of one replica, whose results are shares: those of all parts and replicas add up to the batch's.

    Args:
        network: the training network.
        recipe: has the losses, the metrics and the number of parts.
        variables: of the network, by their names.
        trained: names of those that have gradients.
        replicas: how many there are.
        seed: of dropout, as an int64.
    """

    def __init__(
        self,
        network: ImportedNetwork | EagerNetwork,
        recipe: Recipe,
        variables: Mapping[str, tf.Variable],
        trained: Sequence[str],
        replicas: int,
        seed: int,
    ) -> None:
        self._net = network
        self._recipe = recipe
        self._model = variables
        self._trained = trained
        self._replicas = replicas
        self._seed = seed

    def __call__(
        self, batch: dict[str, tf.Tensor], step: tf.Tensor, first_draw: tf.Tensor, scale: tf.Tensor | None
    ) -> dict[str, Any]:
        """Compute, at once or in as many parts as the recipe says, and update what batch normalisation keeps.

        Args:
            batch: name of each input of the network and of the recipe -> tensor of a static shape.
            step: the number of the step, int64.
            first_draw: the number of the random draws of the first part, int64; the others follow it.
            scale: what the loss is multiplied by before its gradients are taken, a float32 scalar; None for 1.

        Returns:
            ``gradients``: name of the variable -> gradient, for those that the losses depend on; ``rows``: name -> what
            is known of it besides, where the batch has some rows of a table; ``scalars``: float32,
            the total loss, that of the regularisers, and each loss of the recipe; ``metrics``: sums for each metric.

        Raises:
            EngineError: the losses depend on nothing that is trained.
        """
        parts = self._recipe.accumulate
        if parts == 1:
            return self._part(batch, step, first_draw, scale)
        split = {
            name: tf.reshape(tensor, [parts, tensor.shape[0] // parts, *tensor.shape[1:]])
            for name, tensor in batch.items()
        }

        def part(index: tf.Tensor) -> dict[str, Any]:
            given = {name: tensor[index] for name, tensor in split.items()}
            return self._part(given, step, first_draw + tf.cast(index, tf.int64), scale)

        # The first part gives the shapes of what is summed up over the others.
        total = part(tf.constant(0))
        flat = tf.nest.flatten(total)

        def body(index: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return (index + 1, *(a + b for a, b in zip(sums, tf.nest.flatten(part(index)), strict=True)))

        _, *flat = tf.while_loop(lambda index, *_: index < parts, body, (tf.constant(1), *flat), parallel_iterations=1)
        result: dict[str, Any] = tf.nest.pack_sequence_as(total, flat)
        return result

    def _part(
        self, batch: dict[str, tf.Tensor], step: tf.Tensor, draw: tf.Tensor, scale: tf.Tensor | None
    ) -> dict[str, Any]:
        """Gradients, losses and sums of metrics of a part of the batch, as shares of the whole; makes the updates."""
        net, share = self._net, 1.0 / (self._recipe.accumulate * self._replicas)
        values = {name: read(self._model[name]) for name in (v.name for v in net.graph.variables)}
        updates = {} if self._recipe.freeze_batch_norm else net.updates
        penalty = [net.regularization_loss] if net.regularization_loss else []
        seed = tf.stack([tf.constant(self._seed, tf.int64), draw])
        with recorded({name: values[name] for name in self._trained}) as gradients_of:
            found = net.call([*net.outputs.values(), *updates.values(), *penalty], batch, values, seed, step)
            outputs = dict(zip(net.outputs, found, strict=False))
            losses = loss_values(self._recipe, {**outputs, **batch}, self._recipe.accumulate * self._replicas)
            regularization = found[-1] if penalty else tf.constant(0.0)
            total = tf.add_n([*losses.values(), regularization])
            target = total * share if scale is None else total * share * scale
        gradients = gradients_of(target)
        if not gradients:
            raise EngineError(
                "the losses and penalties depend on none of the variables that are trained, such as "
                f"`{self._trained[0]}`"
            )
        for name, value in zip(updates, found[len(outputs) :], strict=False):
            assign(self._model[name], value)
        return {
            "gradients": {name: tf.convert_to_tensor(each) for name, each in gradients.items()},
            "rows": rows_of(gradients),
            "scalars": [value * share for value in (total, regularization, *losses.values())],
            "metrics": [metric_sums(term, {**outputs, **batch}) for term in self._recipe.metrics],
        }
