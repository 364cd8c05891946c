"""Converts a frozen graph with tf2onnx; `slimdsl.backends.conversion.convert` says what is asked.

Asked for an `opset` beside that, it answers with ``inputs`` and ``outputs`` (name in the text -> name in the file),
``nodes`` (how many there are) and ``converter`` (its name and version).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx
from google.protobuf.message import EncodeError

from slimdsl.workers import Answer, Request, serve

LARGEST_MODEL = 2**31 - 1
_CATCH_ERRORS = "TF2ONNX_CATCH_ERRORS"


def convert(request: Request) -> Answer:
    """Convert, check and write."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    inputs, outputs = request["inputs"], request["outputs"]
    model = _converted(request)
    _refuse_unknown_ops(model)
    names = _chosen_names(inputs, outputs)
    _rename(model.graph, names)
    graph = model.graph
    graph.name = request["net"]
    # The path of conversion is nobody's business, and intermediate shapes have sizes with invented names.
    graph.doc_string = ""
    del graph.value_info[:]
    _declare(graph.input, inputs, names)
    _declare(graph.output, outputs, names)
    onnx.checker.check_model(model, full_check=True)
    _write(model, request["result"])
    return {
        "inputs": {port["name"]: names[port["tensor"]] for port in inputs},
        "outputs": {port["name"]: names[port["tensor"]] for port in outputs},
        "nodes": len(graph.node),
        "converter": f"tf2onnx {tf2onnx.__version__}",
    }


class _NumberedNode(tf2onnx.graph.Node):  # type: ignore[misc]
    """A node of tf2onnx for large networks, and for the same bytes each time.

    Its hash is not its address: tf2onnx goes over sets of nodes, in another order in every process.
    """

    made = 0
    number: int

    def __new__(cls, *_arguments: object, **_named: object) -> _NumberedNode:  # noqa: PYI034 - Python 3.10 has no Self
        node: _NumberedNode = super().__new__(cls)
        cls.made += 1
        node.number = cls.made
        return node

    def __hash__(self) -> int:
        return self.number

    def update_proto(self, *arguments: object, **named: object) -> None:
        """Write the node as a message, which is done after every optimiser, but only read at the very end.

        That of a constant is never read, and keeps the memory of every copy of the weights that was put into it.
        """
        if not self.is_const():
            super().update_proto(*arguments, **named)


def _start_counting() -> None:
    """Let tf2onnx give the same bytes in every process, and in one that has converted before."""
    _NumberedNode.made = 0
    tf2onnx.graph.Node = _NumberedNode
    # With it, names that tf2onnx makes up are told apart.
    tf2onnx.utils.INTERNAL_NAME = 1


def _converted(request: Request) -> Any:
    """The model as tf2onnx gives it.

    Unless told otherwise, it copies the whole network before every optimiser, to go on without one that fails: 30 times
    the weights in memory. So that is only done where one does fail.
    """
    try:
        os.environ[_CATCH_ERRORS] = "FALSE"
        return _attempt(request)
    except Exception:
        del os.environ[_CATCH_ERRORS]
        return _attempt(request)


def _attempt(request: Request) -> Any:
    _start_counting()
    model, _storage = tf2onnx.convert.from_graph_def(
        _graph_def(request["graph"]),
        name=request["net"],
        input_names=[port["tensor"] for port in request["inputs"]],
        output_names=[port["tensor"] for port in request["outputs"]],
        opset=request["opset"],
    )
    return model


def _graph_def(path: str) -> Any:
    with open(path, "rb") as file:
        return tf.compat.v1.GraphDef.FromString(file.read())


def _refuse_unknown_ops(model: Any) -> None:
    """See that every op is one of ONNX: what tf2onnx cannot convert, it leaves as it is."""
    versions = {opset.domain: opset.version for opset in model.opset_import}
    for graph in _graphs(model.graph):
        for node in graph.node:
            if not onnx.defs.has(node.op_type, versions.get(node.domain, 0), node.domain):
                raise ValueError(f"tf2onnx has no conversion for TensorFlow's `{node.op_type}` (node `{node.name}`)")


def _chosen_names(inputs: Sequence[Any], outputs: Sequence[Any]) -> dict[str, str]:
    """Name of the tensor -> name in the file: that of the text; an output called as an input is gets another."""
    names: dict[str, str] = {port["tensor"]: port["name"] for port in inputs}
    taken = {port["name"] for port in (*inputs, *outputs)}
    given = set(names.values())
    for port in outputs:
        name = port["name"]
        if name in given:
            name = f"{name}_output"
            while name in taken:
                name += "_"
            taken.add(name)
        names[port["tensor"]] = name
    return names


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Give the tensors their names; others of such a name step aside."""
    new = set(names.values())
    known = {name for inner in _graphs(graph) for node in inner.node for name in (*node.input, *node.output)}
    known |= {tensor.name for inner in _graphs(graph) for tensor in inner.initializer}
    renamed = dict(names)
    for name in sorted((known & new) - set(names)):
        other = f"{name}__inner"
        while other in known or other in new:
            other += "_"
        renamed[name] = other
    for inner in _graphs(graph):
        for node in inner.node:
            for field in (node.input, node.output):
                field[:] = [renamed.get(name, name) for name in field]
        for tensor in (*inner.initializer, *inner.input, *inner.output):
            tensor.name = renamed.get(tensor.name, tensor.name)


def _graphs(graph: Any) -> Iterator[Any]:
    """The graph and those in the attributes of its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _declare(declared: Any, ports: Sequence[Any], names: Mapping[str, str]) -> None:
    """Declare inputs or outputs in the order of the text, with its names for sizes that are not known."""
    types = {info.name: info.type.tensor_type.elem_type for info in declared}
    infos = [
        onnx.helper.make_tensor_value_info(name, types[name], port["shape"])
        for port, name in ((port, names[port["tensor"]]) for port in ports)
    ]
    del declared[:]
    declared.extend(infos)


def _write(model: Any, path: str) -> None:
    try:
        size = model.ByteSize()
        if size > LARGEST_MODEL:
            raise ValueError(f"the file would have {size:,} bytes, and ONNX takes at most {LARGEST_MODEL:,}")
        content = model.SerializeToString(deterministic=True)
    except EncodeError as error:
        raise ValueError(f"the file would have more than {LARGEST_MODEL:,} bytes, which ONNX does not take") from error
    with open(path, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    serve(convert)
