"""The networks of TF-Slim's library, compiled and run by TensorFlow, give what TF-Slim itself computed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl
from tests.conformance.feeding import Remembered, run
from tests.conformance.recipe import input_values

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "models" / "slim"
NETWORKS = sorted(path.stem for path in (HERE / "inference").glob("*.json"))


def recorded(network: str) -> dict[str, Any]:
    return json.loads((HERE / "inference" / f"{network}.json").read_text())


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> str:
    """All tests of a network come together, and share its weights."""
    return str(request.param)


@pytest.fixture(scope="module")
def values(network: str) -> Remembered:
    return Remembered()


def load(network: str, data: dict[str, Any], *, training: bool = False) -> slimdsl.Model:
    """The net of this name, from whichever file defines it, with the arguments it was recorded with."""
    defines = re.compile(rf"^net {network}\b", re.MULTILINE)
    (path,) = [path for path in sorted(MODELS.glob("*.slim")) if defines.search(path.read_text(encoding="utf-8"))]
    arguments = {"weight_decay": data["weight_decay"], "classes": data["num_classes"]}
    return slimdsl.load(path, network, training=training, **arguments)


def test_variables_are_those_of_tf_slim_in_its_order(network: str) -> None:
    data = recorded(network)
    model = load(network, data)
    assert model.name == network
    ours = [
        {"name": v.name, "shape": list(v.shape), "trainable": v.trainable, "regularized": v.regularized}
        for v in model.variables
    ]
    assert ours == data["variables"]
    assert model.graph.parameter_count() == data["params_total"]
    assert model.graph.parameter_count(trainable_only=True) == data["params_trainable"]


def test_values_are_those_of_tf_slim(network: str, values: Remembered) -> None:
    data = recorded(network)
    model = load(network, data)
    assert {"logits", "predictions"} <= set(model.outputs)
    assert model.outputs["logits"].tensor == data["logits_tensor"]
    # Where TF-Slim enters its root scope again by the object, TensorFlow doubles the root in the names of nodes (not of
    # variables): `InceptionV1/InceptionV1/Mixed_3b/concat`. Here it stands once.
    ends = {name: re.sub(r"^([^/]+)/\1/", r"\1/", digest["tensor"]) for name, digest in data["end_points"].items()}
    known = {*model.end_points.values(), *(output.tensor for output in model.outputs.values())}
    assert {name: tensor for name, tensor in ends.items() if tensor not in known} == {}
    tensors = [model.outputs["logits"].tensor, model.outputs["predictions"].tensor, *ends.values()]
    (images,) = (info.tensor for info in model.inputs.values())
    found = run(model.graph, {images: input_values(data["input"])}, tensors, values=values)
    by_name = dict(zip(["logits", "predictions", *ends], found, strict=True))

    logits = np.asarray(data["logits"], np.float64).reshape(data["logits_shape"])
    assert np.linalg.norm(found[0] - logits) <= 1e-5 * np.linalg.norm(logits)
    # The softmax of our own logits, which were compared above: of the recorded ones, where they are large, the last
    # digits would be whole units of an exponent.
    own = found[0].astype(np.float64)
    exponentials = np.exp(own - own.max(axis=-1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found[1], probabilities, rtol=1e-4, atol=1e-7)
    for name, digest in data["end_points"].items():
        value = by_name[name].astype(np.float64)
        assert list(value.shape) == digest["shape"], name
        assert abs(np.linalg.norm(value) - digest["l2"]) <= 1e-5 * digest["l2"], name
        scale = digest["l2"] / np.sqrt(value.size)
        edges = [*value.ravel()[:4], *value.ravel()[-4:]]
        np.testing.assert_allclose(edges, digest["first"] + digest["last"], rtol=1e-4, atol=1e-4 * scale)


def test_regularization_loss_is_that_of_tf_slim(network: str, values: Remembered) -> None:
    data = recorded(network)
    model = load(network, data, training=True)
    (loss,) = run(model.graph, {}, ["regularization_loss:0"], values=values, needs=lambda v: v.regularizer is not None)
    # The record is of the graph for inference; NASNet has its auxiliary head only while it is trained.
    known = {variable["name"] for variable in data["variables"]}
    more = [values(v.name, v.shape) for v in model.variables if v.regularized and v.name not in known]
    expected = data["regularization_loss"] + sum(data["weight_decay"] * float((z**2).sum()) / 2 for z in more)
    assert abs(loss - expected) <= 1e-5 * expected


def test_variables_that_only_training_has_are_those_of_tf_slim(network: str) -> None:
    data = recorded(network)
    names = [variable["name"] for variable in data["variables"]]
    if "only_in_training" in data:
        place = names.index(data["only_in_training_behind"]) + 1
        names[place:place] = [variable["name"] for variable in data["only_in_training"]]
    model = load(network, data, training=True)
    assert [variable.name for variable in model.variables] == names
    shapes = {variable["name"]: variable["shape"] for variable in data.get("only_in_training", [])}
    assert {v.name: list(v.shape) for v in model.variables if v.name in shapes} == shapes
    assert ("aux_logits" in model.outputs) >= ("only_in_training" in data)
