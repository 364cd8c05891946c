"""How numbers are spread: counts, zeros and histograms compared with what numpy finds in the numbers themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.runtime.spread import Spread, both, histogram_of, spread_of, zero_fraction


def found(*tensors: Any) -> Spread:
    parts = tf.function(lambda: spread_of([tf.constant(tensor) for tensor in tensors]).parts(), autograph=False)()
    return Spread.joined(part.numpy() for part in parts)


def numbers(seed: int, size: int = 4000) -> np.ndarray:
    """Of all sizes and both signs, with zeros, infinities and NaN."""
    random = np.random.RandomState(seed)
    drawn = (random.standard_normal(size) * 10.0 ** random.uniform(-20, 15, size)).astype(np.float32)
    drawn[::7] = 0.0
    drawn[1::70] = -0.0
    drawn[2::300], drawn[3::300], drawn[4::300] = np.nan, np.inf, -np.inf
    return drawn


def below(values: np.ndarray, limit: float) -> int:
    """How many numbers a bucket that ends there and those before it hold: negative ones take their end in."""
    return int((values <= limit).sum() if limit < 0 else (values < limit).sum())


@pytest.mark.parametrize("seed", [0, 1])
def test_a_histogram_counts_what_is_there(seed: int) -> None:
    given = numbers(seed)
    finite = given[np.isfinite(given)].astype(np.float64)
    histogram = histogram_of(found(given.reshape(40, 100)), 0)
    assert (histogram.num, histogram.min, histogram.max) == (finite.size, np.min(finite), np.max(finite))
    assert histogram.sum == pytest.approx(finite.sum(), rel=1e-5)
    assert histogram.sum_squares == pytest.approx(np.square(finite).sum(), rel=1e-5)
    limits, counts = np.array(histogram.bucket_limit), np.array(histogram.bucket)
    assert (np.diff(limits) > 0).all()
    assert np.cumsum(counts).tolist() == [below(finite, limit) for limit in limits]
    # As TensorBoard reads them: from the smallest number to the largest, none of them backwards.
    left, right = np.concatenate([[histogram.min], limits[:-1]]), np.concatenate([limits[:-1], [histogram.max]])
    assert (left <= right).all()
    wide = (counts > 0) & (left > 2.0**-39)
    assert wide.any()
    assert (right[wide] / left[wide]).max() <= 1.125


def test_what_a_relu_leaves() -> None:
    given = np.maximum(np.random.RandomState(3).standard_normal([50, 20]).astype(np.float32), 0)
    spread = found(given, given - 5)
    assert zero_fraction(spread.counts[0]) == (given == 0).sum() / 1000
    assert zero_fraction(spread.counts[1]) == 0
    first = histogram_of(spread, 0)
    assert (first.bucket_limit[0], first.bucket[0]) == (2.0**-40, (given == 0).sum())


def test_zeros_have_either_sign_and_nan_is_none() -> None:
    assert (
        zero_fraction(found(np.array([0.0, -0.0, np.nan, 1e-30, -1e-30, np.inf, 1, 2], np.float32)).counts[0]) == 0.25
    )


def test_parts_of_a_tensor_come_to_the_whole() -> None:
    one, other = numbers(4), numbers(5, 1000)
    whole, added = found(np.concatenate([one, other])), both(found(one), found(other))
    np.testing.assert_array_equal(added.counts, whole.counts)
    np.testing.assert_array_equal([added.lowest, added.highest], [whole.lowest, whole.highest])
    np.testing.assert_allclose(added.sums, whole.sums, rtol=1e-5)
    np.testing.assert_allclose(added.squares, whole.squares, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "int32", "uint8", "bool"])
def test_numbers_of_other_types(dtype: str) -> None:
    given = tf.cast(tf.constant([0.0, 1.0, 1.0, 0.0, 1.0]), dtype)
    spread = Spread.joined(part.numpy() for part in spread_of([given]).parts())
    histogram = histogram_of(spread, 0)
    assert (histogram.num, histogram.min, histogram.max, histogram.sum) == (5, 0, 1, 3)
    assert zero_fraction(spread.counts[0]) == 0.4


@pytest.mark.parametrize("given", [np.array([np.nan, np.inf, -np.inf], np.float32), np.zeros([0, 3], np.float32)])
def test_nothing_finite_has_no_histogram(given: np.ndarray) -> None:
    spread = found(given)
    assert histogram_of(spread, 0) is None
    assert np.isnan(zero_fraction(spread.counts[0])) == (given.size == 0)


def test_the_largest_numbers() -> None:
    largest = float(np.finfo(np.float32).max)
    histogram = histogram_of(found(np.array([-largest, largest], np.float32)), 0)
    buckets = list(histogram.bucket)
    assert (histogram.min, histogram.max, buckets[0], buckets[-1]) == (-largest, largest, 1, 1)
    assert histogram.bucket_limit[-1] == 2.0**128
