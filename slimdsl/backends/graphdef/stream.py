"""Write an emitted graph: the size is counted first, then nodes and weights go straight to the descriptor.

No weight is held in memory longer than it takes to pass on a piece of it. Knows nothing of the graph but its pieces.
"""

from __future__ import annotations

from functools import partial

from slimdsl.backends.graphdef.emission import Emission, content_size
from slimdsl.backends.order import ArtefactError
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import copy_range, replace_file, write_all
from slimdsl.ir.graph import Variable
from slimdsl.values import Value, value
from slimdsl.weights.source import Sink, WeightSource

LARGEST_GRAPH = 2**31 - 1
"""Bytes of the largest protobuf message that readers take."""


class GraphTooLargeError(ArtefactError):
    """The file would be larger than `limit` bytes; nothing was written.

    Args:
        size: bytes that it would have.
        limit: bytes that it may have.
        diagnostic: the same, to be shown.
    """

    def __init__(self, size: int, limit: int, diagnostic: Diagnostic) -> None:
        super().__init__((diagnostic,))
        self.size = size
        self.limit = limit
        self.diagnostic = diagnostic


@value
class WrittenFile(Value):
    """What was written: the path, its bytes, and how many nodes it holds."""

    path: str
    size: int
    nodes: int


def write_emission(emission: Emission, weights: WeightSource | None, path: str) -> WrittenFile:
    """Write a graph in protobuf's binary form.

    Args:
        emission: the graph.
        weights: the numbers for its slots; None where it has none.
        path: the file, which appears whole or not at all; see `replace_file` for pipes and links.

    Raises:
        GraphTooLargeError: no reader could take the file; nothing was written.
        WeightsError: the weights cannot be read.
        FileWriteError: the file cannot be written.
    """
    check_size(emission)
    with replace_file(path) as descriptor:
        pass_on(emission, weights, partial(write_all, descriptor), descriptor)
    return WrittenFile(path=path, size=emission.size, nodes=emission.node_count)


def check_size(emission: Emission) -> None:
    """Refuse a graph that no reader could take.

    Raises:
        GraphTooLargeError: it has more than `LARGEST_GRAPH` bytes.
    """
    if emission.size <= LARGEST_GRAPH:
        return
    diagnostic = Diagnostic(
        code="E0506",
        message=f"the graph would have {emission.size:,} bytes, and TensorFlow reads at most {LARGEST_GRAPH:,}",
        span=None,
        help="`--to savedmodel` holds the weights in a file of their own, `--to graphdef` leaves them out",
    )
    raise GraphTooLargeError(emission.size, LARGEST_GRAPH, diagnostic)


def graph_bytes(emission: Emission, weights: WeightSource | None) -> bytes:
    """The bytes of a graph, in memory.

    Raises:
        GraphTooLargeError: no reader could take them.
        WeightsError: the weights cannot be read.
    """
    check_size(emission)
    content = bytearray()
    pass_on(emission, weights, content.extend)
    return bytes(content)


def pass_on(emission: Emission, weights: WeightSource | None, sink: Sink, descriptor: int | None = None) -> None:
    """Pass on all bytes of a graph.

    Args:
        emission: the graph.
        weights: the numbers for its slots; None where it has none.
        sink: takes the bytes.
        descriptor: what the sink writes to, where it does: weights that stand in a file are copied by the system.

    Raises:
        WeightsError: the weights cannot be read.
    """
    pending = bytearray()
    for piece in emission.pieces:
        if isinstance(piece, bytes):
            pending += piece
            continue
        if weights is None:
            raise ValueError(f"the graph has a slot for the weights `{piece.name}`, and no weights were given")
        pending += piece.header
        sink(bytes(pending))
        pending.clear()
        pass_on_weights(weights, piece.variable, sink, descriptor)
    sink(bytes(pending))


def pass_on_weights(weights: WeightSource, variable: Variable, sink: Sink, descriptor: int | None = None) -> None:
    """Pass on one variable's numbers and see that they are as many as a header before them says.

    Raises:
        WeightsError: the weights cannot be read.
    """
    wanted = content_size(variable)
    stored = weights.file_range(variable) if descriptor is not None else None
    if descriptor is not None and stored is not None:
        if stored.size != wanted:
            raise RuntimeError(f"`{variable.name}` has {wanted} bytes, and its source has {stored.size}")
        copy_range(stored.descriptor, stored.offset, stored.size, descriptor)
        return
    passed = 0

    def counted(data: bytes | memoryview) -> None:
        nonlocal passed
        passed += memoryview(data).nbytes
        sink(data)

    weights.write(variable, counted)
    if passed != wanted:
        raise RuntimeError(f"`{variable.name}` has {wanted} bytes, and its source gave {passed}")
