"""What stands on the disk, without TensorFlow: the same bytes each time, whole or not at all, and what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl.backends.graphdef import stream
from slimdsl.backends.graphdef.stream import GraphTooLargeError
from slimdsl.backends.order import ArtefactError, Options, Order
from slimdsl.backends.savedmodel.writer import write
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import FileWriteError
from slimdsl.ir.graph import Graph, Variable
from slimdsl.types import DType, TensorType
from slimdsl.weights.opening import open_weights
from slimdsl.weights.seeded import SeedWeights
from slimdsl.weights.source import Sink, WeightsError, WeightSource
from tests.backends.savedmodel.small_models import SEED, graph_of, save, seeded_values

ROOT = Path(__file__).parents[3]


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def order(path: Path, graph: Graph, **more: Any) -> Order:
    return Order(**{"graph": graph, "weights": SeedWeights(SEED), "seed": SEED, "path": str(path), **more})


def test_a_model_with_variables(tmp_path: Path) -> None:
    artefact = save("open", tmp_path / "model", train=True)
    files = files_of(tmp_path / "model")
    assert list(files) == ["saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index"]
    assert artefact.size == sum(len(content) for content in files.values())
    assert artefact.inputs == {"images": "images"}
    assert artefact.outputs == {name: name for name in ("features", "logits", "predictions")}
    assert [text for label, text in artefact.facts if label == "signature"] == [
        "serving_default: images -> features, logits, predictions",
        "train: images, random_seed -> features, logits, predictions, regularization_loss",
    ]


def test_a_frozen_model(tmp_path: Path) -> None:
    artefact = save("open", tmp_path / "model", frozen=True)
    files = files_of(tmp_path / "model")
    assert list(files) == ["saved_model.pb"]
    assert artefact.size == len(files["saved_model.pb"])
    assert artefact.kind == "frozen SavedModel"


SAVE = """
import sys
from pathlib import Path
from tests.backends.savedmodel.small_models import save
save("open", Path(sys.argv[1]) / "model", train=True)
save("open", Path(sys.argv[1]) / "frozen", frozen=True)
print(*sorted({"tensorflow", "h5py", "keras"} & set(sys.modules)))
"""


def run_python(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_bytes_are_the_same_in_every_process_and_without_tensorflow(tmp_path: Path) -> None:
    found = []
    for number, settings in enumerate(
        (
            {"PYTHONHASHSEED": "1"},
            {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"},
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = run_python(SAVE, str(folder), **settings)
        assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
        found.append(files_of(folder))
    assert found[0] == found[1]


def test_messages_have_no_field_that_tensorflow_does_not_know(tmp_path: Path) -> None:
    pb: Any = pytest.importorskip("tensorflow.core.protobuf.saved_model_pb2")
    for frozen in (False, True):
        save("open", tmp_path / "model", frozen=frozen, train=not frozen)
        content = (tmp_path / "model" / "saved_model.pb").read_bytes()
        message = pb.SavedModel.FromString(content)
        size = message.ByteSize()
        message.DiscardUnknownFields()
        assert message.ByteSize() == size
        assert len(message.meta_graphs) == 1


def test_our_own_reader_finds_every_variable_once(tmp_path: Path) -> None:
    save("open", tmp_path / "model", train=True)
    values = seeded_values(graph_of("open"))
    with open_weights(str(tmp_path / "model")) as file:
        assert not file.problems
        assert set(file.tensors) == {*values, "_CHECKPOINTABLE_OBJECT_GRAPH"}
        for name, array in values.items():
            content = bytearray()
            file.write(name, content.extend)
            np.testing.assert_array_equal(np.frombuffer(content, "<f4").reshape(array.shape), array)


def test_a_folder_that_is_a_saved_model_is_replaced_and_no_other(tmp_path: Path) -> None:
    save("fixed", tmp_path / "model")
    save("open", tmp_path / "model", frozen=True)
    assert list(files_of(tmp_path / "model")) == ["saved_model.pb"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileWriteError, match=r"the folder holds other things, and no `saved_model\.pb`"):
        save("open", tmp_path / "other")
    assert files_of(tmp_path / "other") == {"thesis.txt": b"years of work"}


class BrokenWeights(WeightSource):
    """Fails at the third variable."""

    def __init__(self) -> None:
        self.passed = 0

    def write(self, variable: Variable, sink: Sink) -> None:
        self.passed += 1
        if self.passed > 2:
            raise WeightsError((Diagnostic(code="E0505", message="the disk is damaged", span=None),))
        SeedWeights(SEED).write(variable, sink)


@pytest.mark.parametrize("frozen", [False, True])
def test_what_cannot_be_written_leaves_the_old_one(tmp_path: Path, frozen: bool) -> None:
    save("open", tmp_path / "model")
    before = files_of(tmp_path)
    with pytest.raises(WeightsError, match="damaged"):
        write(order(tmp_path / "model", graph_of("open"), weights=BrokenWeights(), options=Options(frozen=frozen)))
    assert files_of(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


FULL_OR_KILLED = """
import os, resource, signal, sys
from pathlib import Path
from slimdsl.files import FileWriteError
from slimdsl.weights.seeded import SeedWeights
from tests.backends.savedmodel.small_models import save
what, path, frozen = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "frozen"
if what == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
else:
    draw = SeedWeights.write
    def write(self, variable, sink):
        if variable.name.endswith("fc1/weights"):
            os.kill(os.getpid(), signal.SIGKILL)
        draw(self, variable, sink)
    SeedWeights.write = write
try:
    save("open", path, frozen=frozen)
except FileWriteError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits and signals")
@pytest.mark.parametrize("form", ["variables", "frozen"])
def test_a_full_disk_and_a_kill_leave_the_old_one(tmp_path: Path, form: str) -> None:
    model = tmp_path / "model"
    save("fixed", model)
    before = files_of(model)
    done = run_python(FULL_OR_KILLED, "full", str(model), form)
    assert done.returncode == 1
    assert f"refused: cannot write `{model}`: " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert files_of(model) == before
    done = run_python(FULL_OR_KILLED, "kill", str(model), form)
    assert done.returncode == -signal.SIGKILL
    assert files_of(model) == before


def test_weights_are_drawn_where_none_are_given(tmp_path: Path) -> None:
    save("fixed", tmp_path / "one")
    write(order(tmp_path / "two", graph_of("fixed"), weights=None))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_a_frozen_one_that_nobody_could_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = save("open", tmp_path / "model", frozen=True).size
    monkeypatch.setattr(stream, "LARGEST_GRAPH", size)
    save("open", tmp_path / "model", frozen=True)
    monkeypatch.setattr(stream, "LARGEST_GRAPH", size - 1)
    with pytest.raises(GraphTooLargeError) as caught:
        save("open", tmp_path / "other", frozen=True)
    assert caught.value.diagnostic.code == "E0506"
    assert not (tmp_path / "other").exists()


def retyped(graph: Graph) -> Graph:
    """The graph with another shape for its last variable, which nothing reads any more."""
    *others, last = graph.variables
    tensor = type(last.tensor)(last.name, 0, TensorType(dtype=DType.FLOAT32, shape=(99,)))
    changed = Variable(last.name, tensor, last.initializer, last.regularizer, last.trainable, last.scope)
    return Graph(graph.name, graph.inputs, (*others, changed), (), {}, {}, training=True)


def test_orders_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    serve, train = graph_of("open"), graph_of("open", training=True)
    for wrong, message in (
        (order(tmp_path / "m", train), "a SavedModel serves the inference graph"),
        (order(tmp_path / "m", serve, train_graph=train, options=Options(frozen=True)), "no variables that could be"),
        (order(tmp_path / "m", serve, train_graph=retyped(train)), r"`open/fc1/biases` is float32\[3\] for inference"),
    ):
        with pytest.raises(ArtefactError, match=message) as caught:
            write(wrong)
        assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["E0601"]
    assert list(tmp_path.iterdir()) == []
