"""Dropout: the identity for inference, random bits that the seed and the name decide for training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slimdsl.ops.base import Operand
from slimdsl.ops.dropout import Dropout
from tests.harness import TestBuilder, check_shapes, graph_def, graph_of, numbers, run, tensor, tensorflow

SEED = "random_seed:0"
ONES = np.ones((100, 1000), np.float32)


def dropped(keep_prob: float, seed: tuple[int, int], x: Any = ONES) -> Any:
    graph = graph_of(Dropout(keep_prob=keep_prob), tensor("N", 1000), training=True)
    (y,) = run(graph, {"x": x, SEED: np.array(seed, np.int64)})
    return y


def test_the_inference_graph_passes_the_tensor_on() -> None:
    graph = graph_of(Dropout(), tensor("N", "H"))
    assert [(n.name, n.op.name) for n in graph.nodes] == [("Dropout/Identity", "identity")]
    x = numbers("x", (2, 3))
    (y,) = check_shapes(graph, {"x": x}, {"N": 2, "H": 3})
    np.testing.assert_array_equal(y, x)


def test_keeping_everything_is_the_identity_while_training_too() -> None:
    graph = graph_of(Dropout(keep_prob=1.0), tensor("N", "H"), training=True)
    assert [node.op.name for node in graph.nodes] == ["identity"]
    assert "random_seed" not in [node.name for node in graph_def(graph).node]


def test_training_says_whether_to_drop_whatever_the_graph_is_for() -> None:
    graph = graph_of(Dropout(training=True), tensor("N", 1000))
    (y,) = run(graph, {"x": ONES})
    assert set(np.unique(y)) == {0.0, 2.0}
    graph = graph_of(Dropout(training=False), tensor("N", 1000), training=True)
    assert [node.op.name for node in graph.nodes] == ["identity"]


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.8, 0.999])
def test_the_share_that_is_kept_is_keep_prob(keep_prob: float) -> None:
    """Of 100,000 elements; the tolerance is five standard deviations."""
    y = dropped(keep_prob, (7, 0))
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / keep_prob, rtol=1e-6)
    assert abs(kept.mean() - keep_prob) <= 5 * (keep_prob * (1 - keep_prob) / y.size) ** 0.5


def test_neighbours_are_dropped_independently() -> None:
    kept = dropped(0.5, (7, 0)) != 0
    for shifted in (kept[1:] == kept[:-1], kept[:, 1:] == kept[:, :-1]):
        assert abs(shifted.mean() - 0.5) <= 5 * 0.5 / shifted.size**0.5


def test_what_is_not_finite_is_dropped_as_well() -> None:
    y = dropped(0.5, (7, 0), np.full_like(ONES, np.inf))
    assert set(np.unique(y)) == {0.0, np.inf}


def test_the_seed_decides_the_bits() -> None:
    """Both of its numbers: the seed itself and the step."""
    first = dropped(0.5, (7, 0))
    np.testing.assert_array_equal(first, dropped(0.5, (7, 0)))
    for other in ((8, 0), (7, 1), (-7, 0), (2**62, 2**62)):
        same = (dropped(0.5, other) == first).mean()
        assert abs(same - 0.5) <= 5 * 0.5 / first.size**0.5


def test_two_layers_draw_different_bits() -> None:
    def both(builder: TestBuilder, x: Operand) -> Operand:
        builder.scope = "first"
        first = builder.apply(Dropout(), x)
        builder.scope = "second"
        return builder.apply(Dropout(), first)

    graph = graph_of(both, tensor("N", 1000), training=True)
    first, second = (f"{name}/Dropout/dropout/SelectV2:0" for name in ("first", "second"))
    once, twice = run(graph, {"x": ONES}, fetches=(first, second))
    assert abs((twice[once != 0] != 0).mean() - 0.5) <= 5 * 0.5 / (once != 0).sum() ** 0.5


def test_the_compiler_draws_the_same_bits() -> None:
    """XLA and the plain kernels agree on every element."""
    tf = tensorflow()
    definition = graph_def(graph_of(Dropout(keep_prob=0.3), tensor("N", 50), training=True))
    x = numbers("x", (20, 50))

    def step(x: Any, seed: Any) -> Any:
        mapped = {"x:0": x, SEED: seed}
        kept = tf.compat.v1.GraphDef()
        kept.node.extend(node for node in definition.node if node.name not in ("x", "random_seed"))
        return tf.graph_util.import_graph_def(kept, mapped, ["Dropout/dropout/SelectV2:0"], name="")[0]

    seed = tf.constant([3, 4], tf.int64)
    plain = tf.function(step, jit_compile=False)(tf.constant(x), seed).numpy()
    compiled = tf.function(step, jit_compile=True)(tf.constant(x), seed).numpy()
    np.testing.assert_array_equal(plain, compiled)
    assert 0 < (plain == 0).sum() < plain.size


def test_the_gradient_is_that_of_what_was_kept() -> None:
    tf = tensorflow()
    definition = graph_def(graph_of(Dropout(keep_prob=0.25), tensor("N", 50), training=True))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        x, y = (graph.get_tensor_by_name(name) for name in ("x:0", "Dropout/dropout/SelectV2:0"))
        (gradient,) = tf.compat.v1.gradients(tf.reduce_sum(y), [x])
        with tf.compat.v1.Session() as session:
            result, slope = session.run([y, gradient], {x: np.ones((20, 50), np.float32)})
    np.testing.assert_array_equal(slope, result)
