"""The verifier finds each way in which a graph can be malformed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import slimdsl
from slimdsl.ir.graph import Graph, Node, Tensor, Update, Variable
from slimdsl.ir.verify import InvalidGraph, verify
from slimdsl.types import DType, TensorType
from slimdsl.values import fields_of

TEXT = "slim 1\nnet f() {\n  input x: float32[N, 4]\n  fc(3) as a\n  fc(2, activation=none) as b\n  output y\n}\n"


def changed(graph: Graph, **parts: object) -> Graph:
    return Graph(**{name: parts.get(name, getattr(graph, name)) for name in fields_of(graph)})  # type: ignore[arg-type]


def other_type(graph: Graph) -> Graph:
    *nodes, last = graph.nodes
    (result,) = last.results
    wrong = Tensor(result.node, 0, TensorType(dtype=DType.FLOAT32, shape=(1, 7)))
    return changed(graph, nodes=(*nodes, Node(last.name, last.op, last.inputs, (wrong,), last.scope)), outputs={})


def stray_update(graph: Graph) -> Graph:
    variable = graph.variables[0]
    return changed(graph, updates=(Update(variable, Tensor("stray", 0, variable.tensor.type)),))


def renamed_variable(graph: Graph) -> Graph:
    first, *rest = graph.variables
    wrong = Variable("other", first.tensor, first.initializer, None, True, first.scope)
    return changed(graph, variables=(wrong, *rest))


BROKEN: list[tuple[str, Callable[[Graph], Graph]]] = [
    ("is used twice", lambda graph: changed(graph, nodes=(*graph.nodes, graph.nodes[-1]))),
    ("does not come before it", lambda graph: changed(graph, nodes=graph.nodes[::-1])),
    ("has results", other_type),
    ("is read as", renamed_variable),
    ("the output z", lambda graph: changed(graph, outputs={"z": Tensor("z", 0, graph.nodes[0].results[0].type)})),
    ("the end point z", lambda graph: changed(graph, end_points={"z": Tensor("z", 0, graph.nodes[0].results[0].type)})),
    ("the update of", stray_update),
    ("the layer", lambda graph: changed(graph, nodes=graph.nodes[:1], outputs={}, end_points={})),
]


def test_a_compiled_graph_is_well_formed() -> None:
    verify(slimdsl.loads(TEXT).graph)


@pytest.mark.parametrize(("message", "break_graph"), BROKEN, ids=[message for message, _ in BROKEN])
def test_a_broken_rule_is_told(message: str, break_graph: Callable[[Graph], Graph]) -> None:
    with pytest.raises(InvalidGraph, match=message):
        verify(break_graph(slimdsl.loads(TEXT).graph))
