"""The signature `train`: batch statistics, dropout, updates; its gradients are those of the graph itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from tests.backends.savedmodel.small_models import SEED, graph_of, inputs_of, save, seeded_values

v1 = tf.compat.v1
DRAW = [5, 6]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    for name in ("open", "fixed"):
        save(name, path / name, train=True)
    return path


@pytest.fixture
def model(folder: Path) -> Any:
    return tf.saved_model.load(str(folder / "open"))


def arguments(name: str) -> dict[str, Any]:
    given = {key: tf.constant(array) for key, array in inputs_of(name).items()}
    return {**given, "random_seed": tf.constant(DRAW, tf.int64)} if name == "open" else given


def total(results: Any) -> Any:
    return tf.reduce_sum(results["logits"] ** 2) + results["regularization_loss"]


def results_of_the_graph(name: str) -> tuple[float, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The loss, its gradients, and the values that the updates leave, of the imported training graph."""
    graph = graph_of(name, training=True)
    emission = emit(graph, form="graphdef", seed=SEED)
    values = seeded_values(graph)
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(v1.GraphDef.FromString(graph_bytes(emission, None)), name="")
        loss = tf.reduce_sum(imported.get_tensor_by_name(emission.outputs["logits"]) ** 2)
        loss += imported.get_tensor_by_name(emission.regularization_loss)
        reads = {v.name: imported.get_tensor_by_name(emission.variables[v.name]) for v in graph.variables}
        trained = {v.name: reads[v.name] for v in graph.variables if v.trainable}
        gradients = dict(zip(trained, tf.gradients(loss, list(trained.values())), strict=True))
        feeds = {emission.inputs[key]: array for key, array in inputs_of(name).items()}
        if emission.random_seed:
            feeds[emission.random_seed] = np.array(DRAW)
        with v1.Session(graph=imported) as session:
            for variable, array in values.items():
                assign = imported.get_operation_by_name(f"{variable}/Assign")
                session.run(assign, {assign.inputs[1]: array})
            found = session.run((loss, gradients), feeds)
            if emission.update_ops:
                session.run(emission.update_ops, feeds)
            moved = session.run(reads)
    return float(found[0]), found[1], moved


@pytest.mark.parametrize("name", ["open", "fixed"])
def test_loss_gradients_and_updates_are_those_of_the_graph(folder: Path, name: str) -> None:
    model = tf.saved_model.load(str(folder / name))
    loss, gradients, moved = results_of_the_graph(name)
    with tf.GradientTape() as tape:
        found = total(model.train(**arguments(name)))
    np.testing.assert_allclose(found, loss, rtol=1e-5)
    mine = tape.gradient(found, model.trainable_variables)
    assert len(mine) == len(gradients)
    for variable, gradient in zip(model.trainable_variables, mine, strict=True):
        expected = gradients[variable.name.removesuffix(":0")]
        np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max(), err_msg=variable.name)
    for variable in model.variables:
        expected = moved[variable.name.removesuffix(":0")]
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6, err_msg=variable.name)


def test_a_call_moves_the_moving_averages_and_a_prediction_does_not(model: Any) -> None:
    def moving() -> list[np.ndarray]:
        return [variable.numpy() for variable in model.non_trainable_variables]

    first = moving()
    model(**inputs_of("open"))
    assert all((a == b).all() for a, b in zip(first, moving(), strict=True))
    for train in (model.train, model.signatures["train"]):
        train(**arguments("open"))
        now = moving()
        assert all((a != b).any() for a, b in zip(first, now, strict=True))
        first = now


def test_the_seed_decides_the_dropout(model: Any) -> None:
    given = arguments("open")
    one, same, other = (
        model.train(given["images"], seed)["logits"].numpy() for seed in ([5, 6], [5, 6], np.array([5, 7]))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_what_draws_nothing_takes_no_seed(folder: Path) -> None:
    model = tf.saved_model.load(str(folder / "fixed"))
    signature = model.signatures["train"]
    assert set(signature.structured_input_signature[1]) == {"images", "scale"}
    assert set(signature.structured_outputs) == {"logits", "scale", "regularization_loss"}


def test_training_goes_on_in_a_function_of_the_users_own(model: Any) -> None:
    images = inputs_of("open")["images"]

    @tf.function
    def step(seed: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = total(model.train(images, seed))
        gradients = tape.gradient(loss, model.trainable_variables)
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
            variable.assign_sub(0.05 * gradient)
        return loss

    losses = [float(step(tf.constant([1, number], tf.int64))) for number in range(8)]
    assert losses[-1] < losses[0]


def test_the_step_decides_how_far_a_burn_in_is(tmp_path: Path) -> None:
    """A tensor that nobody gives is refused, as that of the seed is: a schedule cannot be forgotten."""
    save("burning", tmp_path / "model", train=True)
    model = tf.saved_model.load(str(tmp_path / "model"))
    x = np.ones((64, 3), np.float32)
    shares = []
    for step in (0, 50, 100, 1000):
        found = model.train(x, tf.constant(DRAW, tf.int64), tf.constant(step, tf.int64))["dropped"].numpy()
        shares.append((found != 0).mean())
        np.testing.assert_allclose(found[found != 0], 1 / (1 - min(step, 100) / 100 * 0.75), rtol=2e-7)
    assert shares[0] == 1 > shares[1] > shares[2] == shares[3]
    np.testing.assert_array_equal(model(x)["dropped"], x)
    with pytest.raises((TypeError, ValueError), match="training_step"):
        model.train(x, tf.constant(DRAW, tf.int64))
