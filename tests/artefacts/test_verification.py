"""Artefacts are run, and their results are compared with TensorFlow's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl import load
from slimdsl.artefacts import reference, running, verification
from slimdsl.artefacts.read_back import ReadBack
from slimdsl.artefacts.reading_back import read_artefact
from slimdsl.artefacts.verification import Verification, verify_artefacts
from slimdsl.backends import conversion
from slimdsl.backends.graphdef import stream
from slimdsl.backends.order import Artefact
from slimdsl.ir.graph import Graph
from slimdsl.values import fields_of
from slimdsl.weights.initial_values import draw
from slimdsl.weights.seeded import SeedWeights
from tests.artefacts.made import CONVS, SEED, Made, graph_of, make
from tests.backends.converters import WorkerPool

MODELS = Path(__file__).parents[2] / "models"
SIZES = {"N": 1, "H": 16, "W": 24}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    started = WorkerPool()
    yield started
    started.close()


@pytest.fixture
def one_process(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow is loaded once for all tests."""
    monkeypatch.setattr(running, "ask", pool.ask)


def verified(made: list[Made], graph: Graph, *, seed: int = SEED, drawn: bool = False) -> list[Verification]:
    return list(verify_artefacts(made, graph, None if drawn else SeedWeights(seed), SEED))


def messages(found: Verification, code: str = "E0602") -> list[str]:
    assert all(finding.code == code for finding in found.findings)
    return [finding.message.removeprefix(f"`{found.path}`").removeprefix(": ").strip() for finding in found.findings]


def first_values(graph: Graph, name: str) -> np.ndarray[Any, Any]:
    """What the seed gives for a variable."""
    (variable,) = [variable for variable in graph.variables if variable.name == name]
    return draw(variable.initializer, variable.name, variable.shape, SEED)


# Every format once, each in the processes that `compile` starts for it.


@pytest.fixture(scope="module")
def every_format(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    folder = tmp_path_factory.mktemp("artefacts")
    graph = graph_of()
    examples = np.random.RandomState(0).standard_normal((5, 16, 24, 3)).astype(np.float32)
    np.savez(folder / "examples.npz", images=examples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "ask", pool.ask)
        return {
            "frozen -O0": make(folder, "frozen", graph),
            "frozen -O1": make(folder, "frozen", graph, level=1),
            "graphdef": make(folder, "graphdef", graph),
            "graphdef, drawn": make(folder, "graphdef", graph, drawn=True),
            "pbtxt": make(folder, "pbtxt", graph, drawn=True),
            "savedmodel": make(folder, "savedmodel", graph),
            "savedmodel -O1": make(folder, "savedmodel", graph, level=1, frozen=True),
            "onnx": make(folder, "onnx", graph, level=1),
            "tflite": make(folder, "tflite", graph, level=1),
            "int8": make(folder, "tflite", graph, level=1, precision="int8", calibrate=str(folder / "examples.npz")),
            "stablehlo": make(folder, "stablehlo", graph, level=1, sizes=(("H", 16), ("W", 24))),
            "dot": make(folder, "dot", graph),
            "json": make(folder, "json", graph),
        }


def test_every_format_is_run_and_compared(every_format: dict[str, Made]) -> None:
    graph = every_format["frozen -O0"][1].graph
    folder = Path(every_format["frozen -O0"][2].path).parent
    before = sorted(folder.iterdir())
    found = dict(zip(every_format, verified(list(every_format.values()), graph)))
    assert sorted(folder.iterdir()) == before
    for name, one in found.items():
        assert one.findings == (), name
        assert one.read_back, name
        if name in ("dot", "json"):
            assert (one.runtime, one.not_run) == ("", "nothing runs this format")
            continue
        assert one.not_run == "", name
        assert one.sizes == SIZES
        if name in ("frozen -O0", "graphdef, drawn", "pbtxt"):
            assert (one.difference, one.bound) == (None, None)
        else:
            assert one.difference is not None, name
            assert one.bound == (0.3 if name == "int8" else 1e-4)
            assert one.difference <= one.bound
    assert found["frozen -O0"].remark == ""
    drawn = "only shapes and types were compared: its values are drawn when it is initialised"
    assert found["pbtxt"].remark == found["graphdef, drawn"].remark == drawn
    assert found["graphdef"].difference == 0
    runtimes = {name: one.runtime.split(" ")[0] for name, one in found.items()}
    assert runtimes["onnx"] == "onnxruntime"
    assert runtimes["tflite"] == "ai-edge-litert"
    assert runtimes["stablehlo"] == "XLA"
    assert runtimes["frozen -O1"] == runtimes["savedmodel"] == "TensorFlow"


def tampered(made: Made, folder: Path, old: bytes, new: bytes) -> Made:
    """A copy of an artefact with other bytes."""
    format, order, artefact = made
    content = Path(artefact.path).read_bytes()
    assert content.count(old) == 1
    path = folder / f"tampered.{format}"
    path.write_bytes(content.replace(old, new))
    given = {name: getattr(artefact, name) for name in fields_of(artefact)}
    return format, order, Artefact(**{**given, "path": str(path)})


@pytest.mark.usefixtures("one_process")
def test_converted_formats_that_were_changed(every_format: dict[str, Made], tmp_path: Path) -> None:
    graph = every_format["frozen -O0"][1].graph
    values = first_values(graph, "convs/logits/weights")
    stored = np.ascontiguousarray(values.transpose(3, 2, 0, 1))
    for name in ("onnx", "tflite"):
        made = tampered(every_format[name], tmp_path, stored.tobytes(), (-stored).tobytes())
        (found,) = verified([made], graph)
        assert "differs from TensorFlow's by 2 (relative L2 norm; at most 0.0001 is rounding)" in messages(found)[0]
        assert messages(found)[0].startswith("the output `logits`")
        assert messages(found)[1].startswith("the output `classes` differs from TensorFlow's in")
        assert found.difference == pytest.approx(2, rel=1e-3)
        assert found.runtime
        assert "-O0" in found.findings[0].help


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("onnx", b"\x12\x07classes", b"\x12\x07klasses", "has an output `classes` that no node gives"),
        ("tflite", b"TFL3", b"TFL2", "is no LiteRT model"),
        ("tflite", b"\x07\x00\x00\x00classes\x00", b"\x07\x00\x00\x00klasses\x00", "has no output `classes`"),
        ("stablehlo", b"StableHLO_v", b"stableHLO_v", "is no StableHLO portable artifact"),
    ],
    ids=["onnx", "tflite", "name", "stablehlo"],
)
def test_converted_formats_that_cannot_be_read(
    every_format: dict[str, Made], tmp_path: Path, name: str, old: bytes, new: bytes, expected: str
) -> None:
    path = Path(every_format[name][2].path)
    content = path.read_bytes()
    assert old in content
    copy = tmp_path / path.name
    copy.write_bytes(content.replace(old, new, 1))
    (found,) = verified([moved(every_format[name], copy)], every_format["frozen -O0"][1].graph)
    assert expected in messages(found, "E0603")
    assert found.not_run == "it was not read back whole"


def moved(made: Made, path: Path) -> Made:
    """The same artefact at another place."""
    given = {name: getattr(made[2], name) for name in fields_of(made[2])}
    return made[0], made[1], Artefact(**{**given, "path": str(path)})


@pytest.mark.parametrize("name", ["onnx", "tflite", "stablehlo"])
def test_every_cut_of_a_converted_format_is_told(every_format: dict[str, Made], tmp_path: Path, name: str) -> None:
    content = Path(every_format[name][2].path).read_bytes()
    path = tmp_path / "cut"
    made = moved(every_format[name], path)
    for place in range(0, len(content) - 1, max(1, len(content) // 40)):
        path.write_bytes(content[:place])
        assert read_artefact(*made).problems, place


# What reading back would find already: here it is left out.


@pytest.fixture
def _unread(monkeypatch: pytest.MonkeyPatch, one_process: None) -> None:
    monkeypatch.setattr(verification, "read_artefact", lambda *_: ReadBack("unread"))


@pytest.mark.usefixtures("_unread")
def test_a_cut_stablehlo_is_refused_by_what_runs_it(every_format: dict[str, Made], tmp_path: Path) -> None:
    content = Path(every_format["stablehlo"][2].path).read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    made = moved(every_format["stablehlo"], tmp_path / "cut")
    (found,) = verified([made], every_format["frozen -O0"][1].graph)
    assert messages(found)[0].startswith("cannot be run: ")


TWINS = """slim 1
net twins {
  input x: float32[N, 3]
  output a = x -> fc(4) as a
  output b = x -> fc(4) as b
}
"""


@pytest.mark.usefixtures("_unread")
def test_results_that_differ(tmp_path: Path) -> None:
    graph = graph_of(TWINS)
    frozen, other = make(tmp_path, "frozen", graph), make(tmp_path, "savedmodel", graph)
    swapped = make(tmp_path, "graphdef", graph)
    given = {name: getattr(swapped[2], name) for name in fields_of(swapped[2])}
    outputs = {"a": swapped[2].outputs["b"], "b": swapped[2].outputs["a"]}
    swapped = (swapped[0], swapped[1], Artefact(**{**given, "outputs": outputs}))
    same = make(tmp_path, "savedmodel", graph, frozen=True)
    other_weights = make(tmp_path, "frozen", graph, level=1)
    values = first_values(graph, "twins/b/weights")
    path = Path(other_weights[2].path)
    path.write_bytes(path.read_bytes().replace(values.tobytes(), (-values).tobytes()))
    empty = moved(other, tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    found = verified([frozen, swapped, same, other_weights, empty], graph)
    assert [len(messages(one)) for one in found] == [0, 2, 0, 1, 1]
    assert found[2].difference == 0
    assert all("differs from TensorFlow's by" in message for message in messages(found[1]))
    assert messages(found[3])[0].startswith("the output `b` differs from TensorFlow's by")
    assert messages(found[4])[0].startswith("cannot be run: ")
    assert found[4].not_run.startswith("it cannot be run: ")


@pytest.mark.usefixtures("_unread")
def test_types_and_numbers_that_are_none(tmp_path: Path) -> None:
    graph = graph_of(TWINS)
    reference = make(tmp_path, "frozen", graph)
    wide = make(tmp_path, "frozen", graph_of(TWINS.replace("fc(4) as a", "fc(5) as a")))
    broken = make(tmp_path, "graphdef", graph)
    content = Path(broken[2].path).read_bytes()
    values = first_values(graph, "twins/a/weights")
    bad = values.copy()
    bad[0, 0] = np.nan
    Path(broken[2].path).write_bytes(content.replace(values.tobytes(), bad.tobytes()))
    found = verified([reference, wide, broken], graph)
    assert messages(found[0]) == []
    assert messages(found[1]) == ["the output `a` has the shape [2, 5], not float32[2, 4]"]
    assert messages(found[2]) == [
        "the output `a` is not finite in 2 of 8 elements, and TensorFlow's is finite",
    ]


@pytest.mark.usefixtures("one_process")
def test_numbers_that_are_none_in_the_reference_too_are_a_remark(tmp_path: Path) -> None:
    graph = graph_of("slim 1\nnet n {\n  input x: float32[N, 3]\n  log\n  output y = it\n}\n")
    found = verified([make(tmp_path, "frozen", graph), make(tmp_path, "savedmodel", graph)], graph)
    for one in found:
        assert one.findings == ()
        assert one.remark.startswith("the output `y` is not finite in ")
    assert found[1].difference == 0


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize(
    ("file", "parameters", "sizes"),
    [
        ("unet.slim", {"width": 4, "size": 188}, {"N": 2}),
        ("gpt.slim", {"layers": 1, "width": 16, "heads": 2, "vocabulary": 10, "context": 40}, {"N": 2, "L": 32}),
        ("gpt.slim", {"layers": 1, "width": 16, "heads": 2, "vocabulary": 1, "context": 40}, {"N": 2, "L": 32}),
        ("lstm_classifier.slim", {"length": 4, "vocabulary": 10, "units": 5}, {"N": 2}),
    ],
    ids=["unet", "gpt", "a vocabulary of one", "lstm"],
)
def test_networks_with_open_sizes(tmp_path: Path, file: str, parameters: dict[str, Any], sizes: dict[str, int]) -> None:
    graph = load(MODELS / file, **parameters).graph
    for one in verified([make(tmp_path, "frozen", graph, level=1), make(tmp_path, "savedmodel", graph)], graph):
        assert one.findings == ()
        assert one.sizes == sizes
        assert one.difference is not None
        assert one.difference < 1e-5


@pytest.mark.usefixtures("one_process")
def test_training_graphs(tmp_path: Path) -> None:
    graph, inference = graph_of(training=True), graph_of()
    frozen, graphdef = make(tmp_path, "frozen", graph), make(tmp_path, "graphdef", graph)
    drawn = make(tmp_path, "graphdef", graph, drawn=True)
    found = verified([frozen, graphdef, drawn], graph)
    assert [one.findings for one in found] == [(), (), ()]
    # Dropout draws the same in both: it starts from the same seed.
    assert found[1].difference == 0
    assert found[2].difference is None
    assert found[2].remark.startswith("only shapes and types were compared")
    # A training graph beside one for inference is compared with its own kind.
    found = verified([make(tmp_path, "savedmodel", inference), graphdef], inference)
    assert [one.findings for one in found] == [(), ()]
    assert [one.difference for one in found] == [0, 0]


@pytest.mark.usefixtures("one_process")
def test_without_weights_nothing_is_compared(tmp_path: Path) -> None:
    graph = graph_of()
    (found,) = verified([make(tmp_path, "graphdef", graph, drawn=True)], graph, drawn=True)
    assert found.findings == ()
    assert found.runtime.startswith("TensorFlow")
    assert found.difference is None


@pytest.mark.usefixtures("one_process")
def test_where_tensorflow_is_missing_other_runtimes_are_not(
    every_format: dict[str, Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_is_installed", lambda package: package in ("onnxruntime", "ai_edge_litert"))
    names = ["frozen -O1", "onnx", "tflite", "stablehlo"]
    graph = every_format["frozen -O0"][1].graph
    found = dict(zip(names, verified([every_format[name] for name in names], graph)))
    for name in ("frozen -O1", "stablehlo"):
        assert found[name].not_run == "TensorFlow is not installed"
    for name in ("onnx", "tflite"):
        assert found[name].findings == ()
        assert found[name].runtime
        assert found[name].difference is None
        assert found[name].remark == "only shapes and types were compared: TensorFlow is not installed"


@pytest.mark.usefixtures("one_process")
def test_the_reference_finds_a_place_where_the_artefacts_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = graph_of()
    made = make(tmp_path, "frozen", graph, level=1)
    real = os.mkdir

    def mkdir(path: Any, *arguments: Any) -> None:
        if os.path.dirname(path) == str(tmp_path):
            raise PermissionError(13, "Permission denied", path)
        real(path, *arguments)

    monkeypatch.setattr(os, "mkdir", mkdir)
    (found,) = verified([made], graph)
    assert found.findings == ()
    assert found.difference is not None


@pytest.mark.usefixtures("one_process")
def test_a_network_that_no_frozen_graph_holds_is_compared_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = graph_of()
    made = make(tmp_path, "savedmodel", graph)
    monkeypatch.setattr(stream, "LARGEST_GRAPH", 1000)
    (found,) = verified([made], graph)
    assert found.findings == ()
    assert found.difference == 0


@pytest.mark.usefixtures("one_process")
def test_a_reference_for_which_there_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of()
    made = make(tmp_path, "savedmodel", graph)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reference, "pass_on_weights", full)
    (found,) = verified([made], graph)
    assert found.findings == ()
    assert found.runtime
    reason = "what it would be compared with cannot be written: No space left on device"
    assert found.remark == f"only shapes and types were compared: {reason}"


def test_a_path_that_is_relative(pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "ask", pool.ask)
    monkeypatch.chdir(tmp_path)
    graph = graph_of(CONVS)
    made = make(Path(), "frozen", graph)
    (found,) = verified([made], graph)
    assert (found.findings, found.runtime[:10]) == ((), "TensorFlow")
