"""ONNX files: names and sizes of the text, TensorFlow's results in onnxruntime, the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from slimdsl.backends.graphdef import write_frozen
from slimdsl.backends.onnx.writer import OPSETS, write
from slimdsl.backends.order import OptionError
from tests.backends.converters import WorkerPool, difference, order, run
from tests.backends.networks import TEXTS, graph_of, inputs_of


@pytest.fixture(autouse=True)
def _own_workers(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slimdsl.backends.conversion.ask", pool.ask)


@pytest.mark.parametrize("name", TEXTS)
def test_onnxruntime_gives_what_tensorflow_gives(name: str, pool: WorkerPool, tmp_path: Path) -> None:
    graph, inputs = graph_of(name), inputs_of(name)
    converted = write(order(graph, tmp_path / "net.onnx"))
    frozen = write_frozen.write(order(graph, tmp_path / "net.pb"))
    found = run(pool, "onnx", converted, inputs, tmp_path)
    wanted = run(pool, "graphdef", frozen, inputs, tmp_path)
    assert list(found) == list(graph.outputs)
    for output in graph.outputs:
        assert difference(found[output], wanted[output]) < 1e-5


@pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
def test_the_oldest_and_the_newest_opset(opset: int, pool: WorkerPool, tmp_path: Path) -> None:
    graph, inputs = graph_of("batch"), inputs_of("batch")
    converted = write(order(graph, tmp_path / "net.onnx", opset=opset))
    assert {entry.domain: entry.version for entry in onnx.load(converted.path).opset_import}[""] == opset
    frozen = write_frozen.write(order(graph, tmp_path / "net.pb"))
    found = run(pool, "onnx", converted, inputs, tmp_path)["logits"]
    assert difference(found, run(pool, "graphdef", frozen, inputs, tmp_path)["logits"]) < 1e-5


@pytest.mark.parametrize("opset", [OPSETS[0] - 1, OPSETS[-1] + 1, 0, -1])
def test_an_opset_that_there_is_not(opset: int, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=f"no opset {opset} .* 13 to 18"):
        write(order(graph_of("batch"), tmp_path / "net.onnx", opset=opset))
    assert list(tmp_path.iterdir()) == []


def test_names_and_sizes_are_those_of_the_text(tmp_path: Path) -> None:
    artefact = write(order(graph_of("open_sizes"), tmp_path / "net.onnx"))
    graph = onnx.load(artefact.path).graph
    shapes = {
        info.name: [dim.dim_param or dim.dim_value for dim in info.type.tensor_type.shape.dim]
        for info in (*graph.input, *graph.output)
    }
    assert shapes == {
        "images": ["N", "H", "W", 3],
        "features": ["N", "ceil(H/2)", "ceil(W/2)", 4],
        "logits": ["N", 2],
    }
    assert artefact.inputs == {"images": "images"}
    assert artefact.outputs == {"features": "features", "logits": "logits"}
    assert artefact.size == Path(artefact.path).stat().st_size
    assert artefact.nodes == len(graph.node)


def test_an_output_that_is_called_as_an_input_is_gets_another_name(tmp_path: Path) -> None:
    artefact = write(order(graph_of("words"), tmp_path / "net.onnx"))
    assert artefact.inputs == {"words": "words", "bias": "bias"}
    assert artefact.outputs == {"zeros": "zeros", "again": "again", "bias": "bias_output", "words": "words_output"}
    graph = onnx.load(artefact.path).graph
    assert [info.name for info in graph.input] == ["words", "bias"]
    assert [info.name for info in graph.output] == ["zeros", "again", "bias_output", "words_output"]


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    first = Path(write(order(graph_of("batch"), tmp_path / "first.onnx")).path).read_bytes()
    assert Path(write(order(graph_of("batch"), tmp_path / "second.onnx")).path).read_bytes() == first
