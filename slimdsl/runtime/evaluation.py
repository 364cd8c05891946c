"""Evaluating a network: the metrics of its recipe over all examples of a part of the data, each counted once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from slimdsl.ir.graph import Graph
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.data.errors import MissingDataError
from slimdsl.runtime.data.opening import open_data
from slimdsl.runtime.data.pipeline import VALID
from slimdsl.runtime.data.source import DataSource, some_of
from slimdsl.runtime.data.surveying import explain_failure, require_usable
from slimdsl.runtime.data.wanted import Wanted
from slimdsl.runtime.feeding import Feed, batches_of, check_class_names, choose_preprocessing, feed_of
from slimdsl.runtime.inference import InferenceNetwork
from slimdsl.runtime.metrics import Metrics
from slimdsl.runtime.wanted_inputs import wanted_of
from slimdsl.values import Record, field, value
from slimdsl.weights.source import WeightSource


@value
class EvaluationData(Record):
    """What a network is evaluated on.

    Attributes:
        source: the examples.
        feed: which input takes what.
        preprocessing: how images become the input.
        batch: how many examples are run at once.
    """

    source: DataSource = field(repr=False)
    feed: Feed
    preprocessing: str
    batch: int


def evaluation_data(
    graph: Graph,
    recipe: Recipe,
    spec: str,
    split: str = "validation",
    *,
    preprocessing: str = "",
    batch: int | None = None,
    holdout: float | None = None,
    labels_offset: int = 0,
    most: int | None = None,
) -> EvaluationData:
    """Open the data and see whether they go with the network.

    Args:
        graph: the network.
        recipe: says which of its inputs are labels, and how large a batch is where nobody else does.
        spec: as for `open_data`.
        split: likewise.
        preprocessing: its name; "" for that which training takes.
        batch: how many examples are run at once; None for the recipe's batch.
        holdout: as for `open_data`.
        labels_offset: likewise.
        most: how many examples at the most, evenly spread; None for all.

    Raises:
        MissingDataError: there are none, or they are of another sort than the network takes.
        DataError: they cannot be used.
    """
    wanted = wanted_of(graph, recipe, spec)
    source = open_data(
        spec, split, classes=_classes(graph), holdout=holdout, wanted=wanted, labels_offset=labels_offset
    )
    if most is not None:
        source = some_of(source, most)
    feed = feed_of(wanted, source)
    check_class_names(source, feed)
    require_usable(source, classes=feed.classes, channels=feed.channels)
    return EvaluationData(
        source=source,
        feed=feed,
        preprocessing=choose_preprocessing(preprocessing, graph.name, source, feed),
        batch=_batch(wanted, batch, min(batch or recipe.batch, source.count)),
    )


class Evaluator:
    """A network and data, for one set of weights after the other.

    Args:
        graph: the network for inference.
        recipe: whose metrics are computed.
        data: what they are computed over.

    Raises:
        MissingDataError, DataError: there is no such preprocessing, or the images cannot be made what is wanted.
    """

    def __init__(self, graph: Graph, recipe: Recipe, data: EvaluationData) -> None:
        self._network = InferenceNetwork(graph)
        self._metrics = Metrics(recipe)
        self._data = data
        self._batches = batches_of(
            data.source, data.feed, preprocessing=data.preprocessing, batch=data.batch, training=False
        )

    def evaluate(self, weights: WeightSource, advance: Callable[[int], None] = lambda _: None) -> dict[str, float]:
        """Name of each metric -> its value.

        Args:
            weights: the values of the network's variables.
            advance: told after every batch how many examples it had.

        Raises:
            WeightsError: the weights cannot be read.
            DataError: an example cannot be read.
            EngineError: a metric does not go with what the network gives.
        """
        self._network.load(weights)
        self._metrics.reset()
        stream = iter(self._batches)
        while (batch := self._next(stream)) is not None:
            mask = batch.pop(VALID)
            self._metrics.update(self._network.run(batch), batch, mask)
            advance(int(tf.math.count_nonzero(mask)))
        return self._metrics.result()

    def _next(self, stream: Any) -> dict[str, tf.Tensor] | None:
        """The next batch; None after the last.

        Raises:
            DataError: an example cannot be read.
        """
        try:
            found: dict[str, tf.Tensor] | None = next(stream, None)
        except tf.errors.OpError as error:
            raise explain_failure(self._data.source, error, classes=self._data.feed.classes) from error
        return found


def _batch(wanted: Wanted, asked: int | None, usual: int) -> int:
    """How many examples are run at once: what the network is made for, where it says it.

    Raises:
        MissingDataError: another number was asked for.
    """
    fixed = [dim for dim in (type.shape[0] for type in wanted.types.values()) if isinstance(dim, int)]
    if fixed and asked not in (None, fixed[0]):
        raise MissingDataError(f"`{wanted.network}` takes {fixed[0]} examples at once ({wanted.listed}), not {asked}")
    return fixed[0] if fixed else usual


def _classes(graph: Graph) -> int | None:
    """The classes of `logits`, for data that are made up."""
    logits = graph.outputs.get("logits")
    last = logits.type.shape[-1] if logits is not None and logits.type.rank > 1 else None
    return last if isinstance(last, int) else None


def finite(number: float) -> float | None:
    """A number as JSON can hold it: None in the place of NaN and infinities."""
    return number if math.isfinite(number) else None
