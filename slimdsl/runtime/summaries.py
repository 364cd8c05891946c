"""What TensorBoard is shown of a step besides its numbers: how the network's activations are spread, and images.

As TF-Slim's `train_image_classifier` has them: a histogram and the share of zeros of every end point. They are computed
once more from the batch, the variables and the random numbers of the step, by a function of its own, so that a step
costs what it costs without them. The function changes nothing and speaks to no other process: the chief sees its share
of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import summary_pb2

from slimdsl.ir.graph import Graph
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.distribution import Distribution
from slimdsl.runtime.network import ImportedNetwork
from slimdsl.runtime.precision import mixed
from slimdsl.runtime.spread import Spread, both, histogram_of, spread_of, zero_fraction
from slimdsl.types import DTYPES

IMAGES = 3
"""How many images of a batch are shown."""

_COLOURS = (1, 3, 4)


class Summaries:
    """Looks at steps before they are taken.

    Args:
        graph: the training graph.
        recipe: the recipe.
        variables: the network's, by name, as training changes them.
        precision: of the step.
        seed: of the training.
        distribution: which share of the batch this process has.
    """

    def __init__(
        self,
        graph: Graph,
        recipe: Recipe,
        variables: Mapping[str, tf.Variable],
        *,
        precision: str = "float32",
        seed: int = 0,
        distribution: Distribution,
    ) -> None:
        self._graph = graph
        self._precision = precision
        self._variables = variables
        self._seed = seed - (seed >> 63 << 64)
        self._shown = tuple(dict.fromkeys((*graph.inputs, *recipe.inputs)))
        self._replicas = distribution.replicas
        local = distribution.replicas // distribution.workers
        self._first_replica = distribution.worker * local
        self._parts = recipe.accumulate
        self._pieces = local * recipe.accumulate
        self._network: ImportedNetwork | None = None
        self._compute = tf.function(self._spread, autograph=False)

    def of(self, batch: Mapping[str, tf.Tensor], step: int) -> list[Any]:
        """The summaries of a step, before it is taken.

        The first call traces a function, which takes seconds for a large network.

        Args:
            batch: what this process gives to the step.
            step: the steps done before it.

        Returns:
            Values of a summary: ``activations/<end point>``, ``sparsity/<end point>``, ``images/<input>/<number>``.
        """
        return [*self._activations(batch, step), *image_values({name: batch[name] for name in self._shown})]

    def _activations(self, batch: Mapping[str, tf.Tensor], step: int) -> list[Any]:
        points = self._graph.end_points
        if not points:
            return []
        if self._network is None:
            self._network = ImportedNetwork(mixed(self._graph, DTYPES[self._precision]))
        given = {name: batch[name] for name in self._network.inputs}
        parts = self._compute(given, tf.constant(step, tf.int64))
        found = Spread.joined(part.numpy() for part in parts)
        values = []
        for name, index in self._numbered().items():
            histogram = histogram_of(found, index)
            if histogram is not None:
                values.append(summary_pb2.Summary.Value(tag=f"activations/{name}", histo=histogram))
            share = zero_fraction(found.counts[index])
            values.append(summary_pb2.Summary.Value(tag=f"sparsity/{name}", simple_value=share))
        return values

    def _numbered(self) -> dict[str, int]:
        """End point -> the number of its tensor: a scope and the last one within it share theirs."""
        assert self._network is not None
        points = self._network.graph.end_points
        tensors = list(dict.fromkeys(tensor.name for tensor in points.values()))
        return {name: tensors.index(tensor.name) for name, tensor in points.items()}

    def _spread(self, batch: dict[str, tf.Tensor], step: tf.Tensor) -> list[tf.Tensor]:
        """`Spread.parts` of all end points, over all pieces that the step cuts this process' batch into."""
        net, pieces = self._network, self._pieces
        assert net is not None
        tensors = list(dict.fromkeys(tensor.name for tensor in net.graph.end_points.values()))
        values = {v.name: self._variables[v.name].read_value() for v in net.graph.variables}
        typed = {name: tf.cast(tensor, net.graph.inputs[name].type.dtype.value) for name, tensor in batch.items()}
        # Replica after replica and in each part after part, as the engine draws for them.
        first_draw = (step * self._replicas + self._first_replica) * self._parts

        def of(given: dict[str, tf.Tensor], index: tf.Tensor) -> Spread:
            draw = tf.stack([tf.constant(self._seed, tf.int64), first_draw + tf.cast(index, tf.int64)])
            return spread_of(net.call(tensors, given, values, draw, step))

        if pieces == 1:
            return of(typed, tf.constant(0)).parts()
        split = {
            name: tf.reshape(tensor, [pieces, tensor.shape[0] // pieces, *tensor.shape[1:]])
            for name, tensor in typed.items()
        }

        def piece(index: tf.Tensor) -> Spread:
            return of({name: tensor[index] for name, tensor in split.items()}, index)

        def body(index: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
            return (index + 1, *both(Spread.joined(sums), piece(index)).parts())

        # The first piece gives the shapes of what the others are added to.
        first = (tf.constant(1), *piece(tf.constant(0)).parts())
        _, *sums = tf.while_loop(lambda index, *_: index < pieces, body, first, parallel_iterations=1)
        return list(sums)


def image_values(batch: Mapping[str, tf.Tensor]) -> list[Any]:
    """The first images of a batch, each from its darkest to its brightest number, as values of a summary.

    Args:
        batch: name -> tensor; those that are no images are passed over.
    """
    values = []
    for name, tensor in batch.items():
        if tensor.shape.rank == 4 and tensor.shape[3] in _COLOURS and min(tensor.shape[1:3]) > 0:
            for number, pixels in enumerate(tf.cast(tensor[:IMAGES], tf.float32).numpy()):
                image = summary_pb2.Summary.Image(
                    height=pixels.shape[0],
                    width=pixels.shape[1],
                    colorspace=pixels.shape[2],
                    encoded_image_string=tf.io.encode_png(_bytes(pixels)).numpy(),
                )
                values.append(summary_pb2.Summary.Value(tag=f"images/{name}/{number}", image=image))
    return values


def _bytes(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Numbers as 0 to 255; what is not finite is 0, and so is an image with one number alone."""
    finite = np.isfinite(pixels)
    numbers = pixels[finite].astype(np.float64)
    low, high = (np.min(numbers), np.max(numbers)) if numbers.size else (0.0, 0.0)
    scale = 255 / (high - low) if high > low else 0.0
    known = np.where(finite, pixels, low).astype(np.float64)
    scaled: npt.NDArray[np.uint8] = ((known - low) * scale).round().astype(np.uint8)
    return scaled
