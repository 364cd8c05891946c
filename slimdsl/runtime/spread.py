"""How the numbers of large tensors are spread, found where the tensors are: a few numbers of each come back.

Every number is counted by the first twelve bits of its float32: sign, exponent and three bits of the fraction. So
buckets are at most an eighth wider than their beginning, as TensorFlow's own are a tenth, no number is compared with
any limit, and the counts of parts of a batch add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import summary_pb2

from slimdsl.values import Record, value

_DROPPED_BITS = 20
_BUCKETS = 1 << (32 - _DROPPED_BITS)
_NEGATIVE = _BUCKETS // 2
_NOT_FINITE = 255 << 3
"""Where infinities and NaN begin among the buckets of a sign."""

_SMALL = (127 - 40) << 3
"""The bucket of 2^-40; what is closer to zero makes one bucket on each side, or a file would have hundreds of them."""


@value
class Spread(Record):
    """How the numbers of each of some tensors are spread; the tensors are the first axis of everything.

    Attributes:
        counts: int64 [tensors, 4096]: how many numbers begin with these twelve bits, infinities and NaN among them.
        lowest: float32 [tensors], of the finite numbers, as are the others; infinity where there are none.
        highest: float32 [tensors]; -infinity where there are none.
        sums: float64 [tensors].
        squares: float64 [tensors]: sums of squares.
    """

    counts: Any
    lowest: Any
    highest: Any
    sums: Any
    squares: Any

    @classmethod
    def joined(cls, parts: Iterable[Any]) -> Spread:
        """Of what `parts` has given."""
        counts, lowest, highest, sums, squares = parts
        return cls(counts=counts, lowest=lowest, highest=highest, sums=sums, squares=squares)

    def parts(self) -> list[Any]:
        """All of them, for a loop of TensorFlow."""
        return [self.counts, self.lowest, self.highest, self.sums, self.squares]


def spread_of(tensors: Sequence[tf.Tensor]) -> Spread:
    """Count the numbers of tensors, inside a function.

    Args:
        tensors: at least one, of any shape and any type of number.
    """
    rows = [_parts(tf.reshape(tf.cast(tensor, tf.float32), [-1])) for tensor in tensors]
    return Spread.joined(tf.stack(column) for column in zip(*rows, strict=True))


def both(first: Spread, second: Spread) -> Spread:
    """The numbers of two parts of the same tensors together."""
    return Spread(
        counts=first.counts + second.counts,
        lowest=tf.minimum(first.lowest, second.lowest),
        highest=tf.maximum(first.highest, second.highest),
        sums=first.sums + second.sums,
        squares=first.squares + second.squares,
    )


def zero_fraction(counts: npt.NDArray[np.int64]) -> float:
    """The share of zeros among all numbers, those that are not finite too; NaN where there are no numbers.

    Zero is what is smaller than 2^-129, below all normal numbers of float32.

    Args:
        counts: int64 [4096], of a tensor.
    """
    total = int(counts.sum())
    return float(counts[0] + counts[_NEGATIVE]) / total if total else float("nan")


def histogram_of(found: Spread, index: int) -> Any:
    """The histogram of a tensor's finite numbers, as TensorBoard takes it; None where there are none.

    Args:
        found: with arrays for tensors.
        index: of the tensor.
    """
    buckets = _ordered(found.counts[index])
    number = int(buckets.sum())
    if not number:
        return None
    # TensorBoard lets a bucket begin where the one before ends: of those with nothing in them, those that end where
    # another begins.
    full = np.flatnonzero(buckets)
    kept = np.union1d(full, full[1:] - 1)
    return summary_pb2.HistogramProto(
        min=float(found.lowest[index]),
        max=float(found.highest[index]),
        num=number,
        sum=float(found.sums[index]),
        sum_squares=float(found.squares[index]),
        bucket_limit=_LIMITS[kept],
        bucket=buckets[kept],
    )


def _parts(numbers: tf.Tensor) -> list[tf.Tensor]:
    bits = tf.bitwise.right_shift(tf.bitcast(numbers, tf.uint32), tf.constant(_DROPPED_BITS, tf.uint32))
    counts = tf.raw_ops.DenseBincount(
        input=tf.cast(bits, tf.int32), size=_BUCKETS, weights=tf.constant([], tf.int32), binary_output=False
    )
    finite = tf.math.is_finite(numbers)
    known = tf.where(finite, numbers, 0.0)
    return [
        tf.cast(counts, tf.int64),
        tf.reduce_min(tf.where(finite, numbers, np.inf)),
        tf.reduce_max(tf.where(finite, numbers, -np.inf)),
        tf.cast(tf.reduce_sum(known), tf.float64),
        tf.cast(tf.reduce_sum(tf.square(known)), tf.float64),
    ]


def _ordered(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The counts of the buckets that end at `_LIMITS`."""
    positive, negative = counts[:_NOT_FINITE], counts[_NEGATIVE : _NEGATIVE + _NOT_FINITE]
    # A negative zero is a zero, which is where the positive numbers begin.
    close = [negative[1:_SMALL].sum(), positive[:_SMALL].sum() + negative[0]]
    return np.concatenate([negative[: _SMALL - 1 : -1], close, positive[_SMALL:]])


def _limits() -> npt.NDArray[np.float64]:
    """Where buckets end, from the lowest."""
    bits = np.arange(_SMALL, _NOT_FINITE + 1)
    edges = (1 + (bits & 7) / 8) * 2.0 ** ((bits >> 3) - 127)
    return np.concatenate([-edges[-2::-1], [0.0], edges])


_LIMITS = _limits()
