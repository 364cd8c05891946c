"""Readers that know nothing of slimdsl or TensorFlow take networks as written (-O0) and give TF-Slim's results.

`test_third_parties` has more of them, with networks as they are deployed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
import pytest

import slimdsl
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import write_emission
from tests.conformance.recipe import RecipeWeights, input_values

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "models" / "slim"


@pytest.fixture(scope="module", params=["mobilenet_v2", "vgg_a"])
def frozen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], slimdsl.Model, Path]:
    data = json.loads((HERE / "inference" / f"{request.param}.json").read_text())
    # Readers make outputs of the nodes that nothing reads; without the predictions, those are the logits.
    source = MODELS / f"{request.param}.slim"
    text = "".join(line for line in source.read_text().splitlines(True) if "output predictions" not in line)
    model = slimdsl.loads(text, request.param, name=str(source), classes=data["num_classes"])
    path = tmp_path_factory.mktemp("frozen") / f"{request.param}.pb"
    write_emission(emit(model.graph, form="frozen", seed=0), RecipeWeights(), str(path))
    return data, model, path


def assert_logits(found: np.ndarray, data: dict[str, Any]) -> None:
    logits = np.asarray(data["logits"]).reshape(data["logits_shape"])
    assert found.shape == logits.shape
    assert np.linalg.norm(found - logits) <= 1e-5 * np.linalg.norm(logits)


def test_opencv_reads_the_frozen_graph(frozen: tuple[dict[str, Any], slimdsl.Model, Path]) -> None:
    data, _model, path = frozen
    net = cv2.dnn.readNetFromTensorflow(str(path))
    net.setInput(np.ascontiguousarray(input_values(data["input"]).transpose(0, 3, 1, 2)), "images")
    assert_logits(net.forward(), data)


def test_openvino_reads_the_frozen_graph(frozen: tuple[dict[str, Any], slimdsl.Model, Path]) -> None:
    data, model, path = frozen
    core = openvino.Core()
    network = core.read_model(str(path))
    network.reshape({"images:0": data["input"]})
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled({"images:0": input_values(data["input"])})
    assert_logits(np.asarray(results[model.outputs["logits"].tensor]), data)
