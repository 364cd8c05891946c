"""Metrics as sums over examples, which add up over batches and replicas, and what the sums come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from slimdsl.recipe.base import Metric
from slimdsl.recipe.metrics import (
    Accuracy,
    Auc,
    MeanIou,
    MeanSquaredErrorMetric,
    Perplexity,
    Precision,
    Recall,
    TopK,
)
from slimdsl.recipe.recipe import MetricTerm, Recipe
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.losses import cross_entropy
from slimdsl.values import Value, positional

_EPSILON = 1e-7
"""What TensorFlow 1's `metrics.auc` adds to divisors, and how far its outer thresholds stand outside of [0, 1]."""


class Metrics:
    """The metrics of a recipe, over all batches since the last `reset`.

    Args:
        recipe: the recipe.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._terms = recipe.metrics
        self._sums: dict[str, npt.NDArray[np.float64]] = {}
        self._count = tf.function(self._counted, autograph=False)

    def reset(self) -> None:
        """Begin anew."""
        self._sums = {}

    def update(
        self, outputs: Mapping[str, tf.Tensor], batch: Mapping[str, tf.Tensor], mask: tf.Tensor | None = None
    ) -> None:
        """Take in a batch.

        Args:
            outputs: of the network.
            batch: its inputs and labels.
            mask: [N], 0 for examples that only fill the batch up; None where all count.
        """
        if not self._terms:
            return
        wanted = {name for term in self._terms for name in term.operands}
        values = {name: tensor for name, tensor in {**outputs, **batch}.items() if name in wanted}
        for name, sums in self._count(values, mask).items():
            found = sums.numpy().astype(np.float64)
            self._sums[name] = self._sums[name] + found if name in self._sums else found

    def result(self) -> dict[str, float]:
        """Name of each metric -> its value; not a number where no example has been seen."""
        values = {}
        for term in self._terms:
            sums = self._sums.get(term.name)
            values[term.name] = float("nan") if sums is None else float(metric_value(term, tf.constant(sums)))
        return values

    def _counted(self, values: Mapping[str, tf.Tensor], mask: tf.Tensor | None) -> dict[str, tf.Tensor]:
        return {term.name: metric_sums(term, values, mask) for term in self._terms}


def metric_sums(term: MetricTerm, values: Mapping[str, tf.Tensor], mask: tf.Tensor | None = None) -> tf.Tensor:
    """The sums of a metric over a batch, float32.

    Args:
        term: the metric.
        values: name of an operand -> tensor.
        mask: [N], the weight of each example; None for ones.

    Raises:
        EngineError: an operand is missing, or the shapes do not fit.
    """
    missing = [name for name in term.operands if name not in values]
    if missing:
        raise EngineError(f"the metric `{term.name}` takes `{missing[0]}`, and there are only {', '.join(values)}")
    first, second = (values[name] for name in term.operands)
    try:
        return _rule(term.metric).sums(term.metric, tf.cast(first, tf.float32), second, mask)
    except ValueError as error:
        raise EngineError(
            f"the metric `{term.name}` of `{term.operands[0]}` {first.shape} and `{term.operands[1]}` {second.shape}: "
            f"{str(error).splitlines()[0]}"
        ) from error


def metric_value(term: MetricTerm, sums: tf.Tensor) -> tf.Tensor:
    """What the sums of a metric come to, a scalar of their type; 0 where nothing was counted."""
    return _rule(term.metric).value(sums)


def _weights(like: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """A weight for each element of a tensor whose first axis is that of the examples."""
    ones = tf.ones(tf.shape(like), tf.float32)
    if mask is None:
        return ones
    return tf.reshape(tf.cast(mask, tf.float32), [-1, *[1] * (like.shape.rank - 1)]) * ones


def _classes(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Class numbers, int32; of a distribution the most probable class."""
    if labels.shape.rank == logits.shape.rank:
        if labels.shape[-1] != logits.shape[-1]:
            raise ValueError(f"labels of {labels.shape[-1]} classes do not fit logits of {logits.shape[-1]}")
        return tf.argmax(labels, -1, output_type=tf.int32)
    if labels.shape.rank != logits.shape.rank - 1:
        raise ValueError(f"labels of rank {labels.shape.rank} do not fit logits of rank {logits.shape.rank}")
    if not labels.shape.is_compatible_with(logits.shape[:-1]):
        raise ValueError(f"there have to be labels {logits.shape[:-1]}")
    return tf.cast(labels, tf.int32)


def _ratio(sums: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(sums[0], sums[1])


def _share(hits: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    weights = _weights(hits, mask)
    return tf.stack([tf.reduce_sum(tf.cast(hits, tf.float32) * weights), tf.reduce_sum(weights)])


def _accuracy(metric: Accuracy, logits: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    return _share(tf.equal(tf.argmax(logits, -1, output_type=tf.int32), _classes(logits, labels)), mask)


def _top_k(metric: TopK, logits: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """As `tf.math.in_top_k`, which has no kernel in some compilers: fewer than k logits are larger than the own."""
    classes = logits.shape[-1]
    numbers = _classes(logits, labels)
    own = tf.reduce_sum(tf.where(tf.one_hot(numbers, classes, True, False), logits, 0.0), -1, keepdims=True)
    larger = tf.reduce_sum(tf.cast(logits > own, tf.int32), -1)
    known = (numbers >= 0) & (numbers < classes) & tf.reduce_all(tf.math.is_finite(logits), -1)
    return _share((larger < metric.k) & known, mask)


def _binary(
    predictions: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Predictions, labels as truth values and weights, in one shape."""
    if labels.shape != predictions.shape:
        if labels.shape.num_elements() != predictions.shape.num_elements() or labels.shape[:1] != predictions.shape[:1]:
            raise ValueError(f"the shapes {predictions.shape} and {labels.shape} differ")
        labels = tf.reshape(labels, tf.shape(predictions))
    return predictions, tf.cast(labels, tf.float32) > 0.5, _weights(predictions, mask)


def _precision(metric: Precision, predictions: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    predictions, truths, weights = _binary(predictions, labels, mask)
    found = tf.cast(predictions > metric.threshold, tf.float32) * weights
    return tf.stack([tf.reduce_sum(found * tf.cast(truths, tf.float32)), tf.reduce_sum(found)])


def _recall(metric: Recall, predictions: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    predictions, truths, weights = _binary(predictions, labels, mask)
    wanted = tf.cast(truths, tf.float32) * weights
    found = tf.cast(predictions > metric.threshold, tf.float32)
    return tf.stack([tf.reduce_sum(wanted * found), tf.reduce_sum(wanted)])


def _auc(metric: Auc, predictions: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """For each threshold the true and the false positives, and how many there are of each."""
    predictions, truths, weights = (tf.reshape(tensor, [1, -1]) for tensor in _binary(predictions, labels, mask))
    inner = [(i + 1) / (metric.thresholds - 1) for i in range(metric.thresholds - 2)]
    thresholds = tf.constant([[-_EPSILON], *([number] for number in inner), [1.0 + _EPSILON]], tf.float32)
    found = tf.cast(predictions > thresholds, tf.float32)
    positive = tf.cast(truths, tf.float32) * weights
    negative = weights - positive
    true, false = tf.linalg.matvec(found, positive[0]), tf.linalg.matvec(found, negative[0])
    ones = tf.ones_like(true)
    return tf.stack([true, tf.reduce_sum(positive) * ones, false, tf.reduce_sum(negative) * ones])


def _auc_value(sums: tf.Tensor) -> tf.Tensor:
    """Trapezoids below the curve of the two rates."""
    x = sums[2] / (sums[3] + _EPSILON)
    y = (sums[0] + _EPSILON) / (sums[1] + _EPSILON)
    return tf.reduce_sum((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2.0)


def _mean_iou(metric: MeanIou, logits: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """The matrix of true classes (rows) and predicted ones; what is labelled with no class is left out."""
    classes = logits.shape[-1]
    numbers = _classes(logits, labels)
    weights = tf.reshape(_weights(numbers, mask), [-1, 1])
    true = tf.one_hot(tf.reshape(numbers, [-1]), classes) * weights
    predicted = tf.one_hot(tf.reshape(tf.argmax(logits, -1), [-1]), classes)
    return tf.matmul(true, predicted, transpose_a=True)


def _mean_iou_value(sums: tf.Tensor) -> tf.Tensor:
    """The mean over the classes that occur, in labels or predictions."""
    common = tf.linalg.diag_part(sums)
    either = tf.reduce_sum(sums, 0) + tf.reduce_sum(sums, 1) - common
    occurring = tf.reduce_sum(tf.cast(either > 0.0, sums.dtype))
    return tf.math.divide_no_nan(tf.reduce_sum(tf.math.divide_no_nan(common, either)), occurring)


def _squared_error(
    metric: MeanSquaredErrorMetric, predictions: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None
) -> tf.Tensor:
    if labels.shape != predictions.shape:
        if labels.shape.num_elements() != predictions.shape.num_elements():
            raise ValueError(f"the shapes {predictions.shape} and {labels.shape} differ")
        labels = tf.reshape(labels, tf.shape(predictions))
    return _share(tf.math.squared_difference(predictions, tf.cast(labels, tf.float32)), mask)


def _perplexity(metric: Perplexity, logits: tf.Tensor, labels: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    return _share(cross_entropy(logits, labels), mask)


def _perplexity_value(sums: tf.Tensor) -> tf.Tensor:
    return tf.exp(_ratio(sums))


@positional
class _Rule(Value):
    """What is summed up of a metric, and what the sums come to."""

    kind: type[Metric]
    sums: Callable[[Any, tf.Tensor, tf.Tensor, tf.Tensor | None], tf.Tensor]
    value: Callable[[tf.Tensor], tf.Tensor]


_RULES = (
    _Rule(Accuracy, _accuracy, _ratio),
    _Rule(TopK, _top_k, _ratio),
    _Rule(Precision, _precision, _ratio),
    _Rule(Recall, _recall, _ratio),
    _Rule(Auc, _auc, _auc_value),
    _Rule(MeanIou, _mean_iou, _mean_iou_value),
    _Rule(MeanSquaredErrorMetric, _squared_error, _ratio),
    _Rule(Perplexity, _perplexity, _perplexity_value),
)


def _rule(metric: Metric) -> _Rule:
    (found,) = (rule for rule in _RULES if rule.kind is type(metric))
    return found
