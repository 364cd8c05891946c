"""LiteRT models: a signature with the names of the text, open sizes, and three precisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl
from slimdsl.backends.graphdef import write_frozen
from slimdsl.backends.order import Artefact, ArtefactError
from slimdsl.backends.tflite.writer import write
from tests.backends.converters import WorkerPool, difference, order, run
from tests.backends.networks import TEXTS, graph_of, inputs_of


@pytest.fixture(autouse=True)
def _own_workers(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slimdsl.backends.conversion.ask", pool.ask)


@pytest.mark.parametrize("name", TEXTS)
def test_litert_gives_what_tensorflow_gives(name: str, pool: WorkerPool, tmp_path: Path) -> None:
    graph = graph_of(name)
    converted = write(order(graph, tmp_path / "net.tflite"))
    frozen = write_frozen.write(order(graph, tmp_path / "net.pb"))
    # With several sizes in turn: all of them stay open.
    for count, size in ((3, 9), (1, 12)):
        inputs = inputs_of(name, count=count, size=size)
        found = run(pool, "tflite", converted, inputs, tmp_path)
        wanted = run(pool, "graphdef", frozen, inputs, tmp_path)
        for output in graph.outputs:
            assert difference(found[output], wanted[output]) < 1e-5


def test_the_signature_has_the_names_of_the_text(tmp_path: Path) -> None:
    artefact = write(order(graph_of("words"), tmp_path / "net.tflite"))
    assert artefact.inputs == {"words": "words", "bias": "bias"}
    assert list(artefact.outputs) == ["zeros", "again", "bias", "words"]
    assert artefact.size == Path(artefact.path).stat().st_size
    assert artefact.nodes > 0
    interpreter = _interpreter(artefact)
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["bias", "words"], "outputs": ["again", "bias", "words", "zeros"]}
    }
    # The lists of names are sorted; the tensors themselves stand in the order of the text.
    assert [detail["dtype"] for detail in interpreter.get_input_details()] == [np.int32, np.float32]


def test_sizes_stay_open(tmp_path: Path) -> None:
    interpreter = _interpreter(write(order(graph_of("open_sizes"), tmp_path / "net.tflite")))
    runner = interpreter.get_signature_runner("serving_default")
    assert runner.get_input_details()["images"]["shape_signature"].tolist() == [-1, -1, -1, 3]
    assert runner.get_output_details()["logits"]["shape_signature"].tolist() == [-1, 2]


def test_weights_of_sixteen_bits(pool: WorkerPool, tmp_path: Path) -> None:
    graph, inputs = graph_of("batch"), inputs_of("batch")
    whole = write(order(graph, tmp_path / "whole.tflite"))
    half = write(order(graph, tmp_path / "half.tflite", precision="float16"))
    found = run(pool, "tflite", half, inputs, tmp_path)["logits"]
    wanted = run(pool, "tflite", whole, inputs, tmp_path)["logits"]
    assert 0 < difference(found, wanted) < 1e-3


def test_weights_of_sixteen_bits_are_half_as_large(tmp_path: Path) -> None:
    graph = slimdsl.loads("slim 1\nnet n {\n input x: float32[N, 100]\n fc(100) as fc\n output y\n}").graph
    whole = write(order(graph, tmp_path / "whole.tflite"))
    half = write(order(graph, tmp_path / "half.tflite", precision="float16"))
    assert whole.size - half.size > 15_000


def test_integers(pool: WorkerPool, tmp_path: Path) -> None:
    graph, examples = graph_of("batch"), tmp_path / "examples.npz"
    np.savez(examples, **inputs_of("batch", count=40))  # type: ignore[arg-type]
    artefact = write(order(graph, tmp_path / "net.tflite", precision="int8", calibrate=str(examples)))
    assert ("calibrated", f"with 40 examples of {examples}") in artefact.facts
    frozen = write_frozen.write(order(graph, tmp_path / "net.pb"))
    inputs = inputs_of("batch")
    found = run(pool, "tflite", artefact, inputs, tmp_path)["logits"]
    assert difference(found, run(pool, "graphdef", frozen, inputs, tmp_path)["logits"]) < 0.1
    interpreter = _interpreter(artefact)
    types = {detail["dtype"] for detail in interpreter.get_tensor_details()}
    assert np.int8 in types
    # Inputs and outputs, and nothing between them.
    floats = {detail["name"] for detail in interpreter.get_tensor_details() if detail["dtype"] is np.float32}
    assert len(floats) == 3


def test_integers_where_inputs_are_integers(pool: WorkerPool, tmp_path: Path) -> None:
    text = TEXTS["words"].replace("  output bias = bias\n", "")
    graph, examples = slimdsl.loads(text).graph, tmp_path / "examples.npz"
    np.savez(examples, **inputs_of("words", count=30))  # type: ignore[arg-type]
    artefact = write(order(graph, tmp_path / "net.tflite", precision="int8", calibrate=str(examples)))
    frozen = write_frozen.write(order(graph, tmp_path / "net.pb"))
    inputs = inputs_of("words")
    found = run(pool, "tflite", artefact, inputs, tmp_path)["again"]
    assert difference(found, run(pool, "graphdef", frozen, inputs, tmp_path)["again"]) < 0.1


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_same_network_gives_the_same_bytes(precision: str, tmp_path: Path) -> None:
    examples = tmp_path / "examples.npz"
    np.savez(examples, **inputs_of("batch"))  # type: ignore[arg-type]
    options = {"precision": precision, "calibrate": str(examples) if precision == "int8" else ""}
    first = Path(write(order(graph_of("batch"), tmp_path / "first.tflite", **options)).path).read_bytes()
    assert Path(write(order(graph_of("batch"), tmp_path / "second.tflite", **options)).path).read_bytes() == first


def test_an_op_that_litert_lacks_is_named(tmp_path: Path) -> None:
    text = "slim 1\nnet n {\n input x: float32[N, 4, 4, 4, 2]\n max_pool(2x2x2) as pool\n output y\n}"
    with pytest.raises(ArtefactError) as caught:
        write(order(slimdsl.loads(text).graph, tmp_path / "net.tflite"))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0601"
    assert "`MaxPool3D`" in diagnostic.message
    assert diagnostic.help
    assert list(tmp_path.iterdir()) == []


def _interpreter(artefact: Artefact) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=artefact.path)
