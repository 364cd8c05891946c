"""The text form of an emitted graph, as `google.protobuf.text_format` and TensorFlow read it."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format

from slimdsl.backends.graphdef.emission import Emission, content_size
from slimdsl.backends.graphdef.proto import GraphDef
from slimdsl.backends.graphdef.stream import GraphTooLargeError, WrittenFile, graph_bytes
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import replace_file, write_all
from slimdsl.weights.source import WeightSource

LARGEST_WEIGHTS = 32 * 2**20
"""Bytes of weights that are written as text: four characters each, and readers take far more than that in memory."""


def write_text(emission: Emission, weights: WeightSource | None, path: str) -> WrittenFile:
    """Write a graph in protobuf's text form; arguments and errors are those of `write_emission`.

    Raises:
        GraphTooLargeError: there are more than `LARGEST_WEIGHTS` bytes of weights; nothing was written.
    """
    size = sum(content_size(slot.variable) for slot in emission.slots)
    if size > LARGEST_WEIGHTS:
        diagnostic = Diagnostic(
            code="E0507",
            message=f"the graph has {size:,} bytes of weights, and at most {LARGEST_WEIGHTS:,} are written as text",
            span=None,
            help="write the binary form, or `--to graphdef --text`, which holds no weights",
        )
        raise GraphTooLargeError(size, LARGEST_WEIGHTS, diagnostic)
    text = graph_text(emission, weights).encode()
    with replace_file(path) as descriptor:
        write_all(descriptor, text)
    return WrittenFile(path=path, size=len(text), nodes=emission.node_count)


def graph_text(emission: Emission, weights: WeightSource | None) -> str:
    """The text of a graph; attrs are in the order of their names."""
    message: Any = GraphDef.FromString(graph_bytes(emission, weights))
    text: str = text_format.MessageToString(message)
    return text
