"""Pictures for Graphviz: read by its grammar, complete, and the same for the same graph."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import slimdsl
from slimdsl.backends.dot.picture import picture_of
from slimdsl.backends.dot.writer import dot_text, write
from slimdsl.backends.ir_json.reader import read
from slimdsl.backends.ir_json.writer import graph_json
from slimdsl.backends.order import Order
from slimdsl.ir.graph import Graph
from slimdsl.passes.deploy import deploy
from slimdsl.values import fields_of

MODELS = Path(__file__).parent.parent.parent.parent / "models"

TEXT = """\
slim 1
net f() {
  input x: float32[N, 8, 8, 3]
  add as Sum {
    branch as a {
      conv(4, 3x3, stride=2) as one
      conv(4, 1x3) as two
    }
    conv(4, 1x1, stride=2)
  }
  residual {
    avg_pool(3x3, stride=1, padding=same) as same
  }
  global_avg_pool(keep_dims=false)
  fc(5, activation=none) as logits
  output logits
  softmax
  output chances
}
"""

PICTURE = """\
digraph "f" {
  graph [label="f: 205 parameters", labelloc=t, fontname="Helvetica", fontsize=14, nodesep=0.3, ranksep=0.35];
"""

TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([A-Za-z_]\w*|-?[0-9.]+)|(->|[{}\[\];,=]))')


class Grammar:
    """The part of Graphviz's grammar that is used: statements of quoted names; anything else is an error."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position = 0
        while text[position:].strip():
            found = TOKEN.match(text, position)
            assert found, text[position : position + 60]
            self.tokens.append(found.group().strip())
            position = found.end()
        self.nodes: dict[str, str] = {}
        self.clusters: list[str] = []
        self.edges: list[tuple[str, str]] = []

    def take(self, token: str) -> None:
        assert self.tokens.pop(0) == token

    def name(self) -> str:
        token = self.tokens.pop(0)
        assert token[0] == '"'
        return token[1:-1]

    def graph(self) -> Grammar:
        self.take("digraph")
        self.name()
        self.body()
        assert self.tokens == []
        return self

    def body(self) -> None:
        self.take("{")
        while self.tokens[0] != "}":
            self.statement()
        self.take("}")

    def statement(self) -> None:
        if self.tokens[0] == "subgraph":
            self.take("subgraph")
            name = self.name()
            assert name.startswith("cluster ")
            assert name not in self.clusters
            self.clusters.append(name)
            self.body()
            return
        if self.tokens[0] in ("graph", "node", "edge"):
            self.tokens.pop(0)
            self.attributes()
        elif self.tokens[1] == "=":
            self.assignment()
        else:
            name = self.name()
            if self.tokens[0] == "->":
                self.take("->")
                self.edges.append((name, self.name()))
                self.attributes()
            else:
                assert name not in self.nodes
                self.nodes[name] = self.attributes()["label"]
        self.take(";")

    def attributes(self) -> dict[str, str]:
        found = {}
        if self.tokens[0] == "[":
            self.take("[")
            while True:
                key, given = self.assignment()
                found[key] = given
                if self.tokens[0] != ",":
                    break
                self.take(",")
            self.take("]")
        return found

    def assignment(self) -> tuple[str, str]:
        key = self.tokens.pop(0)
        assert re.fullmatch(r"\w+", key)
        self.take("=")
        given = self.tokens.pop(0)
        assert re.fullmatch(r'".*"|[\w.-]+', given, re.DOTALL)
        return key, given.strip('"')


def parsed(graph: Graph) -> Grammar:
    return Grammar(dot_text(graph)).graph()


def test_a_small_network_is_drawn_whole() -> None:
    found = parsed(slimdsl.loads(TEXT).graph)
    assert found.nodes == {
        "input x": r"x\nfloat32[N, 8, 8, 3]",
        "f/Sum/a/one": r"one\nconv 3x3 / 2\n[N, 4, 4, 4]\n112 parameters",
        "f/Sum/a/two": r"two\nconv 1x3\n[N, 4, 4, 4]\n52 parameters",
        "f/Sum/Conv": r"Conv\nconv 1x1 / 2\n[N, 4, 4, 4]\n16 parameters",
        "f/Sum/add": r"add\n[N, 4, 4, 4]",
        "f/same": r"same\navg_pool 3x3\n[N, 4, 4, 4]",
        "f/add": r"add\nresidual\n[N, 4, 4, 4]",
        "f/Mean": r"Mean\nglobal_avg_pool\n[N, 4]",
        "f/logits": r"logits\nfc\n[N, 5]\n25 parameters",
        "f/softmax": r"softmax\n[N, 5]",
        "output logits": r"logits\nfloat32[N, 5]",
        "output chances": r"chances\nfloat32[N, 5]",
    }
    assert found.clusters == ["cluster f/Sum", "cluster f/Sum/a"]
    assert found.edges == [
        ("input x", "f/Sum/a/one"),
        ("f/Sum/a/one", "f/Sum/a/two"),
        ("input x", "f/Sum/Conv"),
        ("f/Sum/a/two", "f/Sum/add"),
        ("f/Sum/Conv", "f/Sum/add"),
        ("f/Sum/add", "f/same"),
        ("f/Sum/add", "f/add"),
        ("f/same", "f/add"),
        ("f/add", "f/Mean"),
        ("f/Mean", "f/logits"),
        ("f/logits", "f/softmax"),
        ("f/logits", "output logits"),
        ("f/softmax", "output chances"),
    ]


@pytest.mark.parametrize(
    ("path", "net"),
    [("slim/inception_v3", "inception_v3"), ("slim/lenet", "lenet"), ("slim/nasnet", "nasnet_cifar"), ("gpt", "gpt"),
     ("lstm_classifier", "lstm_classifier"), ("unet", "unet")],
)  # fmt: skip
@pytest.mark.parametrize("form", ["inference", "training", "deployed"])
def test_every_arrow_joins_what_is_drawn(path: str, net: str, form: str) -> None:
    graph = slimdsl.load(MODELS / f"{path}.slim", net, training=form == "training").graph
    if form == "deployed":
        graph = deploy(graph).graph
    found = parsed(graph)
    assert dot_text(graph) == dot_text(graph)
    assert len(found.edges) == len(set(found.edges))
    assert {name for edge in found.edges for name in edge} == set(found.nodes)
    # All that is before the last box leads somewhere, and all boxes come from somewhere.
    assert {end for _, end in found.edges} == {name for name in found.nodes if not name.startswith("input ")}
    picture = picture_of(graph)
    drawn = sum(box.parameters for box in picture.boxes)
    assert drawn == picture.parameters == graph.parameter_count()


def test_a_graph_without_layers_is_drawn_by_its_nodes() -> None:
    graph = slimdsl.loads(TEXT).graph
    parts = {name: () if name == "layers" else getattr(graph, name) for name in fields_of(graph)}
    bare = Graph(**parts)  # type: ignore[arg-type]
    found = parsed(bare)
    boxes = [name for name in found.nodes if not name.startswith(("input ", "output "))]
    assert boxes == [node.name for node in graph.nodes]
    assert found.nodes["f/Sum/a/one/Conv2D"] == r"Conv2D\nconvolution 3x3 / 2\n[N, 4, 4, 4]\n108 parameters"
    assert "cluster f/Sum/a/one" in found.clusters
    assert sum(box.parameters for box in picture_of(bare).boxes) == graph.parameter_count()


def test_a_shared_variable_is_a_dashed_arrow() -> None:
    text = dot_text(slimdsl.load(MODELS / "gpt.slim", "gpt").graph)
    assert '"gpt/vectors" -> "gpt/logits" [label="embeddings", style=dashed, constraint=false];' in text


ODD = ['a "b"', "back\\slash", "new\nline", "end\\", "<b>bold</b>", "größe", "a->b;"]


def odd_graph() -> Graph:
    """A graph with names that no text has, but a JSON document may have."""
    text = graph_json(slimdsl.loads(TEXT).graph)
    for number, (plain, odd) in enumerate(
        zip(
            ("f/Sum/a/one", "f/Sum/a/two", "f/Sum/Conv", "f/same", "f/logits", "f/softmax", '"logits"'),
            ODD,
            strict=True,
        )
    ):
        escaped = odd.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        text = text.replace(plain, f'"{escaped}{number}"' if plain[0] == '"' else f"f/{escaped}{number}")
    return read(text)


def test_names_of_any_kind_are_quoted() -> None:
    found = parsed(odd_graph())
    assert 'f/a \\"b\\"0' in found.nodes
    assert "f/back\\\\slash1" in found.nodes
    assert "f/new\\\\nline2" in found.nodes
    assert "output a->b;6" in found.nodes


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_it() -> None:
    for graph in (odd_graph(), slimdsl.load(MODELS / "slim/inception_v3.slim", "inception_v3", training=True).graph):
        done = subprocess.run(["dot", "-Tplain"], input=dot_text(graph), capture_output=True, text=True, check=True)
        assert done.stderr == ""
        kinds = [line.partition(" ")[0] for line in done.stdout.splitlines()]
        found = parsed(graph)
        assert (kinds.count("node"), kinds.count("edge")) == (len(found.nodes), len(found.edges))


def test_the_artefact(tmp_path: Path) -> None:
    graph = slimdsl.loads(TEXT).graph
    path = tmp_path / "f.dot"
    artefact = write(Order(graph=graph, weights=None, seed=0, path=str(path)))
    assert path.read_text(encoding="utf-8") == dot_text(graph)
    assert dot_text(graph).startswith(PICTURE)
    assert (artefact.size, artefact.nodes) == (path.stat().st_size, 9)
    assert artefact.inputs == {"x": "input x"}
    assert artefact.outputs == {"logits": "output logits", "chances": "output chances"}
    assert artefact.facts == (("draw it", f"dot -Tsvg {path} -o {tmp_path / 'f.svg'}"),)
