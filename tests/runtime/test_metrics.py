"""Metrics over batches are those of scikit-learn and TensorFlow over all examples."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.recipe.base import Metric
from slimdsl.recipe.metrics import (
    METRICS,
    Accuracy,
    Auc,
    MeanIou,
    MeanSquaredErrorMetric,
    Perplexity,
    Precision,
    Recall,
    TopK,
)
from slimdsl.recipe.optimizers import Sgd
from slimdsl.recipe.recipe import MetricTerm, Recipe
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.metrics import Metrics

sk: Any = import_module("sklearn.metrics")  # it ships no types
draw = np.random.RandomState(5)
LOGITS = draw.standard_normal([50, 8]).astype(np.float32)
NUMBERS = draw.randint(0, 8, [50])
SCORES = draw.uniform(0, 1, [50]).astype(np.float32)
BITS = (SCORES + draw.uniform(-0.6, 0.6, 50) > 0.5).astype(np.int64)
PREDICTED = LOGITS.argmax(1)


def metrics_of(metric: Metric) -> Metrics:
    term = MetricTerm(name="m", metric=metric, operands=("a", "b"))
    return Metrics(Recipe(inputs={}, losses=(), optimizer=Sgd(), metrics=(term,)))


def over_batches(metric: Metric, first: np.ndarray, second: np.ndarray) -> float:
    """In batches of 20, the last filled up with examples that do not count."""
    metrics = metrics_of(metric)
    for start in range(0, len(first), 20):
        a, b = first[start : start + 20], second[start : start + 20]
        count = len(a)
        a, b = np.resize(a, [20, *a.shape[1:]]), np.resize(b, [20, *b.shape[1:]])
        a[count:], b[count:] = a[0], b[0]
        mask = (np.arange(20) < count).astype(np.float32)
        metrics.update({"a": tf.constant(a)}, {"b": tf.constant(b)}, tf.constant(mask) if count < 20 else None)
    return metrics.result()["m"]


def iou() -> float:
    seen = [n for n in range(8) if n in NUMBERS or n in PREDICTED]
    return float(sk.jaccard_score(NUMBERS, PREDICTED, labels=seen, average="macro"))


def auc_of_tensorflow() -> float:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        value, update = tf.compat.v1.metrics.auc(BITS, SCORES)
        session.run(tf.compat.v1.local_variables_initializer())
        session.run(update)
        return float(session.run(value))


def cross_entropy() -> float:
    logits = LOGITS.astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return float(sk.log_loss(NUMBERS, shares, labels=range(8)))


CASES: tuple[tuple[Metric, Any, Any, Callable[[], float]], ...] = (
    (Accuracy(), LOGITS, NUMBERS, lambda: sk.accuracy_score(NUMBERS, PREDICTED)),
    (Accuracy(), LOGITS, np.eye(8)[NUMBERS], lambda: sk.accuracy_score(NUMBERS, PREDICTED)),
    (TopK(k=3), LOGITS, NUMBERS, lambda: sk.top_k_accuracy_score(NUMBERS, LOGITS, k=3, labels=range(8))),
    (Precision(threshold=0.4), SCORES, BITS, lambda: sk.precision_score(BITS, SCORES > 0.4)),
    (Recall(threshold=0.4), SCORES, BITS, lambda: sk.recall_score(BITS, SCORES > 0.4)),
    (Recall(), SCORES[:, None], BITS, lambda: sk.recall_score(BITS, SCORES > 0.5)),
    (Auc(), SCORES, BITS, auc_of_tensorflow),
    (MeanIou(), LOGITS, NUMBERS, iou),
    (MeanIou(), LOGITS.reshape(25, 2, 8), NUMBERS.reshape(25, 2), iou),
    (MeanSquaredErrorMetric(), SCORES, BITS, lambda: sk.mean_squared_error(BITS, SCORES)),
    (Perplexity(), LOGITS, NUMBERS, lambda: np.exp(cross_entropy())),
)


@pytest.mark.parametrize(
    ("metric", "first", "second", "reference"), CASES, ids=lambda given: getattr(given, "name", "")
)
def test_metrics(metric: Metric, first: np.ndarray, second: np.ndarray, reference: Callable[[], float]) -> None:
    assert over_batches(metric, first, second) == pytest.approx(float(reference()), rel=1e-5)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", range(4))
def test_top_k_is_tensorflows_where_logits_are_not_finite(odd: float, place: int) -> None:
    logits = np.array([[0.3, 0.1, 0.2, 0.4], [3.0, 2.0, 1.0, 0.0]], np.float32)
    logits[0, place] = odd
    labels = np.array([0, 1])
    expected = tf.math.in_top_k(labels, logits, 3).numpy().mean()
    assert over_batches(TopK(k=3), logits, labels) == pytest.approx(expected)


def test_the_area_is_near_the_exact_one() -> None:
    assert over_batches(Auc(), SCORES, BITS) == pytest.approx(sk.roc_auc_score(BITS, SCORES), abs=5e-3)


def test_every_metric_is_compared_here() -> None:
    assert {type(case[0]) for case in CASES} == set(METRICS)


def test_nothing_seen_is_not_a_number_and_reset_forgets() -> None:
    metrics = metrics_of(Accuracy())
    assert np.isnan(metrics.result()["m"])
    metrics.update({"a": tf.constant(LOGITS)}, {"b": tf.constant(NUMBERS)})
    assert metrics.result()["m"] > 0
    metrics.reset()
    assert np.isnan(metrics.result()["m"])


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(EngineError, match=r"the metric `m` of `a` \(50, 8\) and `b` \(50, 4\): labels of 4 classes"):
        metrics_of(Accuracy()).update({"a": tf.constant(LOGITS)}, {"b": tf.zeros([50, 4])})
    with pytest.raises(EngineError, match="takes `b`"):
        metrics_of(Accuracy()).update({"a": tf.constant(LOGITS)}, {})


@pytest.mark.parametrize("metric", [kind() for kind in METRICS], ids=lambda metric: metric.name)
@pytest.mark.parametrize("shape", [[7], [50, 4], [50, 8, 2]])
def test_shapes_that_do_not_fit_are_one_line_without_names_of_nodes(metric: Metric, shape: list[int]) -> None:
    with pytest.raises(EngineError) as caught:
        metrics_of(metric).update({"a": tf.constant(LOGITS)}, {"b": tf.zeros(shape, tf.int32)})
    said = str(caught.value)
    assert said.startswith(f"the metric `m` of `a` (50, 8) and `b` {tuple(shape)}: ")
    assert "\n" not in said
    assert "{{" not in said
