"""Reads the formats back that describe a network and are not run."""

from __future__ import annotations

from slimdsl.artefacts.read_back import ReadBack, counted
from slimdsl.artefacts.wire import DamagedError
from slimdsl.backends.ir_json.reader import DocumentError, read
from slimdsl.backends.ir_json.writer import graph_json
from slimdsl.backends.order import Artefact, Order


def read_json(order: Order, artefact: Artefact) -> ReadBack:
    """Read the graph from JSON, and compare its text with the one that was to be written.

    Raises:
        DamagedError: it is no such document.
        OSError: it cannot be read.
    """
    content = _text(artefact.path)
    try:
        graph = read(content)
    except DocumentError as error:
        raise DamagedError(f"is damaged: {error}") from None
    summary = f"{counted(len(graph.nodes), 'node')}, {counted(len(graph.variables), 'variable')}"
    if content == graph_json(order.graph):
        return ReadBack(summary)
    return ReadBack(summary, ("describes another graph than the one that was to be written",))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise DamagedError("is damaged: it is no UTF-8") from None
