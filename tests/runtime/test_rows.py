"""Of a table of which a batch has some rows, no others are moved: compiled or not, in parts, in every precision."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import slimdsl
from slimdsl.recipe.base import Optimizer
from slimdsl.recipe.losses import SoftmaxCrossEntropy
from slimdsl.recipe.optimizers import Adadelta, Ftrl, Lion, Momentum, RmsProp
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.engine import Engine
from slimdsl.runtime.gradients import processed
from slimdsl.runtime.row_updates import row_step
from slimdsl.runtime.rows import rows_of
from slimdsl.types import DType, SymbolicDim, TensorType
from tests.work import PATIENCE

NET = """slim 1
net words(penalty = none) as Words {
  input words: int32[N, 3]
  embedding(12, 4, weights_reg=penalty) as embedding
  flatten
  fc(5, activation=none) as logits
  output logits
}
"""
TABLE = "Words/embedding/embeddings"
BATCHES = ([[0, 1, 1], [2, 0, 5], [1, 2, 2], [5, 5, 0]], [[7, 1, 1], [2, 8, 8], [1, 2, 2], [7, 7, 1]])
"""Row 0 is in the first alone; rows 3, 4, 6 and those from 9 on are in none."""


def recipe(**settings: Any) -> Recipe:
    labels = TensorType(dtype=DType.INT32, shape=(SymbolicDim.named("N"),))
    given: dict[str, Any] = {
        "inputs": {"labels": labels},
        "losses": (LossTerm(name="xent", loss=SoftmaxCrossEntropy(), operands=("logits", "labels")),),
        "optimizer": Momentum(learning_rate=0.5),
    }
    return Recipe(**{**given, **settings})


def engine(given: Recipe, net: str = NET, **options: Any) -> Engine:
    return Engine(slimdsl.loads(net, training=True).graph, slimdsl.loads(net).graph, given, sizes={}, seed=3, **options)


def batch(step: int) -> dict[str, tf.Tensor]:
    return {"words": tf.constant(BATCHES[step], tf.int32), "labels": tf.constant([0, 1, 2, 3], tf.int32)}


def values_of(trained: Engine) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in trained.variables.items() if name.startswith("Words/")}


def after_training(trained: Engine) -> dict[str, np.ndarray]:
    for step in range(len(BATCHES)):
        trained.train(batch(step))
    return values_of(trained)


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize(
    "optimizer",
    [Momentum(learning_rate=0.5), Adadelta(learning_rate=0.5), RmsProp(learning_rate=0.1), Ftrl(learning_rate=0.1)],
    ids=str,
)
def test_other_rows_and_their_slots_stay(optimizer: Optimizer, xla: bool) -> None:
    trained = engine(recipe(optimizer=optimizer), xla=xla)
    first = values_of(trained)
    trained.train(batch(0))
    middle = values_of(trained)
    trained.train(batch(1))
    last = values_of(trained)
    for name in first:
        if name.startswith(TABLE):
            np.testing.assert_array_equal(last[name][[3, 4, 6, 9]], first[name][[3, 4, 6, 9]], err_msg=name)
            # It has momentum by then.
            np.testing.assert_array_equal(last[name][0], middle[name][0], err_msg=name)
    assert np.all(middle[TABLE][0] != first[TABLE][0])
    assert np.all(last[TABLE][1] != middle[TABLE][1])


v1 = tf.compat.v1.train
REFERENCES: tuple[tuple[Optimizer, Callable[[], Any], tuple[str, ...]], ...] = (
    (Momentum(momentum=0.8), lambda: v1.MomentumOptimizer(0.1, 0.8), ("momentum",)),
    (Momentum(nesterov=True), lambda: v1.MomentumOptimizer(0.1, 0.9, use_nesterov=True), ("momentum",)),
    (Adadelta(epsilon=0.01), lambda: v1.AdadeltaOptimizer(0.1, 0.95, 0.01), ("accum", "accum_update")),
    (RmsProp(epsilon=0.1), lambda: v1.RMSPropOptimizer(0.1, 0.9, 0.9, 0.1), ("rms", "momentum")),
    (Ftrl(l1=0.01, l2=0.2), lambda: v1.FtrlOptimizer(0.1, -0.5, 0.1, 0.01, 0.2), ("accum", "linear")),
    (Ftrl(learning_rate_power=-0.7), lambda: v1.FtrlOptimizer(0.1, -0.7, 0.1), ("accum", "linear")),
    (Ftrl(learning_rate_power=0.0), lambda: v1.FtrlOptimizer(0.1, 0.0, 0.1), ("accum", "linear")),
)


@pytest.mark.parametrize(("rule", "reference", "slots"), REFERENCES, ids=[str(rule) for rule, _, _ in REFERENCES])
def test_rows_are_moved_as_by_tensorflows_updates_of_slices(
    rule: Optimizer, reference: Callable[[], Any], slots: tuple[str, ...]
) -> None:
    draw = np.random.RandomState(0)
    table = tf.Variable(draw.standard_normal([6, 3]).astype(np.float32))
    optimizer, step, there = reference(), row_step(rule), tf.constant([1, 4])
    assert step is not None
    rows: list[Any] = []
    for number in range(4):
        gradient = tf.constant(draw.standard_normal([2, 3]), tf.float32)
        if number:
            rows = list(step(rule, rows, gradient, tf.constant(0.1)))
        optimizer.apply_gradients([(tf.IndexedSlices(gradient, there, tf.constant([6, 3])), table)])
        expected = [tf.gather(each, there) for each in (table, *(optimizer.get_slot(table, slot) for slot in slots))]
        for found, value in zip(rows or expected, expected, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
        rows = rows or expected


def test_optimizers_of_today_move_all_rows() -> None:
    trained = engine(recipe(optimizer=Lion(learning_rate=0.1, weight_decay=0.1)))
    first = values_of(trained)
    assert np.all(after_training(trained)[TABLE][3] != first[TABLE][3])


def test_a_penalty_moves_all_rows() -> None:
    trained = engine(recipe(), NET.replace("penalty = none", "penalty = l2(0.1)"))
    first = values_of(trained)
    assert np.all(after_training(trained)[TABLE][3] != first[TABLE][3])


def test_an_unembed_that_shares_the_table_moves_all_rows() -> None:
    scores = "  unembed(12) as scores sharing embedding\n"
    trained = engine(recipe(), NET.replace("  flatten", f"{scores}  flatten"))
    first = values_of(trained)
    assert np.all(after_training(trained)[TABLE][3] != first[TABLE][3])


@pytest.mark.parametrize("xla", [False, True])
def test_a_table_that_is_looked_up_twice_has_the_rows_of_both(xla: bool) -> None:
    """Row 10 is in the second place alone."""
    net = """slim 1
net words as Words {
  input words: int32[N, 3]
  input other: int64[N]
  let left = words -> embedding(12, 4) as embedding -> flatten
  let right = other -> embedding(12, 4) as again sharing embedding
  concat(left, right)
  fc(5, activation=none) as logits
  output logits
}
"""
    trained = engine(recipe(), net, xla=xla)
    first = values_of(trained)
    for step in range(len(BATCHES)):
        trained.train({**batch(step), "other": tf.constant([10, 10, 1, 1], tf.int64)})
    last = values_of(trained)
    moved = np.any(last[TABLE] != first[TABLE], axis=1)
    assert np.flatnonzero(moved).tolist() == [0, 1, 2, 5, 7, 8, 10]
    np.testing.assert_array_equal(last[f"{TABLE}/Momentum"][~moved], 0.0)


@pytest.mark.parametrize("clipping", [{"clip_norm": 0.05}, {"clip_global_norm": 0.05}], ids=str)
@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({"accumulate": 2}, 1e-6),
        ({"xla": True}, 1e-6),
        ({"eager": True}, 1e-6),
        ({"xla": True, "accumulate": 4}, 1e-6),
        ({"precision": "float16"}, 2e-3),
        ({"precision": "bfloat16"}, 2e-2),
    ],
    ids=str,
)
def test_every_way_of_computing_a_step_gives_the_same(
    options: dict[str, Any], bound: float, clipping: dict[str, float]
) -> None:
    expected = after_training(engine(recipe(**clipping)))
    settings = {name: given for name, given in options.items() if name == "accumulate"}
    others = {name: given for name, given in options.items() if name not in settings}
    found = after_training(engine(recipe(**clipping, **settings), **others))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=bound, atol=bound, err_msg=name)
    untouched = values_of(engine(recipe(**clipping)))[TABLE]
    np.testing.assert_array_equal(found[TABLE][[3, 4, 6, 9]], untouched[[3, 4, 6, 9]])


def test_several_steps_at_once_are_the_same_steps() -> None:
    expected = after_training(engine(recipe()))
    trained = engine(recipe())
    trained.train_many([batch(0), batch(1)])
    for name, values in expected.items():
        np.testing.assert_allclose(trained.variables[name].numpy(), values, rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_norm": 1.0},
        {"clip_global_norm": 1.0},
        {"clip_norm": 2.0, "clip_global_norm": 1.5, "multipliers": (("table", 3.0),)},
        {"clip_norm": 100.0, "clip_global_norm": 100.0},
    ],
    ids=str,
)
def test_gradients_are_clipped_by_the_norm_of_their_slices(settings: dict[str, Any]) -> None:
    """A row that is there twice has two slices; TensorFlow's functions are the reference."""
    slices = tf.IndexedSlices(
        tf.constant([[1.0, 2.0], [3.0, -1.0], [2.0, 2.0]]), tf.constant([1, 1, 3]), tf.constant([4, 2])
    )
    dense = tf.constant([1.0, -2.0])
    expected: list[Any] = [slices, dense]
    for scope, factor in settings.get("multipliers", ()):
        assert scope == "table"
        expected[0] = tf.IndexedSlices(slices.values * factor, slices.indices, slices.dense_shape)
    if "clip_norm" in settings:
        expected = [tf.clip_by_norm(each, settings["clip_norm"]) for each in expected]
    if "clip_global_norm" in settings:
        expected, _ = tf.clip_by_global_norm(expected, settings["clip_global_norm"])
    gradients = {"table": tf.convert_to_tensor(slices), "bias": dense}
    found = processed(gradients, rows_of({"table": slices, "bias": dense}), recipe(**settings))
    np.testing.assert_allclose(found["table"], tf.convert_to_tensor(expected[0]), rtol=1e-6)
    np.testing.assert_allclose(found["bias"], expected[1], rtol=1e-6)


def test_two_replicas_are_as_one() -> None:
    command = [sys.executable, "-m", "tests.runtime.rows_worker"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    apart = json.loads(done.stdout.splitlines()[-1])
    assert max(apart.values()) < 1e-6
    assert TABLE in apart
