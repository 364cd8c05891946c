"""The networks of TF-Slim's library, compiled and run by TensorFlow, give what TF-Slim itself computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import slimdsl
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from tests.conformance.recipe import RecipeWeights, input_values

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "models" / "slim"
NETWORKS = sorted(path.stem for path in (HERE / "inference").glob("*.json"))


def recorded(network: str) -> dict[str, Any]:
    return json.loads((HERE / "inference" / f"{network}.json").read_text())


def run(graph_def: bytes, feeds: dict[str, np.ndarray], fetches: list[str]) -> list[np.ndarray]:
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(graph_def), name="")
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run(fetches, feeds)


@pytest.mark.parametrize("network", NETWORKS)
def test_variables_are_those_of_tf_slim_in_its_order(network: str) -> None:
    data = recorded(network)
    model = slimdsl.load(MODELS / f"{network}.slim", weight_decay=data["weight_decay"], classes=data["num_classes"])
    assert model.name == network
    ours = [
        {"name": v.name, "shape": list(v.shape), "trainable": v.trainable, "regularized": v.regularized}
        for v in model.variables
    ]
    assert ours == data["variables"]
    assert model.graph.parameter_count() == data["params_total"]
    assert model.graph.parameter_count(trainable_only=True) == data["params_trainable"]


@pytest.mark.parametrize("network", NETWORKS)
def test_values_are_those_of_tf_slim(network: str) -> None:
    data = recorded(network)
    model = slimdsl.load(MODELS / f"{network}.slim", weight_decay=data["weight_decay"], classes=data["num_classes"])
    assert list(model.outputs) == ["logits", "predictions"]
    assert model.outputs["logits"].tensor == data["logits_tensor"]
    ends = list(data["end_points"])
    fetches = ["logits", "predictions", *ends]
    tensors = [model.outputs["logits"].tensor, model.outputs["predictions"].tensor]
    tensors += [end_point(model, data, name) for name in ends]
    graph_def = graph_bytes(emit(model.graph, form="frozen", seed=0), RecipeWeights())
    values = dict(zip(fetches, run(graph_def, {"images:0": input_values(data["input"])}, tensors), strict=True))

    logits = np.asarray(data["logits"], np.float64).reshape(data["logits_shape"])
    assert np.linalg.norm(values["logits"] - logits) <= 1e-5 * np.linalg.norm(logits)
    exponentials = np.exp(logits - logits.max())
    np.testing.assert_allclose(values["predictions"], exponentials / exponentials.sum(), rtol=1e-3, atol=1e-6)
    for name, digest in data["end_points"].items():
        found = values[name].astype(np.float64)
        assert list(found.shape) == digest["shape"], name
        assert abs(np.linalg.norm(found) - digest["l2"]) <= 1e-5 * digest["l2"], name
        scale = digest["l2"] / np.sqrt(found.size)
        ends_found = [*found.ravel()[:4], *found.ravel()[-4:]]
        np.testing.assert_allclose(ends_found, digest["first"] + digest["last"], rtol=1e-4, atol=1e-4 * scale)


def end_point(model: slimdsl.Model, data: dict[str, Any], name: str) -> str:
    """The tensor of TF-Slim's end point: it has the same name here, and stands under its scope or is an output."""
    tensor = data["end_points"][name]["tensor"]
    root = data["variables"][0]["name"].partition("/")[0]
    own = {path: ours for path, ours in model.end_points.items() if path in (name, f"{root}/{name}")}
    own |= {key: output.tensor for key, output in model.outputs.items() if key == name.lower()}
    assert tensor in own.values(), f"{name} is {own}, not {tensor}"
    return tensor


@pytest.mark.parametrize("network", NETWORKS)
def test_regularization_loss_is_that_of_tf_slim(network: str) -> None:
    data = recorded(network)
    path = MODELS / f"{network}.slim"
    model = slimdsl.load(path, weight_decay=data["weight_decay"], classes=data["num_classes"], training=True)
    graph_def = graph_bytes(emit(model.graph, form="frozen", seed=0), RecipeWeights())
    (loss,) = run(graph_def, {}, ["regularization_loss:0"])
    assert abs(loss - data["regularization_loss"]) <= 1e-5 * data["regularization_loss"]
