"""Programs of other projects take what slimdsl writes, and give what TF-Slim computed.

The networks are as they are deployed (-O1), with the recorded weights; every format is written once for all of its
readers. The converters and TensorFlow run in one process beside the tests, which holds their libraries.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import openvino
import pytest

from slimdsl.backends.order import Artefact, Order
from slimdsl.ir.graph import Graph, Variable
from slimdsl.passes.deploy import deploy
from slimdsl.weights.derived import DerivedWeights
from slimdsl.weights.source import Sink, WeightSource
from tests.backends.converters import Array, WorkerPool, difference, run
from tests.conformance.recipe import RecipeWeights, input_values
from tests.conformance.test_networks import load, recorded

BOUND = 1e-4
NETWORKS = ("lenet", "resnet_v1_50", "inception_v3", "mobilenet_v2")
QUICK_IN_XLA = ("lenet", "mobilenet_v2")
"""It compiles the others for as long as all other tests here take together."""


class Remembered(WeightSource):
    """Weights that are computed once."""

    def __init__(self, source: WeightSource) -> None:
        self._source = source
        self._found: dict[str, bytearray] = {}

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on a variable's values."""
        if variable.name not in self._found:
            content = self._found[variable.name] = bytearray()
            self._source.write(variable, content.extend)
        sink(memoryview(self._found[variable.name]))


def with_logits_alone(graph: Graph) -> Graph:
    """The graph without its other outputs: OpenCV and OpenVINO give results of a frozen graph that nothing reads."""
    return Graph(
        name=graph.name,
        inputs=graph.inputs,
        variables=graph.variables,
        nodes=graph.nodes,
        outputs={"logits": graph.outputs["logits"]},
        end_points=graph.end_points,
        layers=graph.layers,
    )


class Subject:
    """A network, its artefacts, and what is known of its logits."""

    def __init__(self, network: str, pool: WorkerPool, folder: Path) -> None:
        data = recorded(network)
        self.pool = pool
        self.folder = folder
        self.inputs = {"images": input_values(data["input"])}
        self.logits = np.asarray(data["logits"], np.float32).reshape(data["logits_shape"])
        self.graph = load(network, data).graph
        deployed = deploy(with_logits_alone(self.graph))
        self.deployed = deployed.graph
        self.weights = Remembered(RecipeWeights())
        self.deployed_weights = Remembered(DerivedWeights(self.weights, deployed.derivations))
        self._written: dict[str, Artefact] = {}

    def artefact(self, format: str) -> Artefact:
        """The network in a format; written when it is first asked for."""
        if format not in self._written:
            module, path = _WRITERS[format], str(self.folder / format)
            if format == "savedmodel":
                order = Order(graph=self.graph, weights=self.weights, seed=0, path=path)
            else:
                order = Order(graph=self.deployed, weights=self.deployed_weights, seed=0, path=path)
            self._written[format] = import_module(f"slimdsl.backends.{module}").write(order)
        return self._written[format]

    def run(self, kind: str, format: str) -> Array:
        """The logits that the worker of a format gives."""
        return run(self.pool, kind, self.artefact(format), self.inputs, self.folder)["logits"]

    def in_openvino(self, format: str) -> Array:
        """The logits that OpenVINO gives."""
        artefact, images = self.artefact(format), self.inputs["images"]
        network = openvino.Core().read_model(artefact.path)
        network.reshape({network.inputs[0]: images.shape})
        compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return np.asarray(compiled({0: images})[artefact.outputs["logits"]])

    def in_opencv(self) -> Array:
        """The logits that OpenCV gives."""
        net = cv2.dnn.readNetFromTensorflow(self.artefact("frozen").path)
        net.setInput(np.ascontiguousarray(self.inputs["images"].transpose(0, 3, 1, 2)), "images")
        return np.asarray(net.forward())


_WRITERS = {
    "frozen": "graphdef.write_frozen",
    "savedmodel": "savedmodel.writer",
    "onnx": "onnx.writer",
    "tflite": "tflite.writer",
    "stablehlo": "stablehlo.writer",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    started = WorkerPool()
    yield started
    started.close()


@pytest.fixture(scope="module", params=NETWORKS)
def subject(
    request: pytest.FixtureRequest, pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slimdsl.backends.conversion.ask", pool.ask)
        yield Subject(request.param, pool, tmp_path_factory.mktemp(request.param))


def test_tensorflow(subject: Subject) -> None:
    assert difference(subject.run("graphdef", "frozen"), subject.logits) <= BOUND


def test_opencv(subject: Subject) -> None:
    assert difference(subject.in_opencv(), subject.logits) <= BOUND


def test_openvino(subject: Subject) -> None:
    assert difference(subject.in_openvino("frozen"), subject.logits) <= BOUND


def test_openvino_with_a_saved_model(subject: Subject) -> None:
    assert difference(subject.in_openvino("savedmodel"), subject.logits) <= BOUND


def test_onnxruntime(subject: Subject) -> None:
    assert difference(subject.run("onnx", "onnx"), subject.logits) <= BOUND


def test_litert(subject: Subject) -> None:
    assert difference(subject.run("tflite", "tflite"), subject.logits) <= BOUND


@pytest.mark.parametrize("subject", QUICK_IN_XLA, indirect=True)
def test_xla(subject: Subject) -> None:
    assert difference(subject.run("stablehlo", "stablehlo"), subject.logits) <= BOUND
