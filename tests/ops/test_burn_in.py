"""The probability of `drop_path` in the course of a training: TF-Slim's formula, in numpy, is what it is held to."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from slimdsl.ir.graph import Graph
from slimdsl.ops.dropout import DropPath
from slimdsl.types import DType
from tests.harness import graph_def, graph_of, numbers, run, tensor, tensorflow

COUNT = 20_000
X = numbers("x", (COUNT, 3))
SEED = np.array([7, 0], np.int64)
LONGEST = 2**31 - 1
"""The longest burn-in that there is."""


def slim_keep_prob(keep_prob: float, burn_in: int, step: int) -> float:
    """What `_apply_drop_path` of TF-Slim's nasnet_utils.py makes of a cell's probability, but in float64."""
    ratio = min(1.0, step / burn_in)
    return 1 - ratio * (1 - keep_prob)


def net(keep_prob: float, burn_in: int, dtype: DType = DType.FLOAT32) -> Graph:
    return graph_of(DropPath(keep_prob=keep_prob, burn_in=burn_in), tensor("N", 3, dtype=dtype), training=True)


def dropped(graph: Graph, step: int | None = None, x: np.ndarray = X) -> np.ndarray:
    fed = {"x": x, "random_seed:0": SEED}
    (y,) = run(graph, fed if step is None else {**fed, "training_step:0": np.array(step, np.int64)})
    return y


@pytest.mark.parametrize(("keep_prob", "burn_in"), [(0.6, 937_500), (0.7, 250_000), (0.05, 3), (0.99, LONGEST)])
@pytest.mark.parametrize("part", [0.001, 0.3, 0.5, 1.0, 7.0])
def test_the_probability_is_that_of_tf_slim(keep_prob: float, burn_in: int, part: float) -> None:
    """The factor to a rounding of float32, the share to five standard deviations of 20,000 draws."""
    step = round(part * burn_in)
    keep = slim_keep_prob(keep_prob, burn_in, step)
    y = dropped(net(keep_prob, burn_in), step)
    kept = y.any(axis=1)
    assert (y[kept] != 0).all()
    np.testing.assert_allclose(y[kept], X[kept] / keep, rtol=2e-7)
    assert abs(kept.mean() - keep) <= 5 * (keep * (1 - keep) / COUNT) ** 0.5


@pytest.mark.parametrize(("keep_prob", "burn_in"), [(0.6, 937_500), (1e-9, 1), (0.5, LONGEST)])
def test_the_first_step_keeps_everything_as_it_is(keep_prob: float, burn_in: int) -> None:
    np.testing.assert_array_equal(dropped(net(keep_prob, burn_in), 0), X)


@pytest.mark.parametrize("bits", [0, 2**31, 2**32 - 1])
def test_no_bits_are_dropped_in_the_first_step(bits: int) -> None:
    """Nor are the largest ones, which 20,000 draws do not meet."""
    assert compared(net(0.5, 10), 0, bits) is False


@pytest.mark.parametrize(("keep_prob", "step"), [(0.5, 10), (0.6, 7), (0.3, 1), (1e-9, 10)])
def test_what_is_below_the_threshold_is_kept(keep_prob: float, step: int) -> None:
    """In integers, exactly: a share of 2**32 that is rounded to `keep_prob` and, on the way there, up."""
    last = round(keep_prob * 2**32)
    threshold = 2**32 - (2**32 - last) * step // 10
    found = [compared(net(keep_prob, 10), step, bits) for bits in (0, threshold - 1, threshold, 2**32 - 1)]
    assert found == [False, False, True, True]


def compared(graph: Graph, step: int, bits: int) -> bool:
    """Whether an example with these random bits is dropped."""
    random = np.array([[bits]], np.uint32)
    fed = {"x": X[:1], "training_step:0": np.array(step, np.int64), "DropPath/SelectV2/random:0": random}
    (drop,) = run(graph, fed, fetches=("DropPath/SelectV2/drop:0",))
    return bool(drop[0, 0])


@pytest.mark.parametrize("keep_prob", [0.6, 0.7, 0.2])
@pytest.mark.parametrize("step", [None, 40, 41, 2**63 - 1])
def test_after_the_burn_in_it_is_as_without(keep_prob: float, step: int | None) -> None:
    """Which it is in a graph whose step nobody feeds."""
    with_burn_in, without = dropped(net(keep_prob, 40), step), dropped(net(keep_prob, 0))
    np.testing.assert_array_equal(with_burn_in == 0, without == 0)
    np.testing.assert_allclose(with_burn_in, without, rtol=2e-7)


def test_more_is_dropped_step_by_step() -> None:
    kept = [dropped(net(0.5, 8), step).any(axis=1) for step in range(9)]
    for earlier, later in pairwise(kept):
        assert (later <= earlier).all(), "who was dropped with these bits stays so"
        assert later.sum() < earlier.sum()


@pytest.mark.parametrize("step", [0, 1, 333_333, 937_499, 937_500, 2**40])
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16, DType.FLOAT64])
def test_the_compiler_gives_the_same_bits(step: int, dtype: DType) -> None:
    tf = tensorflow()
    definition = graph_def(net(0.6, 937_500, dtype))

    def drop(x: Any, seed: Any, step: Any) -> Any:
        kept = tf.compat.v1.GraphDef()
        fed = {"x:0": x, "random_seed:0": seed, "training_step:0": step}
        kept.node.extend(node for node in definition.node if f"{node.name}:0" not in fed)
        return tf.graph_util.import_graph_def(kept, fed, ["DropPath/SelectV2:0"], name="")[0]

    given = (tf.constant(X[:500], dtype.value), tf.constant(SEED), tf.constant(step, tf.int64))
    plain, compiled = (tf.function(drop, jit_compile=jit)(*given).numpy() for jit in (False, True))
    np.testing.assert_array_equal(plain, compiled)
    assert plain.any()
    assert (plain == 0).any() == (step > 1)


def test_the_gradient_is_that_of_what_was_kept() -> None:
    tf = tensorflow()
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def(net(0.5, 10)), name="")
        x, y = (graph.get_tensor_by_name(name) for name in ("x:0", "DropPath/SelectV2:0"))
        (gradient,) = tf.compat.v1.gradients(tf.reduce_sum(y), [x])
        with tf.compat.v1.Session() as session:
            result, slope = session.run([y, gradient], {x: np.ones((200, 3), np.float32), "training_step:0": 5})
    np.testing.assert_array_equal(slope, result)
    assert set(np.unique(result)) == {0.0, np.float32(1 / 0.75)}


def test_a_graph_without_a_burn_in_has_no_step() -> None:
    for graph in (net(0.5, 0), net(1.0, 10)):
        assert not [node.name for node in graph_def(graph).node if "step" in node.name]
