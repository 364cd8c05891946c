"""StableHLO: TensorFlow's results in XLA, names of the text, and a number for every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import slimdsl
from slimdsl.backends.graphdef import write_frozen
from slimdsl.backends.order import ArtefactError, OptionError
from slimdsl.backends.stablehlo.signature import Port, read_main, with_names
from slimdsl.backends.stablehlo.writer import write
from slimdsl.workers import WorkerError
from tests.backends.converters import WorkerPool, difference, order, run
from tests.backends.networks import TEXTS, graph_of, inputs_of


@pytest.fixture(autouse=True)
def _own_workers(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slimdsl.backends.conversion.ask", pool.ask)


@pytest.mark.parametrize("name", TEXTS)
def test_xla_gives_what_tensorflow_gives(name: str, pool: WorkerPool, tmp_path: Path) -> None:
    graph, inputs = graph_of(name), inputs_of(name)
    sizes = {"batch": {}, "open_sizes": {"W": 11, "H": 9, "N": 3}, "words": {"N": 3, "T": 9}}[name]
    if name == "batch":
        inputs = inputs_of(name, count=1)
    converted = write(order(graph, tmp_path / "net.mlir", sizes=tuple(sizes.items())))
    frozen = write_frozen.write(order(graph, tmp_path / "net.pb"))
    found = run(pool, "stablehlo", converted, inputs, tmp_path)
    wanted = run(pool, "graphdef", frozen, inputs, tmp_path)
    assert list(found) == list(graph.outputs)
    for output in graph.outputs:
        assert difference(found[output], wanted[output]) < 1e-5


def test_the_batch_is_one_and_the_artefact_says_so(tmp_path: Path) -> None:
    artefact = write(order(graph_of("batch"), tmp_path / "net.mlir"))
    assert artefact.sizes == (("N", 1),)
    assert artefact.facts[0] == ("sizes", "N is 1")
    assert artefact.size == Path(artefact.path).stat().st_size
    # The first bytes say that it is bytecode, and of which version: 0.9.0 is the oldest that is promised.
    assert Path(artefact.path).read_bytes().startswith(b"ML\xefR\x01StableHLO_v0.9.0")


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({}, "a number for every size, and H and W are open"),
        ({"H": 9}, "a number for every size, and W is open"),
    ],
)
def test_sizes_that_are_missing(sizes: dict[str, int], said: str, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError) as caught:
        write(order(graph_of("open_sizes"), tmp_path / "net.mlir", sizes=tuple(sizes.items())))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "E0601"
    assert said in diagnostic.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"H": 9, "W": 9, "X": 1}, "no size `X` to be given; open are: N, H, W"),
        ({"H": 9, "W": 0}, "the size W cannot be 0"),
    ],
)
def test_sizes_that_are_wrong(sizes: dict[str, int], said: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=said):
        write(order(graph_of("open_sizes"), tmp_path / "net.mlir", sizes=tuple(sizes.items())))
    assert list(tmp_path.iterdir()) == []


def test_other_sizes_than_those_taken_are_refused_by_the_runtime(pool: WorkerPool, tmp_path: Path) -> None:
    artefact = write(order(graph_of("batch"), tmp_path / "net.mlir"))
    with pytest.raises(WorkerError, match="images"):
        run(pool, "stablehlo", artefact, inputs_of("batch", count=2), tmp_path)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-6), ("float16", 2e-3)])
def test_the_error_function(dtype: str, bound: float, pool: WorkerPool, tmp_path: Path) -> None:
    text = f"slim 1\nnet n {{\n input x: {dtype}[N, 50]\n gelu(approximate=false) as gelu\n output y\n}}"
    graph = slimdsl.loads(text).graph
    artefact = write(order(graph, tmp_path / "net.mlir"))
    frozen = write_frozen.write(order(graph, tmp_path / "net.pb"))
    inputs = {"x": np.linspace(-6, 6, 50, dtype=dtype)[None]}
    found = run(pool, "stablehlo", artefact, inputs, tmp_path)["y"]
    assert difference(found, run(pool, "graphdef", frozen, inputs, tmp_path)["y"]) < bound


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    first = Path(write(order(graph_of("batch"), tmp_path / "first.mlir")).path).read_bytes()
    assert Path(write(order(graph_of("batch"), tmp_path / "second.mlir")).path).read_bytes() == first
    assert b"site-packages" not in first


def test_the_head_of_a_module_as_a_text() -> None:
    text = "module @n {\n  func.func @main(%arg0: tensor<2x3xf32>, %arg1: tensor<i32>) -> tensor<2xbf16> {\n  }\n}\n"
    main = read_main(text)
    assert main.inputs == (Port("", "f32", (2, 3)), Port("", "i32", ()))
    assert main.outputs == (Port("", "bf16", (2,)),)
    named = with_names(text, ["left", "right"], ["sum"])
    assert [port.name for port in read_main(named).inputs] == ["left", "right"]
    assert [port.name for port in read_main(named).outputs] == ["sum"]
    assert with_names(named, ["left", "right"], ["sum"]) == named
    with pytest.raises(ValueError, match="1 outputs"):
        with_names(text, ["left", "right"], ["sum", "more"])
    with pytest.raises(ValueError, match="no function `main`"):
        read_main("module {}")
