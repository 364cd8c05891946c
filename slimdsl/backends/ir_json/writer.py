"""Write the graph as JSON: all of it but the numbers of its variables.

`reader` makes an equal graph of it, `schema.json` says what the document looks like, and `docs/ir-json.md` what it
means. The same graph gives the same bytes: files of the network's text are named from the folder that they share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from slimdsl.backends.order import Artefact, Order
from slimdsl.diagnostics.source import Span
from slimdsl.files import replace_file, write_all
from slimdsl.ir.graph import Graph, LayerRecord, Node, Variable
from slimdsl.ir.literals import encode_arguments
from slimdsl.json_text import json_text
from slimdsl.weights.manifest import manifest, shape_items

FORMAT = "slimdsl graph"
"""What tells such a document from others."""

VERSION = 1
"""Of the schema. It changes where a key is removed or means something else; keys may be added at any time."""


def write(order: Order) -> Artefact:
    """Write the graph; the values of its variables have no place in it.

    Raises:
        FileWriteError: the file cannot be written.
    """
    graph = order.graph
    content = graph_json(graph).encode()
    with replace_file(order.path) as descriptor:
        write_all(descriptor, content)
    return Artefact(
        path=order.path,
        kind="training graph as JSON" if graph.training else "graph as JSON",
        size=len(content),
        nodes=len(graph.nodes),
        inputs={name: tensor.name for name, tensor in graph.inputs.items()},
        outputs={name: tensor.name for name, tensor in graph.outputs.items()},
    )


def graph_json(graph: Graph) -> str:
    """The text of a graph."""
    return json_text(document(graph)) + "\n"


def document(graph: Graph) -> dict[str, object]:
    """The graph as plain data."""
    described = manifest(graph)
    sources = _source_names(graph)
    variables = described["variables"]
    assert isinstance(variables, list)
    return {
        "format": FORMAT,
        "version": VERSION,
        "net": graph.name,
        "training": graph.training,
        "inputs": described["inputs"],
        "outputs": described["outputs"],
        "variables": [
            {**entry, "scope": variable.scope, "place": _place(variable.span, sources)}
            for entry, variable in zip(variables, graph.variables, strict=True)
        ],
        "nodes": [_node(node, sources) for node in graph.nodes],
        "end_points": described["end_points"],
        "updates": described.get("updates", []),
        "layers": [_layer(layer, sources) for layer in graph.layers],
    }


def _node(node: Node, sources: Mapping[str, str]) -> dict[str, object]:
    return {
        "name": node.name,
        "op": node.op.name,
        "arguments": encode_arguments(node.op),
        "inputs": [tensor.name for tensor in node.inputs],
        "results": [
            {"dtype": tensor.type.dtype.value, "shape": shape_items(tensor.type.shape)} for tensor in node.results
        ],
        "scope": node.scope,
        "place": _place(node.span, sources),
    }


def _layer(layer: LayerRecord, sources: Mapping[str, str]) -> dict[str, object]:
    return {
        "scope": layer.scope,
        "op": layer.op,
        "result": layer.result.name,
        "nodes": [layer.first_node, layer.end_node],
        "variables": [layer.first_variable, layer.end_variable],
        "place": _place(layer.span, sources),
    }


def _place(span: Span | None, sources: Mapping[str, str]) -> dict[str, object] | None:
    if span is None:
        return None
    line, column = span.source.line_column(span.start)
    return {"file": sources[span.source.name], "line": line, "column": column}


def _source_names(graph: Graph) -> dict[str, str]:
    """The files of the network's text -> their names from the folder that all of them stand in."""
    names = list(dict.fromkeys(span.source.name for span in _spans(graph) if span is not None))
    try:
        shared = os.path.commonpath([os.path.dirname(name) for name in names])
    except ValueError:
        # There are none, or some are named from the root and some are not.
        return {name: os.path.basename(name) for name in names}
    return {name: os.path.relpath(name, shared or os.curdir).replace(os.sep, "/") for name in names}


def _spans(graph: Graph) -> Iterator[Span | None]:
    records: tuple[tuple[Node | Variable | LayerRecord, ...], ...] = (graph.nodes, graph.variables, graph.layers)
    for group in records:
        for record in group:
            yield record.span
