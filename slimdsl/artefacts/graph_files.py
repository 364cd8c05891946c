"""Reads frozen graphs, graphdefs and their text form back, and holds them against what was to be written.

The nodes are read as any reader would and compared with the network: inputs, outputs and variables with their types.
Then all bytes but the weights are compared with those that the graph comes to, and the weights with their source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import text_format

from slimdsl.artefacts.graph_reading import (
    ReadNode,
    port_problems,
    read_node,
    read_nodes,
    variable_problems,
)
from slimdsl.artefacts.read_back import ReadBack, counted, read_back
from slimdsl.artefacts.stored_values import Place, compare_values, place_in
from slimdsl.artefacts.wire import DamagedError, first, inner, mapped
from slimdsl.backends.graphdef.emission import Emission, WeightSlot, content_size
from slimdsl.backends.graphdef.emitter import Form, emit
from slimdsl.backends.graphdef.proto import GraphDef
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.backends.order import Artefact, Order


def read_frozen(order: Order, artefact: Artefact) -> ReadBack:
    """Read a frozen graph back.

    Raises:
        DamagedError: it is no graph.
        OSError: it cannot be read.
    """
    return _read(order, artefact, "frozen", text=order.options.text)


def read_graphdef(order: Order, artefact: Artefact) -> ReadBack:
    """Read a graph with variables back; errors as `read_frozen`."""
    return _read(order, artefact, "graphdef", text=order.options.text)


def read_pbtxt(order: Order, artefact: Artefact) -> ReadBack:
    """Read the text form back; errors as `read_frozen`."""
    return _read(order, artefact, "graphdef", text=True)


def _read(order: Order, artefact: Artefact, form: Form, *, text: bool) -> ReadBack:
    emission = emit(order.graph, form=form, seed=order.seed, store_weights=order.weights is not None)
    if text:
        return _read_text(order, artefact, emission)
    with mapped(artefact.path) as content:
        nodes = read_nodes(content)
        problems = [
            *port_problems(nodes, order.graph, artefact.inputs, artefact.outputs),
            *variable_problems(nodes, order.graph.variables, frozen=form == "frozen"),
        ]
        places: list[Place] = []
        if not problems:
            problems = list(_byte_problems(content, nodes, emission, places))
        compared = 0
        if not problems and order.weights is not None:
            compared, problems = compare_values(places, order.weights)
    return read_back(_summary(len(nodes), order), compared, sum(place.size for place in places), problems)


def _read_text(order: Order, artefact: Artefact, emission: Emission) -> ReadBack:
    """The text form as a message, compared with the message that it should be; it is never large."""
    with mapped(artefact.path) as content:
        message: Any = GraphDef()
        try:
            text_format.Parse(bytes(content).decode(), message)
        except UnicodeDecodeError:
            raise DamagedError("is damaged: it is no UTF-8") from None
        except text_format.ParseError as error:
            raise DamagedError(f"is damaged: {str(error).splitlines()[0].rstrip('.')}") from None
    nodes = read_nodes(memoryview(message.SerializeToString()))
    problems = [
        *port_problems(nodes, order.graph, artefact.inputs, artefact.outputs),
        *variable_problems(nodes, order.graph.variables, frozen=emission.form == "frozen"),
    ]
    if not problems:
        expected: Any = GraphDef.FromString(graph_bytes(emission, order.weights))
        problems = list(_message_problems(message, expected))
    return read_back(_summary(len(nodes), order), 0, 0, problems)


def _summary(nodes: int, order: Order) -> str:
    return f"{counted(nodes, 'node')}, {counted(len(order.graph.variables), 'variable')}"


def _byte_problems(
    content: memoryview, nodes: dict[str, ReadNode], emission: Emission, places: list[Place]
) -> Iterator[str]:
    """Compare all bytes but the weights; where the weights stand goes into `places`."""
    position = 0
    for piece in emission.pieces:
        header = piece.header if isinstance(piece, WeightSlot) else piece
        if content[position : position + len(header)] != header:
            if isinstance(piece, WeightSlot):
                yield f"has other bytes before the numbers of `{piece.variable.name}` than were to be written"
            else:
                yield _node_problem(header, nodes)
            return
        position += len(header)
        if isinstance(piece, WeightSlot):
            size = content_size(piece.variable)
            if size > len(content) - position:
                yield f"ends within the variable `{piece.variable.name}`"
                return
            places.append(place_in(piece.variable, content[position : position + size]))
            position += size
    if position != len(content):
        yield f"has {len(content) - position:,} bytes behind its end"


def _node_problem(expected: bytes, nodes: dict[str, ReadNode]) -> str:
    """What is wrong where the bytes of a node are not those that were to be written."""
    wanted = read_node(inner(first(memoryview(expected), 1)))
    if not wanted.name:
        return "has another version than the one that was to be written"
    found = nodes.get(wanted.name)
    if found is None:
        return f"has no node `{wanted.name}`"
    if found.op != wanted.op:
        return f"has the node `{wanted.name}` as {found.op}, not as {wanted.op}"
    if found.inputs != wanted.inputs:
        return f"has the node `{wanted.name}` reading {list(found.inputs)}, not {list(wanted.inputs)}"
    return f"has the node `{wanted.name}` with other attributes than were to be written, or at another place"


def _message_problems(message: Any, expected: Any) -> Iterator[str]:
    """What differs between two GraphDefs, each node by itself."""
    if message == expected:
        return
    wanted = {node.name: node for node in expected.node}
    for node in message.node:
        if node.name not in wanted:
            yield f"has a node `{node.name}` that was not to be written"
        elif node != wanted.pop(node.name):
            yield f"has the node `{node.name}` otherwise than it was to be written"
    yield from (f"has no node `{name}`" for name in wanted)
    if message.versions != expected.versions:
        yield "has another version than the one that was to be written"
    elif [node.name for node in message.node] != [node.name for node in expected.node]:
        yield "has its nodes in another order than they were to be written"
