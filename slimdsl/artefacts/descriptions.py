"""Reads the formats back that describe a network and are not run."""

from __future__ import annotations

import re

from slimdsl.artefacts.read_back import ReadBack, counted
from slimdsl.artefacts.wire import DamagedError
from slimdsl.backends.dot.writer import dot_text
from slimdsl.backends.ir_json.reader import DocumentError, read
from slimdsl.backends.ir_json.writer import graph_json
from slimdsl.backends.order import Artefact, Order

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_DIGRAPH = re.compile(r'digraph "" \{\n.*\}\n', re.DOTALL)


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


def read_dot(order: Order, artefact: Artefact) -> ReadBack:
    """Read the picture as Graphviz would, as far as names and braces go, and compare it with the one to be written.

    Raises:
        DamagedError: it is no such text.
        OSError: it cannot be read.
    """
    content = _text(artefact.path)
    outside = _QUOTED.sub('""', content)
    if not _DIGRAPH.fullmatch(outside) or outside.count('"') % 2 or not _balanced(outside):
        raise DamagedError("is damaged: it is no graph for Graphviz")
    summary = f"{counted(artefact.nodes, 'box', 'boxes')}, {counted(outside.count('->'), 'arrow')}"
    if content == dot_text(order.graph):
        return ReadBack(summary)
    return ReadBack(summary, ("shows another graph than the one that was to be written",))


def _balanced(content: str) -> bool:
    depth = 0
    for brace in re.findall(r"[{}]", content):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return not depth


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise DamagedError("is damaged: it is no UTF-8") from None
