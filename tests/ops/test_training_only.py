"""What acts in the training graph alone: drop_path and the scale of gradients."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.ops.dropout import DropPath
from slimdsl.ops.gradient import ScaleGradient
from tests.harness import check_shapes, graph_def, graph_of, numbers, run, tensor, tensorflow

X = numbers("x", (2000, 3, 2))


def dropped(keep_prob: float, seed: int = 7) -> np.ndarray:
    graph = graph_of(DropPath(keep_prob=keep_prob), tensor("N", "H", 2), training=True)
    (y,) = run(graph, {"x": X, "random_seed:0": np.array([seed, 0], np.int64)})
    return y


@pytest.mark.parametrize("keep_prob", [0.2, 0.9])
def test_whole_examples_are_dropped(keep_prob: float) -> None:
    y = dropped(keep_prob)
    kept = (y != 0).any(axis=(1, 2))
    np.testing.assert_allclose(y[kept], X[kept] / keep_prob, rtol=1e-6)
    assert not y[~kept].any()
    assert abs(kept.mean() - keep_prob) <= 5 * (keep_prob * (1 - keep_prob) / len(kept)) ** 0.5


def test_the_seed_decides() -> None:
    np.testing.assert_array_equal(dropped(0.5), dropped(0.5))
    assert (dropped(0.5) != dropped(0.5, seed=8)).any()


@pytest.mark.parametrize(("keep_prob", "training"), [(0.5, False), (1.0, True)])
def test_nothing_is_dropped_for_inference_or_where_all_is_kept(keep_prob: float, *, training: bool) -> None:
    graph = graph_of(DropPath(keep_prob=keep_prob), tensor("N", 3, 2), training=training)
    assert [node.name for node in graph.nodes] == ["DropPath/Identity"]


@pytest.mark.parametrize("factor", [0.1, -1.0, 0.0, 3.0])
def test_gradients_are_scaled_and_values_stay(factor: float) -> None:
    tf = tensorflow()
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def(graph_of(ScaleGradient(factor=factor), tensor("N", 2), training=True)), name="")
        x, y = graph.get_tensor_by_name("x:0"), graph.get_tensor_by_name("ScaleGradient:0")
        (slope,) = tf.compat.v1.gradients(y * y, x)
        with tf.compat.v1.Session() as session:
            fed = numbers("x", (4, 2))
            value, gradient = session.run([y, tf.zeros_like(x) if slope is None else slope], {x: fed})
    np.testing.assert_array_equal(value, fed)
    np.testing.assert_allclose(gradient, 2 * factor * fed, rtol=1e-6)


def test_the_inference_graph_passes_the_tensor_on() -> None:
    graph = graph_of(ScaleGradient(factor=0.5), tensor("N", 2))
    (y,) = check_shapes(graph, {"x": X[:, 0]}, {"N": 2000})
    np.testing.assert_array_equal(y, X[:, 0])
