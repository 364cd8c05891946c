"""The batches of a training from any step on, the first of which is read before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.data.source import DataSource
from slimdsl.runtime.data.surveying import explain_failure
from slimdsl.runtime.devices import ahead_on_device
from slimdsl.runtime.distribution import Distribution
from slimdsl.runtime.feeding import Feed, batches_of
from slimdsl.runtime.training import Batch


class Batches:
    """Called with a step, the batches from there on.

    Args:
        source: the data.
        feed: what they are for.
        preprocessing: what images go through.
        recipe: says the batch and the seed.
        shuffle: False for the data in their own order.
        distribution: which share of each batch is this process'.
    """

    def __init__(
        self,
        source: DataSource,
        feed: Feed,
        *,
        preprocessing: str,
        recipe: Recipe,
        shuffle: bool,
        distribution: Distribution,
    ) -> None:
        self._source = source
        self._feed = feed
        self._preprocessing = preprocessing
        self._recipe = recipe
        self._shuffle = shuffle
        self._distribution = distribution
        self._begun: tuple[int, Batch, Iterator[Batch]] | None = None

    def first(self, start: int) -> Batch:
        """The batch of the step after `start`, which whoever asks for the batches from there on gets as well.

        Raises:
            DataError: the data cannot be read, with the file and the record.
        """
        iterator = self._from(start)
        batch = next(iterator)
        self._begun = (start, batch, iterator)
        return batch

    def __call__(self, start: int) -> Iterator[Batch]:
        """The batches from a step on.

        Raises:
            DataError: as `first`.
        """
        begun, self._begun = self._begun, None
        if begun is None or begun[0] != start:
            yield from self._from(start)
            return
        _, batch, iterator = begun
        # Not held any longer than any other.
        del begun
        yield batch
        del batch
        yield from iterator

    def _from(self, start: int) -> Iterator[Batch]:
        distribution = self._distribution
        found = batches_of(
            self._source,
            self._feed,
            preprocessing=self._preprocessing,
            batch=self._recipe.batch,
            seed=self._recipe.seed,
            training=True,
            start_step=start,
            shuffle=self._shuffle,
            shard=(distribution.worker, distribution.workers),
        )
        # Several replicas take their shares of a batch to their own devices.
        iterator = iter(ahead_on_device(found) if distribution.replicas == 1 else found)
        while True:
            try:
                batch = next(iterator)
            except tf.errors.OpError as error:
                raise explain_failure(self._source, error, classes=self._feed.classes) from error
            yield batch
