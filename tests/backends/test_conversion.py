"""What happens around a converter: missing packages, networks it refuses, interruptions, disks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import slimdsl
from slimdsl.backends.order import ArtefactError, MissingPackageError, Order
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import FileWriteError
from slimdsl.ir.graph import Variable
from slimdsl.weights.source import Sink, WeightsError, WeightSource
from slimdsl.workers import WorkerDiedError, WorkerError
from tests.backends.converters import ROOT, order
from tests.backends.networks import TEXTS, graph_of

FORMATS = ("onnx", "tflite", "stablehlo")


def write(format: str, order: Order) -> Any:
    return import_module(f"slimdsl.backends.{format}.writer").write(order)


@pytest.mark.parametrize(
    ("format", "module", "extra"),
    [
        ("onnx", "tf2onnx", "onnx"),
        ("onnx", "onnx", "onnx"),
        ("onnx", "tensorflow", "onnx"),
        ("tflite", "tensorflow", "tflite"),
        ("stablehlo", "tensorflow", "tf"),
    ],
)
def test_a_package_is_missing(
    format: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == module else found(name))
    with pytest.raises(MissingPackageError, match=rf"--to {format} needs {module}, .*slimdsl\[{extra}\]"):
        write(format, order(graph_of("batch"), tmp_path / "net"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", FORMATS)
def test_training_graphs_are_refused(format: str, tmp_path: Path) -> None:
    graph = slimdsl.loads(TEXTS["batch"], training=True).graph
    with pytest.raises(ArtefactError, match="training graph") as caught:
        write(format, order(graph, tmp_path / "net"))
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["E0601"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", FORMATS)
def test_a_converter_that_fails_leaves_what_was_there(
    format: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_module: str, request: Mapping[str, Any], **_settings: object) -> None:
        Path(request["result"]).write_text("half")
        raise WorkerError("it has a bad day")

    monkeypatch.setattr("slimdsl.backends.conversion.ask", fail)
    target = tmp_path / "net"
    target.write_text("old")
    with pytest.raises(ArtefactError) as caught:
        write(format, order(graph_of("batch"), target))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0601"
    assert "`batch` cannot be converted to" in diagnostic.message
    assert diagnostic.message.endswith(": it has a bad day")
    assert "--to savedmodel" in diagnostic.help
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_converter_that_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **_settings: object) -> None:
        raise WorkerDiedError("the process ended with signal 9: and a line of noise", signal=9)

    monkeypatch.setattr("slimdsl.backends.conversion.ask", fail)
    with pytest.raises(ArtefactError, match=r"as happens where memory runs out; the network itself has [0-9,]+ bytes"):
        write("onnx", order(graph_of("batch"), tmp_path / "net"))
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(_module: str, request: Mapping[str, Any], **_settings: object) -> None:
        # The work is done beside the target, on the disk that must have room for it.
        assert Path(request["graph"]).parent.parent == tmp_path
        assert Path(request["graph"]).stat().st_size > 0
        raise KeyboardInterrupt

    monkeypatch.setattr("slimdsl.backends.conversion.ask", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write("onnx", order(graph_of("batch"), tmp_path / "net"))
    assert list(tmp_path.iterdir()) == []


def test_weights_that_cannot_be_read(tmp_path: Path) -> None:
    class Damaged(WeightSource):
        def write(self, variable: Variable, sink: Sink) -> None:
            message = f"`{variable.name}` is damaged"
            raise WeightsError((Diagnostic(code="E0505", message=message, span=None),))

    damaged = Order(graph=graph_of("batch"), weights=Damaged(), seed=0, path=str(tmp_path / "net"))
    with pytest.raises(WeightsError, match="is damaged"):
        write("tflite", damaged)
    assert list(tmp_path.iterdir()) == []


def test_places_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match="there is no folder"):
        write("onnx", order(graph_of("batch"), tmp_path / "nowhere" / "net"))
    with pytest.raises(FileWriteError, match="it is a folder"):
        write("onnx", order(graph_of("batch"), tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reason", ["[Errno 28] No space left on device: 'result'", "No space left on device"])
def test_a_full_disk_is_no_fault_of_the_network(reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **_settings: object) -> None:
        raise WorkerError(reason)

    monkeypatch.setattr("slimdsl.backends.conversion.ask", fail)
    with pytest.raises(FileWriteError, match=r"cannot write `.*net`: no space left on device"):
        write("stablehlo", order(graph_of("batch"), tmp_path / "net"))
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_more_than_two_gigabytes(tmp_path: Path) -> None:
    text = "slim 1\nnet n {\n input x: float32[N, 100000]\n fc(6000) as fc\n output y\n}"
    with pytest.raises(ArtefactError) as caught:
        write("onnx", order(slimdsl.loads(text).graph, tmp_path / "net"))
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["E0506"]
    assert list(tmp_path.iterdir()) == []


def test_writers_load_nothing_heavy() -> None:
    modules = ", ".join(f"slimdsl.backends.{format}.writer" for format in FORMATS)
    heavy = ("tensorflow", "onnx", "tf2onnx", "onnxruntime", "ai_edge_litert")
    code = f"import sys, {modules}; print(*(name for name in {heavy!r} if name in sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
