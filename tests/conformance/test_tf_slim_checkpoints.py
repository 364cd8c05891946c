"""Checkpoints that TF-Slim wrote load whole and give TF-Slim's own output; what its own Saver lets pass is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import slimdsl
from slimdsl.weights.comparison import compare
from slimdsl.weights.opening import open_weights

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models" / "slim"
tf1 = tf.compat.v1

BOUND = 1e-6

TOP = """\
slim 1

net top(classes) {
  input x: float32[N, 4]
  fc(classes, activation=none) as fc
  output fc
}
"""


def written(network: str, folder: Path) -> Path:
    """A folder with checkpoints of a network that tf_slim built, made in a process of its own."""
    for version in ("v1", "v2"):
        (folder / version).mkdir()
    process = subprocess.run(
        [sys.executable, "-m", "tests.conformance.write_checkpoints", network, str(folder)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("lenet", tmp_path_factory.mktemp("lenet"))


def logits_of(model: slimdsl.Model, graph_def: bytes, images: np.ndarray) -> np.ndarray:
    (fed,) = (info.tensor for info in model.inputs.values())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(tf1.GraphDef.FromString(graph_def), name="")
        with tf1.Session(graph=graph) as session:
            return session.run(model.outputs["logits"].tensor, {fed: images})


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("level", [0, 1])
def test_lenet_gives_what_tf_slim_gave(lenet: Path, version: str, level: int) -> None:
    model = slimdsl.load(MODELS / "lenet.slim")
    expected = np.load(lenet / "expected.npz")
    # The folder with the file `checkpoint`, and the prefix.
    for path in (lenet / version, lenet / version / "model.ckpt-3"):
        graph_def = model.to_bytes(weights=path, level=level)
        assert difference(logits_of(model, graph_def, expected["images"]), expected["logits"]) <= BOUND


def test_the_moving_averages_are_those_of_tf_slim(lenet: Path) -> None:
    model = slimdsl.load(MODELS / "lenet.slim")
    expected = np.load(lenet / "expected.npz")
    found = logits_of(model, model.to_bytes(weights=lenet / "v2", ema=True), expected["images"])
    assert difference(found, expected["averaged"]) <= BOUND
    assert difference(found, expected["logits"]) > 1e-3


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_everything_else_in_it_is_known_as_the_state_of_training(lenet: Path, version: str) -> None:
    model = slimdsl.load(MODELS / "lenet.slim")
    with open_weights(str(lenet / version)) as file:
        comparison = compare(model.graph.variables, file)
    assert comparison.loads_whole
    kinds = [kind for _, kind in comparison.state]
    assert (kinds.count("step counter"), kinds.count("optimizer slot"), kinds.count("moving average")) == (1, 8, 8)


def test_vgg_16_gives_what_tf_slim_gave(tmp_path: Path) -> None:
    folder = written("vgg_16", tmp_path)
    model = slimdsl.load(MODELS / "vgg_16.slim")
    expected = np.load(folder / "expected.npz")
    graph_def = model.to_bytes(weights=folder / "v2" / "model.ckpt", level=1)
    assert difference(logits_of(model, graph_def, expected["images"]), expected["logits"]) <= BOUND


def test_what_tensorflows_saver_puts_in_without_a_word_is_refused(tmp_path: Path) -> None:
    """A kernel for 1001 classes goes into a resource variable for 5, and nobody is told."""
    prefix = str(tmp_path / "model.ckpt")
    with tf.Graph().as_default(), tf1.Session() as session:
        large = {
            "top/fc/weights": tf1.get_variable("w", (4, 1001), use_resource=True),
            "top/fc/biases": tf1.get_variable("b", (1001,), use_resource=True),
        }
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver(large).save(session, prefix)
    with tf.Graph().as_default(), tf1.Session() as session:
        small = tf1.get_variable("w", (4, 5), use_resource=True)
        tf1.train.Saver({"top/fc/weights": small}).restore(session, prefix)
        assert session.run(small).shape == (4, 1001)
    model = slimdsl.loads(TOP, classes=5)
    with pytest.raises(slimdsl.CompileError) as raised:
        model.to_bytes(weights=prefix)
    messages = [diagnostic.message for diagnostic in raised.value.diagnostics]
    assert [diagnostic.code for diagnostic in raised.value.diagnostics] == ["E0503", "E0503"]
    assert messages[0].endswith("the tensor `top/fc/weights` is [4, 1001], the variable is [4, 5]")
