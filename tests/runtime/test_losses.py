"""Losses are those of `tf.compat.v1.losses`."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.recipe.base import Loss
from slimdsl.recipe.losses import (
    LOSSES,
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
from slimdsl.recipe.optimizers import Sgd
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.losses import loss_values, weighted_mean

v1 = tf.compat.v1.losses
draw = np.random.RandomState(7)
LOGITS = (3 * draw.standard_normal([6, 4])).astype(np.float32)
SHARES = draw.uniform(0.05, 0.95, [6, 4]).astype(np.float32)
BITS = draw.randint(0, 2, [6, 4]).astype(np.float32)
NUMBERS = draw.randint(0, 4, [6])
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 0.0, 1.0], np.float32)
ONE_HOT = np.eye(4, dtype=np.float32)[NUMBERS]


def loss_of(
    loss: Loss, first: np.ndarray, second: np.ndarray, weights: np.ndarray | None = None, smoothing: float = 0.0
) -> float:
    values = {"a": tf.constant(first), "b": tf.constant(second)}
    operands = ("a", "b")
    if weights is not None:
        values["w"] = tf.constant(weights)
        operands = ("a", "b", "w")  # type: ignore[assignment]
    term = LossTerm(name="loss", loss=loss, operands=operands)
    recipe = Recipe(inputs={}, losses=(term,), optimizer=Sgd(), label_smoothing=smoothing)
    return float(loss_values(recipe, values)["loss"])


CASES: tuple[tuple[Loss, np.ndarray, np.ndarray, Callable[..., Any]], ...] = (
    (SigmoidCrossEntropy(weight=0.5), LOGITS, BITS, lambda w: v1.sigmoid_cross_entropy(BITS, LOGITS, 0.5 * w)),
    (
        SigmoidCrossEntropy(label_smoothing=0.2),
        LOGITS,
        BITS,
        lambda w: v1.sigmoid_cross_entropy(BITS, LOGITS, w, label_smoothing=0.2),
    ),
    (MeanSquaredError(weight=2.0), LOGITS, SHARES, lambda w: v1.mean_squared_error(SHARES, LOGITS, 2.0 * w)),
    (AbsoluteDifference(), LOGITS, SHARES, lambda w: v1.absolute_difference(SHARES, LOGITS, w)),
    (Hinge(), LOGITS, BITS, lambda w: v1.hinge_loss(BITS, LOGITS, w)),
    (LogLoss(epsilon=1e-3), SHARES, BITS, lambda w: v1.log_loss(BITS, SHARES, w, epsilon=1e-3)),
    (CosineDistance(), SHARES, BITS, lambda w: v1.cosine_distance(BITS, SHARES, axis=1, weights=w)),
    (Huber(delta=0.7), LOGITS, SHARES, lambda w: v1.huber_loss(SHARES, LOGITS, w, delta=0.7)),
)


@pytest.mark.parametrize(("loss", "first", "second", "reference"), CASES, ids=lambda given: getattr(given, "name", ""))
def test_losses_of_elements(loss: Loss, first: np.ndarray, second: np.ndarray, reference: Callable[..., Any]) -> None:
    assert loss_of(loss, first, second) == pytest.approx(float(reference(1.0)), rel=1e-5)
    assert loss_of(loss, first, second, WEIGHTS) == pytest.approx(float(reference(WEIGHTS[:, None])), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("labels", [NUMBERS, NUMBERS.astype(np.int32), ONE_HOT])
def test_softmax_cross_entropy(labels: np.ndarray, smoothing: float) -> None:
    for weights in (None, WEIGHTS):
        w = 1.0 if weights is None else weights
        expected = float(v1.softmax_cross_entropy(ONE_HOT, LOGITS, w, label_smoothing=smoothing))
        own = SoftmaxCrossEntropy(label_smoothing=smoothing)
        assert loss_of(own, LOGITS, labels, weights) == pytest.approx(expected, rel=1e-5)
        assert loss_of(SoftmaxCrossEntropy(), LOGITS, labels, weights, smoothing) == pytest.approx(expected, rel=1e-5)


def test_a_cross_entropy_for_each_pixel() -> None:
    logits = draw.standard_normal([2, 3, 3, 4]).astype(np.float32)
    labels = draw.randint(0, 4, [2, 3, 3])
    expected = float(v1.sparse_softmax_cross_entropy(labels, logits))
    assert loss_of(SoftmaxCrossEntropy(), logits, labels) == pytest.approx(expected, rel=1e-5)


def triplet_by_hand(embeddings: np.ndarray, labels: np.ndarray, margin: float) -> float:
    distances = ((embeddings[:, None] - embeddings[None]) ** 2).sum(-1)
    total, pairs = 0.0, 0
    for anchor in range(len(labels)):
        others = distances[anchor][labels != labels[anchor]]
        for positive in np.flatnonzero(labels == labels[anchor]):
            if positive == anchor:
                continue
            farther = others[others > distances[anchor, positive]]
            negative = farther.min() if farther.size else others.max()
            total += max(0.0, margin + distances[anchor, positive] - negative)
            pairs += 1
    return total / pairs


def test_triplets_are_semi_hard() -> None:
    embeddings = draw.standard_normal([9, 5]).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = np.array([0, 0, 1, 2, 1, 2, 2, 0, 3])
    for margin in (0.2, 1.0):
        found = loss_of(Triplet(margin=margin), embeddings, labels)
        assert found == pytest.approx(triplet_by_hand(embeddings, labels, margin), rel=1e-5)


def pairwise_by_tf_slim(weights: np.ndarray | float) -> float:
    with warnings.catch_warnings():
        # TF-Slim points to TensorFlow's, which divides by the number of pairs of different elements.
        warnings.simplefilter("ignore")
        slim = importlib.import_module("tf_slim.losses")
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            loss = slim.mean_pairwise_squared_error(tf.constant(LOGITS), tf.constant(SHARES), weights)
            return float(session.run(loss))


def test_pairs_of_elements_are_compared_as_by_tf_slim() -> None:
    assert loss_of(MeanPairwiseSquaredError(), LOGITS, SHARES) == pytest.approx(pairwise_by_tf_slim(1.0), rel=1e-5)
    found = loss_of(MeanPairwiseSquaredError(weight=0.5), LOGITS, SHARES, WEIGHTS)
    assert found == pytest.approx(pairwise_by_tf_slim(0.5 * WEIGHTS), rel=1e-5)


def test_a_sum_over_the_batch_is_that_of_its_parts() -> None:
    term = LossTerm(name="loss", loss=MeanPairwiseSquaredError(), operands=("a", "b"))
    recipe = Recipe(inputs={}, losses=(term,), optimizer=Sgd())
    parts = [{"a": tf.constant(LOGITS[part]), "b": tf.constant(SHARES[part])} for part in (slice(3), slice(3, 6))]
    mean = np.mean([float(loss_values(recipe, each, parts=2)["loss"]) for each in parts])
    assert mean == pytest.approx(loss_of(MeanPairwiseSquaredError(), LOGITS, SHARES), rel=1e-5)


def test_every_loss_is_compared_here() -> None:
    assert {SoftmaxCrossEntropy, MeanPairwiseSquaredError, Triplet, *(type(case[0]) for case in CASES)} == set(LOSSES)


def test_weights_of_zero_count_for_nothing() -> None:
    assert float(weighted_mean(tf.constant([1.0, 2.0]), tf.zeros([2]))) == 0.0
    assert loss_of(MeanSquaredError(weight=0.0), LOGITS, SHARES) == 0.0


def test_an_axis_of_one_may_be_missing() -> None:
    column = LOGITS[:, :1]
    assert loss_of(MeanSquaredError(), column, column[:, 0] + 1) == pytest.approx(1.0, rel=1e-5)


def test_what_does_not_fit_is_said_with_its_shapes() -> None:
    with pytest.raises(EngineError, match=r"`loss` of `a` \(6, 4\) and `b` \(6, 3\): the shapes"):
        loss_of(MeanSquaredError(), LOGITS, SHARES[:, :3])
    term = LossTerm(name="loss", loss=MeanSquaredError(), operands=("x", "a"))
    recipe = Recipe(inputs={}, losses=(term,), optimizer=Sgd())
    with pytest.raises(EngineError, match="takes `x`, and there are only a"):
        loss_values(recipe, {"a": tf.zeros([1])})
