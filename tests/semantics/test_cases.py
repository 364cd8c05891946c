"""Texts and the graphs that they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

import slimdsl
from slimdsl.compiler import Compilation, read_source
from slimdsl.ir.text import TextError, print_graph, read_graph
from slimdsl.ir.verify import verify
from tests.semantics.runner import CASES, graph_text

FILES = sorted(CASES.glob("*.slim"))
ROOT = Path(__file__).parent.parent.parent


def nets(path: Path) -> list[str]:
    source, findings = read_source(str(path))
    return list(Compilation(source, read_diagnostics=findings).complete_names)


NETS = [(path, net) for path in [*FILES, *sorted((ROOT / "models").rglob("*.slim"))] for net in nets(path)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_text_means_exactly_this_graph(path: Path) -> None:
    assert graph_text(path) == path.with_suffix(".ir").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_case_has_no_findings(path: Path) -> None:
    assert slimdsl.load(path, training=path.stem == "training").diagnostics == ()


@pytest.mark.parametrize(("path", "net"), NETS, ids=[f"{path.stem}-{net}" for path, net in NETS])
@pytest.mark.parametrize("training", [False, True])
def test_the_printed_graph_reads_back_to_the_same_graph(path: Path, net: str, training: bool) -> None:
    graph = slimdsl.load(path, net, training=training).graph
    verify(graph)
    again = read_graph(print_graph(graph))
    verify(again)
    assert print_graph(again) == print_graph(graph)
    assert [v.initializer for v in again.variables] == [v.initializer for v in graph.variables]
    assert [v.regularizer for v in again.variables] == [v.regularizer for v in graph.variables]
    assert [node.op for node in again.nodes] == [node.op for node in graph.nodes]
    assert [node.results[0].type for node in again.nodes] == [node.results[0].type for node in graph.nodes]


@pytest.mark.parametrize(
    "text",
    [
        "what is this",
        "input x float32",
        "node a = relu(b:0) {} scope= : float32[3]",
        "input x : float32[3]\nnode a = nothing(x:0) {} scope= : float32[3]",
        "input x : float32[__import__('os').getcwd()]",
        "input x : float32[3]\nnode a = relu(x:0) {'a': open('x')} scope= : float32[3]",
    ],
)
def test_a_text_that_is_no_graph_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(TextError, match="line "):
        read_graph(text)
