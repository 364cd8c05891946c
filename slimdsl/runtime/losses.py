"""Losses as `tf.compat.v1.losses` computes them, in float32.

A weighted loss is the sum of weight · loss over all elements, divided by the number of weights that are not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from slimdsl.recipe.base import Loss
from slimdsl.recipe.losses import (
    AbsoluteDifference,
    CosineDistance,
    Hinge,
    Huber,
    LogLoss,
    MeanPairwiseSquaredError,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    Triplet,
)
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.errors import EngineError


def loss_values(recipe: Recipe, values: Mapping[str, tf.Tensor], parts: int = 1) -> dict[str, tf.Tensor]:
    """The losses of a recipe.

    Args:
        recipe: the recipe.
        values: name of an operand (a label, an input or an output of the net) -> tensor.
        parts: how many equal parts of a batch there are, of which this is one; the mean over them is the batch's loss.

    Returns:
        Name of the loss -> float32 scalar, its weight included. A term with one operand more than its loss takes has
        weights there, one for each example or element.

    Raises:
        EngineError: an operand is missing, or its shape does not fit.
    """
    return {term.name: _term_value(term, recipe.label_smoothing, values, parts) for term in recipe.losses}


def _term_value(term: LossTerm, smoothing: float, values: Mapping[str, tf.Tensor], parts: int) -> tf.Tensor:
    missing = [name for name in term.operands if name not in values]
    if missing:
        raise EngineError(f"the loss `{term.name}` takes `{missing[0]}`, and there are only {', '.join(values)}")
    first, second, *weights = (values[name] for name in term.operands)
    for kind, function in _FUNCTIONS:
        if isinstance(term.loss, kind):
            try:
                elements = function(term.loss, _as_float(first), second, smoothing)
            except ValueError as error:
                raise EngineError(
                    f"the loss `{term.name}` of `{term.operands[0]}` {first.shape} and `{term.operands[1]}` "
                    f"{second.shape}: {str(error).splitlines()[0]}"
                ) from error
            factor = getattr(term.loss, "weight", 1.0)
            if not factor:
                return tf.zeros([])
            if isinstance(term.loss, MeanPairwiseSquaredError):
                return tf.reduce_sum(_weighted(elements, *weights)) * (factor * parts)
            return weighted_mean(elements, *weights) * factor
    raise TypeError(f"no rule for the loss {term.loss.name}")


def weighted_mean(elements: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """The sum of weight · element, divided by the number of elements whose weight is not zero; 0 where there are none.

    Args:
        elements: a loss for each element, or a mean that has been taken already.
        weights: one for each element, or for each example of several elements; None for ones.
    """
    if weights is None:
        return tf.reduce_mean(elements)
    weights = _spread(weights, elements)
    return tf.math.divide_no_nan(
        tf.reduce_sum(elements * weights), tf.reduce_sum(tf.cast(tf.not_equal(weights, 0.0), tf.float32))
    )


def _weighted(elements: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    return elements if weights is None else elements * _spread(weights, elements)


def _spread(weights: tf.Tensor, elements: tf.Tensor) -> tf.Tensor:
    """A weight for each element, of those for each example of several elements."""
    weights = _as_float(weights)
    missing_axes = elements.shape.rank - weights.shape.rank
    return tf.reshape(weights, [*weights.shape, *[1] * missing_axes]) * tf.ones_like(elements)


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor, smoothing: float = 0.0) -> tf.Tensor:
    """The softmax cross entropy of each example.

    Args:
        logits: [N, …, classes].
        labels: class numbers [N, …], or a distribution [N, …, classes].
        smoothing: share of each label that is spread over all classes.

    Raises:
        ValueError: the shapes do not fit.
    """
    classes = logits.shape[-1]
    if labels.dtype.is_integer and labels.shape.rank == logits.shape.rank - 1:
        if not smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        labels = tf.one_hot(labels, classes)
    labels = tf.stop_gradient(_matching(_as_float(labels), logits))
    if smoothing:
        labels = labels * (1.0 - smoothing) + smoothing / classes
    return tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def _softmax(loss: SoftmaxCrossEntropy, logits: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    own = loss.label_smoothing
    return cross_entropy(logits, labels, smoothing if own is None else own)


def _sigmoid(loss: SigmoidCrossEntropy, logits: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    labels = _matching(_as_float(labels), logits)
    share = smoothing if loss.label_smoothing is None else loss.label_smoothing
    if share:
        labels = labels * (1.0 - share) + 0.5 * share
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)


def _squared(loss: MeanSquaredError, predictions: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    return tf.math.squared_difference(predictions, _matching(_as_float(labels), predictions))


def _absolute(loss: AbsoluteDifference, predictions: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    return tf.abs(predictions - _matching(_as_float(labels), predictions))


def _hinge(loss: Hinge, logits: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    return tf.nn.relu(1.0 - (2.0 * _matching(_as_float(labels), logits) - 1.0) * logits)


def _log(loss: LogLoss, predictions: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    labels = _matching(_as_float(labels), predictions)
    one = labels * tf.math.log(predictions + loss.epsilon)
    return -one - (1.0 - labels) * tf.math.log(1.0 - predictions + loss.epsilon)


def _cosine(loss: CosineDistance, predictions: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    products = predictions * _matching(_as_float(labels), predictions)
    return 1.0 - tf.reduce_sum(products, axis=-1, keepdims=True)


def _huber(loss: Huber, predictions: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    error = tf.abs(predictions - _matching(_as_float(labels), predictions))
    small = tf.minimum(error, loss.delta)
    return 0.5 * small * small + loss.delta * (error - small)


def _pairwise(loss: MeanPairwiseSquaredError, predictions: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Of each example, twice the variance of its differences."""
    differences = predictions - _matching(_as_float(labels), predictions)
    axes = list(range(1, differences.shape.rank))
    return 2.0 * (tf.reduce_mean(tf.square(differences), axes) - tf.square(tf.reduce_mean(differences, axes)))


def _triplet(loss: Triplet, embeddings: tf.Tensor, labels: tf.Tensor, smoothing: float) -> tf.Tensor:
    """The mean over all pairs of a class, as `metric_learning.triplet_semihard_loss`."""
    size = embeddings.shape[0]
    labels = tf.reshape(labels, [size, 1])
    distances = _squared_distances(embeddings)
    same = tf.equal(labels, tf.transpose(labels))
    other = tf.cast(~same, tf.float32)
    # Axes: anchor, positive, negative. Semi-hard negatives of a pair are farther from the anchor than its positive.
    by_pair = distances[:, tf.newaxis, :]
    farther = tf.cast(by_pair > distances[:, :, tf.newaxis], tf.float32) * other[:, tf.newaxis, :]
    nearest_outside = _masked_minimum(tf.broadcast_to(by_pair, [size, size, size]), farther)
    smallest = tf.reduce_min(distances, axis=1, keepdims=True)
    farthest_inside = tf.reduce_max((distances - smallest) * other, axis=1, keepdims=True) + smallest
    chosen = tf.where(tf.reduce_sum(farther, axis=2) > 0.0, nearest_outside, farthest_inside)
    pairs = tf.cast(same, tf.float32) - tf.eye(size)
    return tf.math.divide_no_nan(
        tf.reduce_sum(tf.maximum((loss.margin + distances - chosen) * pairs, 0.0)), tf.reduce_sum(pairs)
    )


def _squared_distances(embeddings: tf.Tensor) -> tf.Tensor:
    """Squared distances of all pairs, 0 on the diagonal."""
    squares = tf.reduce_sum(tf.square(embeddings), axis=1, keepdims=True)
    products = tf.matmul(embeddings, embeddings, transpose_b=True)
    distances = tf.maximum(squares - 2.0 * products + tf.transpose(squares), 0.0)
    return distances * (1.0 - tf.eye(embeddings.shape[0]))


def _masked_minimum(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The least of those values of the last axis whose mask is 1; the greatest of all where there are none."""
    greatest = tf.reduce_max(values, axis=-1, keepdims=True)
    return tf.squeeze(tf.reduce_min((values - greatest) * mask, axis=-1, keepdims=True) + greatest, -1)


def _as_float(tensor: tf.Tensor) -> tf.Tensor:
    return tensor if tensor.dtype == tf.float32 else tf.cast(tensor, tf.float32)


def _matching(labels: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Labels in the shape of the predictions: an axis of one element may be missing or too many, as in TF-Slim.

    Raises:
        ValueError: they differ in more than that.
    """
    if labels.shape == predictions.shape:
        return labels
    for shape, other in ((labels.shape, predictions.shape), (predictions.shape, labels.shape)):
        if shape.rank == other.rank + 1 and shape[-1] == 1 and shape[:-1] == other:
            return tf.reshape(labels, predictions.shape)
    raise ValueError(f"the shapes {predictions.shape} and {labels.shape} differ")


_FUNCTIONS: tuple[tuple[type[Loss], Callable[[Any, tf.Tensor, tf.Tensor, float], tf.Tensor]], ...] = (
    (SoftmaxCrossEntropy, _softmax),
    (SigmoidCrossEntropy, _sigmoid),
    (MeanSquaredError, _squared),
    (AbsoluteDifference, _absolute),
    (Hinge, _hinge),
    (LogLoss, _log),
    (CosineDistance, _cosine),
    (Huber, _huber),
    (MeanPairwiseSquaredError, _pairwise),
    (Triplet, _triplet),
)
