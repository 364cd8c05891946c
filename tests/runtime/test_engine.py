"""The training step: what it changes, in which order, and that parts, compilers and precisions agree."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import slimdsl
from slimdsl.ir.graph import Graph
from slimdsl.recipe.base import Optimizer
from slimdsl.recipe.losses import MeanSquaredError, SoftmaxCrossEntropy
from slimdsl.recipe.metrics import Accuracy
from slimdsl.recipe.optimizers import AdamW, Ftrl, Momentum, RmsProp, Sgd
from slimdsl.recipe.recipe import LossTerm, MetricTerm, Recipe
from slimdsl.recipe.schedules import Exponential
from slimdsl.runtime.engine import Engine
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.gradients import recorded
from slimdsl.runtime.scaling import is_stuck
from slimdsl.types import DType, SymbolicDim, TensorType
from tests.work import PATIENCE

NET = """slim 1
net small(norm = true, keep = 1.0) as Small {
  input images: float32[N, 8, 8, 3]
  with conv: weights_reg=l2(0.01)
  if norm { conv(6, 3x3, norm=batch_norm(decay=0.9, scale=true)) as conv1 } else { conv(6, 3x3) as conv1 }
  max_pool(2x2) as pool1
  flatten
  fc(12) as fc2
  dropout(keep) as drop
  fc(4, activation=none) as logits
  output logits
}
"""


def graphs(**parameters: Any) -> tuple[Graph, Graph]:
    return slimdsl.loads(NET, training=True, **parameters).graph, slimdsl.loads(NET, **parameters).graph


def recipe(**settings: Any) -> Recipe:
    labels = TensorType(dtype=DType.INT32, shape=(SymbolicDim.named("N"),))
    given: dict[str, Any] = {
        "inputs": {"labels": labels},
        "losses": (LossTerm(name="xent", loss=SoftmaxCrossEntropy(), operands=("logits", "labels")),),
        "optimizer": Momentum(learning_rate=0.05),
        "metrics": (MetricTerm(name="accuracy", metric=Accuracy(), operands=("logits", "labels")),),
    }
    return Recipe(**{**given, **settings})


def engine(given: Recipe | None = None, *, keep: float = 1.0, norm: bool = True, **options: Any) -> Engine:
    return Engine(*graphs(norm=norm, keep=keep), given or recipe(), sizes={}, seed=3, **options)


def batch(step: int, size: int = 8) -> dict[str, tf.Tensor]:
    draw = np.random.RandomState(step)
    labels = draw.randint(0, 4, size)
    images = draw.standard_normal([size, 8, 8, 3]) + labels[:, None, None, None] / 2
    return {"images": tf.constant(images, tf.float32), "labels": tf.constant(labels, tf.int32)}


def losses(of: Engine, steps: int = 6, start: int = 0) -> list[float]:
    return [float(of.train(batch(step))["total_loss"]) for step in range(start, start + steps)]


def values(of: Engine) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in of.variables.items()}


def test_a_step_reports_and_counts() -> None:
    trained = engine()
    before = values(trained)
    found = trained.train(batch(0))
    assert set(found) == {
        "total_loss", "regularization_loss", "learning_rate", "losses/xent", "metrics/accuracy",
    }  # fmt: skip
    assert all(value.dtype == tf.float32 and value.shape == [] for value in found.values())
    assert float(found["total_loss"]) == pytest.approx(
        float(found["losses/xent"]) + float(found["regularization_loss"]), rel=1e-6
    )
    weights = before["Small/conv1/weights"].astype(np.float64)
    assert float(found["regularization_loss"]) == pytest.approx(0.005 * (weights**2).sum(), rel=1e-5)
    assert float(found["metrics/accuracy"]) * 8 == int(float(found["metrics/accuracy"]) * 8)
    after = values(trained)
    assert after["global_step"] == 1
    assert list(after) == [
        "Small/conv1/weights", "Small/conv1/BatchNorm/gamma", "Small/conv1/BatchNorm/beta",
        "Small/conv1/BatchNorm/moving_mean", "Small/conv1/BatchNorm/moving_variance",
        "Small/fc2/weights", "Small/fc2/biases", "Small/logits/weights", "Small/logits/biases",
        "Small/conv1/weights/Momentum", "Small/conv1/BatchNorm/gamma/Momentum", "Small/conv1/BatchNorm/beta/Momentum",
        "Small/fc2/weights/Momentum", "Small/fc2/biases/Momentum", "Small/logits/weights/Momentum",
        "Small/logits/biases/Momentum", "global_step",
    ]  # fmt: skip
    assert all((before[name] != after[name]).any() for name in after)


def test_training_lowers_the_loss() -> None:
    trained = engine()
    found = losses(trained, 40)
    assert np.mean(found[-5:]) < 0.6 * np.mean(found[:5])


def test_several_steps_at_once_are_the_same_steps() -> None:
    one, many = engine(keep=0.5), engine(keep=0.5)
    expected = losses(one, 6)
    found = [many.train_many([batch(step) for step in steps]) for steps in (range(2), range(2, 6))]
    assert [each["total_loss"].shape[0] for each in found] == [2, 4]
    assert set(found[0]) == set(one.train(batch(0)))
    np.testing.assert_allclose(np.concatenate([each["total_loss"] for each in found]), expected, rtol=1e-6)
    assert int(many.variables["global_step"].numpy()) == 6
    assert many.traces == 1


def test_the_step_is_traced_once() -> None:
    trained = engine()
    losses(trained, 3)
    assert trained.traces == 1
    trained.train(batch(0, 4))
    assert trained.traces == 2


def test_parts_of_a_batch_add_up_to_the_batch() -> None:
    whole, parts = engine(norm=False), engine(recipe(accumulate=2), norm=False)
    expected, found = losses(whole), losses(parts)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for name, value in values(whole).items():
        np.testing.assert_allclose(values(parts)[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    assert float(parts.train(batch(9))["metrics/accuracy"]) == float(whole.train(batch(9))["metrics/accuracy"])


def test_every_part_updates_batch_norm() -> None:
    parts = engine(recipe(accumulate=2, optimizer=Sgd(learning_rate=0.0)))
    halves = engine(recipe(optimizer=Sgd(learning_rate=0.0)))
    parts.train(batch(0))
    for start in (0, 4):
        halves.train({name: tensor[start : start + 4] for name, tensor in batch(0).items()})
    for leaf in ("moving_mean", "moving_variance"):
        name = f"Small/conv1/BatchNorm/{leaf}"
        np.testing.assert_allclose(values(parts)[name], values(halves)[name], rtol=1e-5)


def test_frozen_batch_norm_stays() -> None:
    frozen = engine(recipe(freeze_batch_norm=True))
    before = values(frozen)
    losses(frozen, 2)
    changed = {name for name, value in values(frozen).items() if (value != before[name]).any()}
    assert not any("moving" in name for name in changed)
    assert "Small/conv1/BatchNorm/gamma" in changed


@pytest.mark.parametrize("scope", ["logits", "Small/logits"])
def test_only_scopes_of_the_recipe_are_trained(scope: str) -> None:
    trained = engine(recipe(trainable=(scope,)))
    before = values(trained)
    losses(trained, 2)
    changed = {name for name, value in values(trained).items() if (value != before[name]).any()}
    assert changed == {
        "Small/conv1/BatchNorm/moving_mean", "Small/conv1/BatchNorm/moving_variance", "Small/logits/weights",
        "Small/logits/biases", "Small/logits/weights/Momentum", "Small/logits/biases/Momentum", "global_step",
    }  # fmt: skip


def steps_of(**settings: Any) -> dict[str, np.ndarray]:
    """By how much one step of gradient descent with the rate 1 changes the variables: the gradients."""
    trained = engine(recipe(optimizer=Sgd(learning_rate=1.0), **settings), norm=False)
    before = values(trained)
    trained.train(batch(0))
    return {name: before[name] - value for name, value in values(trained).items() if name != "global_step"}


@pytest.mark.parametrize("accumulate", [1, 2])
def test_gated_gradients_of_large_weights_are_the_same(accumulate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    given = recipe(accumulate=accumulate)
    expected = losses(engine(given))
    assert waiting_nodes() == 0
    # Now the small network counts as a large one.
    monkeypatch.setattr("slimdsl.runtime.gradients.LARGE", 1)
    assert losses(engine(given)) == pytest.approx(expected, rel=1e-6)
    assert waiting_nodes() > 0


def waiting_nodes() -> int:
    """Nodes that wait for others whose results they do not take, among those of the gradients of two matrices."""

    @tf.function(autograph=False)
    def gradients_of_product(a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        with recorded({"a": a, "b": b}) as gradients_of:
            target = tf.reduce_sum(tf.matmul(a, b))
        return gradients_of(target)

    matrix = tf.TensorSpec([2, 2])
    graph = gradients_of_product.get_concrete_function(matrix, matrix).graph
    return sum(bool(operation.control_inputs) for operation in graph.get_operations())


UNREACHED = """slim 1
net two_heads() as Heads {
  input images: float32[N, 8, 8, 3]
  flatten
  let shared = it
  fc(4, activation=none) as logits
  let logits = it
  shared -> fc(4, activation=none) as other
  output other
  output logits = logits
}
"""


def two_heads(*, eager: bool = False, precision: str = "float32", **settings: Any) -> Engine:
    """A network of whose two heads the loss reads one."""
    graphs = slimdsl.loads(UNREACHED, training=True).graph, slimdsl.loads(UNREACHED).graph
    return Engine(*graphs, recipe(**settings), sizes={}, seed=3, eager=eager, precision=precision)


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"eager": True}, {"precision": "float16"}], ids=str)
@pytest.mark.parametrize("optimizer", [Ftrl(learning_rate=0.1), AdamW(), RmsProp()], ids=str)
def test_what_the_losses_do_not_depend_on_is_left_alone(optimizer: Optimizer, options: dict[str, Any]) -> None:
    trained = two_heads(optimizer=optimizer, **options)
    before = values(trained)
    trained.train(batch(0))
    after = values(trained)
    for name in before:
        if name.startswith("Heads/other/"):
            np.testing.assert_array_equal(after[name], before[name], err_msg=name)
    assert np.any(after["Heads/logits/weights"] != before["Heads/logits/weights"])


def test_losses_that_nothing_trained_decides_are_refused() -> None:
    with pytest.raises(EngineError, match=r"depend on none of the variables that are trained, such as `Heads/other/"):
        two_heads(trainable=("other",)).train(batch(0))


def test_gradients_are_multiplied_then_clipped_one_by_one_then_together() -> None:
    plain = steps_of()
    factors = {name: 10.0 if "logits" in name else 3.0 if "fc2/biases" in name else 1.0 for name in plain}
    expected = {name: gradient * factors[name] for name, gradient in plain.items()}
    found = steps_of(multipliers=(("logits", 10.0), ("fc2/biases", 3.0)))
    bounded = {name: g * min(1.0, 0.5 / np.linalg.norm(g)) for name, g in expected.items()}
    total = np.sqrt(sum((g**2).sum() for g in bounded.values()))
    assert total > 0.7
    clipped = steps_of(multipliers=(("logits", 10.0), ("fc2/biases", 3.0)), clip_norm=0.5, clip_global_norm=0.7)
    for name in plain:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-3, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(clipped[name], bounded[name] * 0.7 / total, rtol=1e-3, atol=1e-5, err_msg=name)


def test_of_several_factors_that_of_the_longest_scope_counts() -> None:
    plain = steps_of()
    for multipliers in ((("fc2", 3.0), ("fc2/biases", 10.0)), (("fc2/biases", 10.0), ("fc2", 3.0))):
        found = steps_of(multipliers=multipliers)
        for name, gradient in plain.items():
            factor = 10.0 if "fc2/biases" in name else 3.0 if "fc2/" in name else 1.0
            np.testing.assert_allclose(found[name], gradient * factor, rtol=1e-3, atol=1e-5, err_msg=name)


def test_moving_averages_follow_the_variables() -> None:
    trained = engine(recipe(averages=0.3))
    shadows = {name for name in trained.variables if name.endswith("/ExponentialMovingAverage")}
    assert len(shadows) == 9
    expected = {name: values(trained)[name.rpartition("/")[0]] for name in shadows}
    for step in range(4):
        trained.train(batch(step))
        # The count of the steps that are done, as TensorFlow's averages behind a step read it.
        decay = min(0.3, (2 + step) / (11 + step))
        for name in shadows:
            expected[name] = decay * expected[name] + (1 - decay) * values(trained)[name.rpartition("/")[0]]
    for name in shadows:
        np.testing.assert_allclose(values(trained)[name], expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
    plain, averaged = (trained.evaluate(batch(0), averages=averages)["logits"].numpy() for averages in (False, True))
    assert plain.shape == averaged.shape == (8, 4)
    assert np.abs(plain - averaged).max() > 1e-3
    for name in shadows:
        trained.variables[name.rpartition("/")[0]].assign(values(trained)[name])
    np.testing.assert_allclose(trained.evaluate(batch(0))["logits"], averaged, rtol=1e-5, atol=1e-6)


def test_a_resumed_training_draws_what_it_would_have_drawn() -> None:
    through, first, second = engine(keep=0.5), engine(keep=0.5), engine(keep=0.5)
    expected = losses(through, 6)
    losses(first, 3)
    for name, variable in first.variables.items():
        second.variables[name].assign(variable)
    assert losses(second, 3, start=3) == expected[3:]
    assert losses(engine(keep=0.5), 2) == expected[:2]
    other = Engine(*graphs(keep=0.5), recipe(), sizes={}, seed=4)
    for name, variable in engine(keep=0.5).variables.items():
        other.variables[name].assign(variable)
    assert losses(other, 1) != expected[:1]


BURNING = """slim 1
net burning as Burning {
  input numbers: float32[N, 5]
  drop_path(0.5, burn_in=4) as path
  output path
  fc(5, activation=none) as logits
  output logits
}
"""


def burning(**options: Any) -> Engine:
    """A network of whose first loss one can read how much a step has dropped; what it trains has no part in that."""
    graphs = slimdsl.loads(BURNING, training=True).graph, slimdsl.loads(BURNING).graph
    wanted = TensorType(dtype=DType.FLOAT32, shape=(SymbolicDim.named("N"), 5))
    given: dict[str, Any] = {
        "inputs": {"wanted": wanted},
        "losses": (
            LossTerm(name="square", loss=MeanSquaredError(), operands=("path", "wanted")),
            LossTerm(name="trained", loss=MeanSquaredError(), operands=("logits", "wanted")),
        ),
        "optimizer": Sgd(learning_rate=0.1),
        "accumulate": options.pop("accumulate", 1),
    }
    return Engine(*graphs, Recipe(**given), sizes={}, seed=3, **options)


def squares(of: Engine, steps: int = 8) -> list[float]:
    """The mean square of what is kept of ones, which is 1 / keep on the mean."""
    given = {"numbers": tf.ones([4000, 5]), "wanted": tf.zeros([4000, 5])}
    return [float(of.train(given)["losses/square"]) for _ in range(steps)]


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"xla": True}, {"eager": True}])
def test_a_burn_in_goes_by_the_steps_of_the_training(options: dict[str, Any]) -> None:
    """Not by draws, of which a step in two parts has two: within five standard deviations, and at step 0 exactly."""
    found = squares(burning(**options))
    assert found[0] == 1.0
    for step, square in enumerate(found):
        keep = 1 - min(step, 4) / 4 * 0.5
        assert abs(square - 1 / keep) <= 5 * (keep * (1 - keep) / 4000) ** 0.5 / keep**2 + 1e-6
    reference = squares(burning(accumulate=options.get("accumulate", 1)))
    np.testing.assert_allclose(found, reference, rtol=1e-5)


def test_a_resumed_training_goes_on_with_its_burn_in() -> None:
    expected = squares(burning())
    first, second = burning(), burning()
    assert squares(first, 3) == expected[:3]
    for name, variable in first.variables.items():
        second.variables[name].assign(variable)
    assert squares(second, 5) == expected[3:]
    assert squares(burning(), 1) == [1.0]


def test_the_rate_follows_the_schedule_and_the_epochs() -> None:
    rate = Exponential(rate=0.1, decay=0.5, epochs=1.0)
    trained = engine(recipe(optimizer=Sgd(learning_rate=rate)), steps_per_epoch=2)
    found = [float(trained.train(batch(step))["learning_rate"]) for step in range(5)]
    assert found == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
    with pytest.raises(EngineError, match="how many steps an epoch has is not known"):
        engine(recipe(optimizer=Sgd(learning_rate=rate)))


def test_a_compiled_step_agrees() -> None:
    """To 1e-4 over eight steps, with dropout: the masks are the same bits."""
    np.testing.assert_allclose(losses(engine(keep=0.5, xla=True), 8), losses(engine(keep=0.5), 8), rtol=1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_agrees_loosely(precision: str) -> None:
    """To 2e-2 over eight steps, while all variables are float32."""
    full, half = engine(), engine(precision=precision)
    assert all(v.dtype == tf.float32 for name, v in half.variables.items() if "step" not in name)
    expected, found = losses(full, 8), losses(half, 8)
    np.testing.assert_allclose(found, expected, rtol=2e-2)
    assert found != expected


def test_float16_skips_steps_that_overflow_and_scales_less() -> None:
    trained = engine(precision="float16")
    scale = trained.variables["global_step/loss_scale"]
    scale.assign(2.0**40)
    before = values(trained)
    found = trained.train(batch(0))
    assert np.isfinite(float(found["total_loss"]))
    after = values(trained)
    assert {name for name in after if (after[name] != before[name]).any()} == {
        "Small/conv1/BatchNorm/moving_mean", "Small/conv1/BatchNorm/moving_variance", "global_step",
        "global_step/loss_scale",
    }  # fmt: skip
    assert after["global_step/loss_scale"] == 2.0**39
    assert (float(found["loss_scale"]), float(found["skipped_steps"])) == (2.0**40, 1.0)
    assert not is_stuck({name: float(value) for name, value in found.items()})
    scale.assign(64.0)
    found = trained.train(batch(0))
    assert (float(found["loss_scale"]), float(found["skipped_steps"])) == (64.0, 0.0)


def test_float16_is_stuck_where_the_smallest_scale_does_not_help() -> None:
    trained = engine(precision="float16")
    trained.variables["global_step/loss_scale"].assign(1.0)
    assert not is_stuck({name: float(value) for name, value in trained.train(batch(0)).items()})
    images = batch(0)["images"] * float("nan")
    found = {name: float(value) for name, value in trained.train({**batch(0), "images": images}).items()}
    assert is_stuck(found)
    assert trained.variables["global_step/loss_scale"].numpy() == 1.0


def test_a_batch_that_does_not_fit_is_refused() -> None:
    trained = engine(recipe(accumulate=2))
    with pytest.raises(EngineError, match="the batch has no `labels`, only `images`"):
        trained.train({"images": tf.zeros([8, 8, 8, 3])})
    with pytest.raises(EngineError, match=r"`images` is float32\[N, 8, 8, 3\], .* \[8, 9, 9, 3\]"):
        trained.train({**batch(0), "images": tf.zeros([8, 9, 9, 3])})
    with pytest.raises(EngineError, match="`images` has 7 examples, which cannot be cut into 2 equal parts"):
        trained.train(batch(0, 7))


def test_two_replicas_are_as_one() -> None:
    """Of a network without batch norm, whose statistics are those of each replica's share."""
    command = [sys.executable, "-m", "tests.runtime.replicas_worker"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["double"] == pytest.approx(found["single"], rel=1e-5)
    assert found["apart"] < 1e-5
    assert found["logits"][0] == pytest.approx(found["logits"][1], rel=1e-4)


def test_a_recipe_that_does_not_fit_is_refused() -> None:
    with pytest.raises(EngineError, match="the scope `fc9`, and no variable"):
        engine(recipe(trainable=("fc9",)))
    with pytest.raises(EngineError, match="no variable that the recipe trains"):
        engine(recipe(trainable=("conv1/BatchNorm/moving_mean",)))
    with pytest.raises(EngineError, match="no precision `int8`"):
        engine(precision="int8")


def test_eager_steps_are_those_of_the_graph_but_for_rounding() -> None:
    graph, eager = engine(keep=0.5), engine(keep=0.5, eager=True)
    np.testing.assert_allclose(losses(eager), losses(graph), rtol=1e-5)
    assert eager.traces == 6, "nothing is traced: each step runs"
    for name, value in values(graph).items():
        np.testing.assert_allclose(values(eager)[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_parts_and_precisions_are_computed_eagerly_too() -> None:
    parts, eager = engine(recipe(accumulate=2)), engine(recipe(accumulate=2), eager=True)
    np.testing.assert_allclose(losses(eager, 2), losses(parts, 2), rtol=1e-5)
    half, eager = engine(precision="bfloat16"), engine(precision="bfloat16", eager=True)
    np.testing.assert_allclose(losses(eager, 3), losses(half, 3), rtol=2e-2)


def test_an_operation_that_fails_eagerly_has_its_layer_and_its_line() -> None:
    text = """slim 1
net lookup {
  input tokens: int32[N, 4]
  embedding(10, 4) as words
  flatten
  fc(4, activation=none) as logits
  output logits
}
"""
    training, inference = slimdsl.loads(text, training=True).graph, slimdsl.loads(text).graph
    eager = Engine(training, inference, recipe(), sizes={}, eager=True)
    tokens = tf.constant([[0, 1, 2, 99]] * 8, tf.int32)
    with pytest.raises(
        EngineError, match=r"the layer `lookup/words` \(embedding\), <text>:4:3, .*GatherV2\): indices\[0,3\] = 99"
    ):
        eager.train({"tokens": tokens, "labels": tf.zeros([8], tf.int32)})
