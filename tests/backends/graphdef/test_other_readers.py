"""Programs that have nothing to do with TensorFlow read the same frozen file and compute the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow as tf

from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import write_emission
from tests.backends.graphdef.small_net import NamedWeights, small_graph

IMAGES = np.random.default_rng(3).standard_normal((4, 8, 8, 2)).astype("float32")


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frozen") / "net.pb"
    write_emission(emit(small_graph(training=False), form="frozen", seed=0), NamedWeights(), str(path))
    return path


@pytest.fixture(scope="module")
def expected(frozen: Path) -> np.ndarray:
    definition = tf.compat.v1.GraphDef.FromString(frozen.read_bytes())
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            logits: np.ndarray = session.run("net/fc/MatMul:0", {"images:0": IMAGES})
    return logits


def test_opencv_agrees(frozen: Path, expected: np.ndarray) -> None:
    net = cv2.dnn.readNetFromTensorflow(str(frozen))
    net.setInput(IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(net.forward("net/fc/MatMul"), expected, rtol=1e-4, atol=1e-5)


def test_openvino_agrees(frozen: Path, expected: np.ndarray) -> None:
    openvino: Any = pytest.importorskip("openvino")
    model = openvino.Core().read_model(str(frozen))
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (logits,) = compiled([IMAGES]).values()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
