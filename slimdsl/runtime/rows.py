"""Tables of which a batch has some rows alone, as an embedding's: which these are, and how large their gradients.

TensorFlow gives such a gradient as slices, one for each time that a row was looked up, and TF-Slim's optimizers touch
no other row. Here gradients are whole, because XLA compiles no updates of slices and GPUs have few; what the slices say
besides goes with them. Where anything else takes the whole table, as a penalty does, there are no slices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import tensorflow as tf

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices


class Rows(NamedTuple):
    """What the slices of a gradient say; those of parts of a batch add up.

    Attributes:
        counts: how often each row was looked up, float32 [rows].
        squares: the sum of the squares of the slices, a float32 scalar. A row that was looked up twice has two slices,
            and TF-Slim clips by their norm.
    """

    counts: tf.Tensor
    squares: tf.Tensor

    def scaled(self, factor: float | tf.Tensor) -> Rows:
        """The same for a gradient that has been multiplied."""
        return Rows(self.counts, self.squares * factor * factor)

    def numbers(self) -> tf.Tensor:
        """The rows that were looked up, each once and in order, int64 [k]."""
        return tf.where(self.counts > 0.0)[:, 0]

    def chosen(self, there: tf.Tensor, elsewhere: tf.Tensor) -> tf.Tensor:
        """A table with the rows that the batch has from one, all others from another."""
        looked_up = tf.reshape(self.counts > 0.0, [-1] + [1] * (there.shape.rank - 1))
        return tf.where(looked_up, there, elsewhere)


def rows_of(gradients: Mapping[str, Gradient]) -> dict[str, Rows]:
    """What there is to say of the gradients that are slices, by the names of their variables."""
    return {name: _rows(each) for name, each in gradients.items() if isinstance(each, tf.IndexedSlices)}


def _rows(slices: tf.IndexedSlices) -> Rows:
    values = tf.cast(slices.values, tf.float32)
    ones = tf.ones(tf.shape(slices.indices), tf.float32)
    counts = tf.math.unsorted_segment_sum(ones, slices.indices, slices.shape[0])
    return Rows(counts, tf.reduce_sum(tf.square(values)))
