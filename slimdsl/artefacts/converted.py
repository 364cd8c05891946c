"""Reads what other projects' converters wrote back, without the libraries of these formats.

Inputs and outputs are compared with the network. Operators and weights are the converter's own: the run tells of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from slimdsl.artefacts.flat_buffers import Table, flat_buffer
from slimdsl.artefacts.read_back import ReadBack, counted
from slimdsl.artefacts.wire import DamagedError, first, inner, mapped, number, numbered, text
from slimdsl.backends.order import Artefact, Order
from slimdsl.ir.graph import Graph

Port = tuple[str, tuple[int, ...]]
"""The type and the shape of an input or output, -1 for sizes that are open."""

_ONNX_TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 8: "string", 9: "bool", 10: "float16", 11: "float64",
    16: "bfloat16",
}  # fmt: skip
_LITERT_TYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "string", 6: "bool", 9: "int8", 10: "float64",
    18: "bfloat16",
}  # fmt: skip

_LITERT_MARK = b"TFL3"
_BYTECODE_MARK = b"ML\xefR"
_LONGEST_PRODUCER = 100


def read_onnx(order: Order, artefact: Artefact) -> ReadBack:
    """Read an ONNX model back: every node reads what is there, and inputs and outputs are the network's.

    Raises:
        DamagedError: it is none.
        OSError: it cannot be read.
    """
    with mapped(artefact.path) as content:
        graph = inner(first(content, 7))
        if first(content, 8) is None:
            raise DamagedError("is damaged: it does not say which version of ONNX's operators it is made of")
        constants = {text(first(inner(tensor), 8)) for tensor in numbered(graph, 5)}
        inputs = dict(map(_onnx_port, numbered(graph, 11)))
        outputs = dict(map(_onnx_port, numbered(graph, 12)))
        known = {"", *constants, *inputs}
        nodes = 0
        for node in map(inner, numbered(graph, 1)):
            nodes += 1
            for name in map(text, numbered(node, 1)):
                if name not in known:
                    raise DamagedError(f"has a node `{text(first(node, 3))}` that reads `{name}`, which is not there")
            known.update(map(text, numbered(node, 2)))
        missing = [name for name in outputs if name not in known]
        if missing:
            raise DamagedError(f"has an output `{missing[0]}` that no node gives")
    summary = f"{counted(nodes, 'node')}, {counted(len(constants), 'constant')}"
    return ReadBack(summary, tuple(_problems(order.graph, artefact, inputs, outputs)))


def read_litert(order: Order, artefact: Artefact) -> ReadBack:
    """Read a LiteRT model back: the signature's inputs and outputs are the network's; errors as `read_onnx`."""
    with mapped(artefact.path) as content:
        if bytes(content[4:8]) != _LITERT_MARK:
            raise DamagedError("is no LiteRT model")
        model = flat_buffer(content)
        signatures = model.tables(7)
        if len(signatures) != 1:
            raise DamagedError(f"has {counted(len(signatures), 'signature')}, not 1")
        graphs = model.tables(2)
        index = signatures[0].number(4)
        if index >= len(graphs):
            raise DamagedError("has a signature of a graph that is not there")
        tensors = graphs[index].tables(0)
        inputs = dict(_litert_port(entry, tensors) for entry in signatures[0].tables(0))
        outputs = dict(_litert_port(entry, tensors) for entry in signatures[0].tables(1))
        summary = f"{counted(graphs[index].length(3), 'operator')}, {counted(len(tensors), 'tensor')}"
    return ReadBack(summary, tuple(_problems(order.graph, artefact, inputs, outputs)))


def read_stablehlo(order: Order, artefact: Artefact) -> ReadBack:
    """Read the head of MLIR's bytecode back, which names the version; errors as `read_onnx`.

    The rest is compressed in ways that only MLIR knows: what runs it reads it.
    """
    with mapped(artefact.path) as content:
        head = bytes(content[: len(_BYTECODE_MARK) + _LONGEST_PRODUCER])
        size = len(content)
    mark, rest = head[: len(_BYTECODE_MARK)], head[len(_BYTECODE_MARK) + 1 :]
    producer, end, _ = rest.partition(b"\0")
    if mark != _BYTECODE_MARK or not end or not producer.startswith(b"StableHLO"):
        raise DamagedError("is no StableHLO portable artifact")
    return ReadBack(f"{producer.decode(errors='replace')}, {size:,} bytes")


def _problems(graph: Graph, artefact: Artefact, inputs: dict[str, Port], outputs: dict[str, Port]) -> Iterator[str]:
    """What keeps inputs and outputs from being those of a network."""
    for what, tensors, names, found in (
        ("input", graph.inputs, artefact.inputs, inputs),
        ("output", graph.outputs, artefact.outputs, outputs),
    ):
        for extra in found.keys() - set(names.values()):
            yield f"has an {what} `{extra}`, which the network does not have"
        for name, tensor in tensors.items():
            port = found.get(names[name])
            if port is None:
                yield f"has no {what} `{names[name]}`"
                continue
            dtype, shape = port
            wanted = tensor.type.shape
            fits = len(shape) == len(wanted) and all(
                not isinstance(dim, int) or size in (dim, -1) for size, dim in zip(shape, wanted)
            )
            if dtype != tensor.type.dtype.value or not fits:
                yield f"has the {what} `{name}` as {dtype}{list(shape)}, not as {tensor.type}"


def _onnx_port(content: int | memoryview) -> tuple[str, Port]:
    """The name and type of a ValueInfoProto."""
    info = inner(content)
    tensor = inner(first(inner(first(info, 2)), 1))
    dims = (inner(dim) for dim in numbered(inner(first(tensor, 2)), 1))
    shape = tuple(-1 if (size := first(dim, 1)) is None else number(size) for dim in dims)
    return text(first(info, 1)), (_ONNX_TYPES.get(number(first(tensor, 1)), ""), shape)


def _litert_port(entry: Table, tensors: list[Table]) -> tuple[str, Port]:
    """The name and type of a TensorMap."""
    index = entry.number(1)
    if index >= len(tensors):
        raise DamagedError(f"has a tensor `{entry.text(0)}` in its signature that is not there")
    tensor = tensors[index]
    # The shape has 1 where a size is open; its signature has -1, and is left out where none is.
    shape = tensor.numbers(7) or tensor.numbers(0)
    return entry.text(0), (_LITERT_TYPES.get(tensor.number(1, size=1), ""), tuple(shape))
