"""What TensorFlow 2 makes of a SavedModel: functions, signatures, variables; and that it can save it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import slimdsl
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.backends.order import Order
from slimdsl.backends.savedmodel.writer import write
from slimdsl.weights.seeded import SeedWeights
from tests.backends.savedmodel.small_models import SEED, graph_of, images, inputs_of, save, seeded_values

v1 = tf.compat.v1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    save("open", path / "open")
    save("open", path / "frozen", frozen=True)
    save("fixed", path / "fixed")
    return path


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Any:
    return tf.saved_model.load(str(folder / "open"))


def frozen_results(name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    emission = emit(graph_of(name), form="frozen", seed=SEED)
    definition = v1.GraphDef.FromString(graph_bytes(emission, SeedWeights(SEED)))
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(definition, name="")
        with v1.Session(graph=graph) as session:
            found: dict[str, np.ndarray] = session.run(
                dict(emission.outputs), {emission.inputs[key]: array for key, array in inputs.items()}
            )
    return found


@pytest.mark.parametrize("shape", [(1, 8, 8), (7, 8, 8), (16, 8, 8), (2, 13, 9)])
def test_signature_and_call_compute_the_network_at_any_size(loaded: Any, shape: tuple[int, int, int]) -> None:
    inputs = {"images": images(*shape)}
    expected = frozen_results("open", inputs)
    signature = loaded.signatures["serving_default"](images=tf.constant(inputs["images"]))
    for found in (signature, loaded(inputs["images"]), loaded.serve(images=inputs["images"])):
        assert set(found) == {"features", "logits", "predictions"}
        for key, array in expected.items():
            np.testing.assert_allclose(found[key], array, rtol=1e-6, atol=1e-6)


def test_the_signature_has_the_names_and_shapes_of_the_text(loaded: Any) -> None:
    signature = loaded.signatures["serving_default"]
    assert signature.structured_input_signature == (
        (),
        {"images": tf.TensorSpec((None, None, None, 3), tf.float32, name="images")},
    )
    shapes = {key: output.shape.as_list() for key, output in signature.structured_outputs.items()}
    assert shapes == {"features": [None, None, None, 6], "logits": [None, 3], "predictions": [None, 3]}


def test_a_function_knows_the_shapes_of_its_results(loaded: Any) -> None:
    traced = tf.function(loaded.__call__).get_concrete_function(tf.TensorSpec((None, 8, 8, 3)))
    assert traced.structured_outputs["logits"].shape.as_list() == [None, 3]


def test_variables_have_their_names_values_and_flags(loaded: Any) -> None:
    graph = graph_of("open")
    assert [variable.name for variable in loaded.variables] == [f"{v.name}:0" for v in graph.variables]
    assert [v.name for v in loaded.trainable_variables] == [f"{v.name}:0" for v in graph.variables if v.trainable]
    assert [v.name for v in loaded.non_trainable_variables] == [
        f"open/conv{number}/BatchNorm/moving_{what}:0" for number in (1, 2) for what in ("mean", "variance")
    ]
    assert [v.trainable for v in loaded.variables] == [v.trainable for v in graph.variables]
    expected = seeded_values(graph)
    for variable in loaded.variables:
        np.testing.assert_array_equal(variable.numpy(), expected[variable.name.removesuffix(":0")])


def test_several_inputs_go_by_place_and_by_name(folder: Path) -> None:
    inputs = inputs_of("fixed")
    expected = frozen_results("fixed", inputs)
    model = tf.saved_model.load(str(folder / "fixed"))
    for found in (
        model(inputs["images"], inputs["scale"]),
        model(scale=inputs["scale"], images=inputs["images"]),
        model.signatures["serving_default"](**{key: tf.constant(array) for key, array in inputs.items()}),
    ):
        assert set(found) == {"logits", "scale"}
        np.testing.assert_allclose(found["logits"], expected["logits"], rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(found["scale"], inputs["scale"])


def test_a_frozen_one_computes_the_same_without_variables(folder: Path) -> None:
    model = tf.saved_model.load(str(folder / "frozen"))
    assert list(model.variables) == []
    inputs = {"images": images(3, 10, 12)}
    expected = frozen_results("open", inputs)
    found = model.signatures["serving_default"](images=tf.constant(inputs["images"]))
    for key, array in expected.items():
        np.testing.assert_array_equal(found[key], array)


def test_a_step_of_training_is_saved_and_loaded_again(folder: Path, tmp_path: Path) -> None:
    model = tf.saved_model.load(str(folder / "open"))
    batch = images(4)

    def loss() -> Any:
        return tf.reduce_sum(model(batch)["logits"] ** 2)

    with tf.GradientTape() as tape:
        before = loss()
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(before, model.trainable_variables), strict=True
    ):
        variable.assign_sub(0.01 * gradient)
    after = loss().numpy()
    assert after < before.numpy()
    tf.saved_model.save(model, str(tmp_path / "trained"), signatures=model.signatures)
    again = tf.saved_model.load(str(tmp_path / "trained"))
    assert [v.name for v in again.variables] == [v.name for v in model.variables]
    found = again.signatures["serving_default"](images=tf.constant(batch))
    np.testing.assert_allclose(tf.reduce_sum(found["logits"] ** 2), after, rtol=1e-6)


def test_inputs_may_have_names_that_python_keeps_for_itself(tmp_path: Path) -> None:
    text = """slim 1
net names {
  input self: float32[N, 2]
  input class: float32[N, 2]
  input class0: float32[N, 2]
  output sum = self
  output lambda = class
  output third = class0
}
"""
    graph = slimdsl.loads(text).graph
    artefact = write(Order(graph=graph, weights=None, seed=0, path=str(tmp_path / "names")))
    assert artefact.inputs == {name: name for name in ("self", "class", "class0")}
    model = tf.saved_model.load(str(tmp_path / "names"))
    arrays = [np.full((1, 2), number, "float32") for number in (1.0, 2.0, 3.0)]
    named = dict(zip(("self_", "class_", "class0"), map(tf.constant, arrays), strict=True))
    for found in (model(*arrays), model.signatures["serving_default"](**named)):
        values = {key: float(tensor[0, 0]) for key, tensor in found.items()}
        assert values == {"sum": 1.0, "lambda": 2.0, "third": 3.0}


def test_predicting_changes_nothing_and_gives_the_same_again(tmp_path: Path) -> None:
    """A network may be told to drop and to use batch statistics at any time, as pix2pix is."""
    text = """slim 1
net noisy {
  input x: float32[N, 6]
  fc(4, norm=batch_norm(training=true)) as fc1
  dropout(0.5, training=true) as dropout1
  output y
}
"""
    graph = slimdsl.loads(text).graph
    assert graph.updates
    write(Order(graph=graph, weights=None, seed=7, path=str(tmp_path / "noisy")))
    model = tf.saved_model.load(str(tmp_path / "noisy"))
    before = [variable.numpy() for variable in model.variables]
    x = np.random.default_rng(0).standard_normal((5, 6)).astype("float32")
    first, again = (model(x)["y"].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first == 0).any()
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
