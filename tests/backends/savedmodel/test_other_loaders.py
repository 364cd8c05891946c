"""Those that load SavedModels otherwise than TensorFlow 2 in Python: TensorFlow 1, servers, its tool, OpenVINO."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.backends.savedmodel.small_models import graph_of, images, inputs_of, save, seeded_values

v1 = tf.compat.v1
BATCH = images(3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    save("open", path / "open", train=True)
    save("open", path / "frozen", frozen=True)
    save("fixed", path / "fixed")
    save("fixed", path / "fixed_frozen", frozen=True)
    return path


@pytest.fixture(scope="module")
def logits(folder: Path) -> np.ndarray:
    model = tf.saved_model.load(str(folder / "open"))
    found: np.ndarray = model(BATCH)["logits"].numpy()
    return found


def test_tensorflow_1_fetches_trains_saves_and_restores(folder: Path, logits: np.ndarray, tmp_path: Path) -> None:
    graph = graph_of("open")
    values = seeded_values(graph)
    with tf.Graph().as_default() as imported, v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], str(folder / "open"))
        fetched = session.run(["open/fc1/BiasAdd:0", "open/conv1/Relu:0"], {"images:0": BATCH})
        np.testing.assert_allclose(fetched[0], logits, rtol=1e-5, atol=1e-6)
        assert fetched[1].shape == (3, 8, 8, 4)
        assert [v.op.name for v in v1.global_variables()] == [v.name for v in graph.variables]
        assert [v.op.name for v in v1.trainable_variables()] == [v.name for v in graph.variables if v.trainable]
        train = meta_graph.signature_def["train"]
        feeds = {train.inputs["images"].name: BATCH, train.inputs["random_seed"].name: [1, 2]}
        session.run(train.outputs["logits"].name, feeds)
        (moving,) = (v for v in v1.global_variables() if v.op.name == "open/conv1/BatchNorm/moving_mean")
        assert (session.run(moving) != values[moving.op.name]).any()
        loss = tf.reduce_sum(imported.get_tensor_by_name("open/fc1/BiasAdd:0") ** 2)
        step = v1.train.GradientDescentOptimizer(0.01).minimize(loss)
        session.run(step, {"images:0": BATCH})
        saver = v1.train.Saver()
        saver.save(session, str(tmp_path / "model.ckpt"))
        # The checkpoint of a SavedModel is one of TF-Slim's names.
        saver.restore(session, str(folder / "open" / "variables" / "variables"))
        np.testing.assert_allclose(session.run("open/fc1/BiasAdd:0", {"images:0": BATCH}), logits, rtol=1e-5, atol=1e-6)
        session.run("init")
    assert dict(tf.train.list_variables(str(tmp_path / "model.ckpt"))) == {
        variable.name: list(variable.shape) for variable in graph.variables
    }


@pytest.mark.parametrize("name", ["fixed", "fixed_frozen"])
def test_tensorflow_1_gives_an_output_that_is_an_input(folder: Path, name: str) -> None:
    inputs = inputs_of("fixed")
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], str(folder / name))
        signature = meta_graph.signature_def["serving_default"]
        assert signature.outputs["scale"].name != signature.inputs["scale"].name
        feeds = {signature.inputs[key].name: array for key, array in inputs.items()}
        np.testing.assert_array_equal(session.run(signature.outputs["scale"].name, feeds), inputs["scale"])


def c_library() -> Any:
    """TensorFlow's interface for C, which is that of its loader for servers."""
    names = {"linux": "libtensorflow_cc.so.2", "darwin": "libtensorflow_cc.2.dylib"}
    path = Path(tf.__file__).parent / names.get(sys.platform, "none")
    if not path.is_file():
        pytest.skip("TensorFlow is installed without its library for C++")
    library: Any = ctypes.CDLL(str(path))
    for function in ("NewStatus", "NewSessionOptions", "NewGraph", "NewBuffer", "LoadSessionFromSavedModel"):
        getattr(library, f"TF_{function}").restype = ctypes.c_void_p
    library.TF_Message.restype = ctypes.c_char_p
    return library


@pytest.mark.parametrize("name", ["open", "frozen"])
def test_the_loader_of_servers_restores_it(folder: Path, name: str) -> None:
    library = c_library()
    options, graph, buffer, status = (
        ctypes.c_void_p(getattr(library, f"TF_New{kind}")()) for kind in ("SessionOptions", "Graph", "Buffer", "Status")
    )
    tags = (ctypes.c_char_p * 1)(b"serve")
    path = os.fsencode(folder / name)
    session = library.TF_LoadSessionFromSavedModel(options, None, path, tags, 1, graph, buffer, status)
    assert (library.TF_GetCode(status), library.TF_Message(status)) == (0, b"")
    library.TF_CloseSession(ctypes.c_void_p(session), status)
    library.TF_DeleteSession(ctypes.c_void_p(session), status)


@pytest.mark.parametrize("name", ["open", "frozen"])
def test_requests_and_responses_of_a_server_have_the_names_of_the_text(folder: Path, name: str) -> None:
    content = (folder / name / "saved_model.pb").read_bytes()
    (meta_graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    assert list(meta_graph.meta_info_def.tags) == ["serve"]
    assert set(meta_graph.signature_def) == {"serving_default"} | ({"train"} if name == "open" else set())
    for signature in meta_graph.signature_def.values():
        assert signature.method_name == "tensorflow/serving/predict"
    signature = meta_graph.signature_def["serving_default"]
    shapes = {
        key: [dim.size for dim in info.tensor_shape.dim]
        for key, info in (*signature.inputs.items(), *signature.outputs.items())
    }
    assert shapes == {
        "images": [-1, -1, -1, 3],
        "features": [-1, -1, -1, 6],
        "logits": [-1, 3],
        "predictions": [-1, 3],
    }


def tool(command: str, path: Path, *options: str) -> str:
    """Run `saved_model_cli`; what it prints."""
    program = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    done = subprocess.run(
        [*program, command, "--dir", str(path), *options],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_tool_shows_it(folder: Path) -> None:
    shown = tool("show", folder / "open", "--all")
    assert "signature_def['serving_default']" in shown
    assert "signature_def['train']" in shown
    assert "name: open/fc1/BiasAdd:0" in shown
    assert "images: TensorSpec(shape=(None, None, None, 3), dtype=tf.float32, name='images')" in shown


def test_the_tool_runs_it(folder: Path, tmp_path: Path) -> None:
    image = np.full((1, 8, 8, 1), 0.5, "float32")
    inputs = f"images={image.tolist()};scale=[[1.0, 2.0, 3.0, 4.0, 5.0]]"
    options = ["--tag_set", "serve", "--signature_def", "serving_default", "--outdir", str(tmp_path)]
    tool("run", folder / "fixed", *options, "--input_exprs", inputs)
    model = tf.saved_model.load(str(folder / "fixed"))
    expected = model(image, np.array([[1, 2, 3, 4, 5]], "float32"))
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), expected["logits"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.load(tmp_path / "scale.npy"), [[1, 2, 3, 4, 5]])


@pytest.mark.parametrize("name", ["open", "frozen"])
def test_openvino_agrees(folder: Path, name: str, logits: np.ndarray) -> None:
    openvino: Any = pytest.importorskip("openvino")
    model = openvino.convert_model(str(folder / name))
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(compiled([BATCH])["logits"], logits, rtol=1e-4, atol=1e-5)
