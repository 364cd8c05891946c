"""The graph as text, a line an entry, and back: what tests of passes feed on and what a reader can follow.

    graph lenet inference
    input images : float32[N, 28, 28, 1]
    variable LeNet/conv1/weights scope=LeNet/conv1 trainable init=zeros{} reg=none : float32[5, 5, 1, 32]
    node LeNet/conv1/Relu = relu(LeNet/conv1/BiasAdd:0) {} scope=LeNet/conv1 : float32[N, 28, 28, 32]
    end_point LeNet/conv1 = LeNet/conv1/Relu:0
    layer LeNet/conv1 = LeNet/conv1/Relu:0 op=conv nodes=0:3 variables=0:2
    output logits = LeNet/fc4/BiasAdd:0

Everything of the graph is in it but the spans. Arguments are literals; nothing is ever evaluated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from slimdsl.ir.graph import Graph, LayerRecord, Node, Tensor, Update, Variable
from slimdsl.ir.literals import (
    INITIALIZERS_BY_NAME,
    PRIMITIVES,
    REGULARIZERS_BY_NAME,
    build,
    decode,
    encode_arguments,
    read_dim,
    read_dtype,
)
from slimdsl.ops.base import Initializer, Regularizer
from slimdsl.types import TensorType


class TextError(Exception):
    """The text is no graph; the message says in which line."""


def print_graph(graph: Graph) -> str:
    """The text of a graph; `read_graph` makes an equal one of it."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield f"graph {graph.name} {'training' if graph.training else 'inference'}"
    for name, tensor in graph.inputs.items():
        yield f"input {name} : {tensor.type}"
    for v in graph.variables:
        trained = "trainable" if v.trainable else "fixed"
        init, reg = _record_text(v.initializer), _record_text(v.regularizer) if v.regularizer else "none"
        yield f"variable {v.name} scope={v.scope} {trained} init={init} reg={reg} : {v.tensor.type}"
    for node in graph.nodes:
        inputs = ", ".join(tensor.name for tensor in node.inputs)
        types = " ; ".join(str(tensor.type) for tensor in node.results)
        yield f"node {node.name} = {node.op.name}({inputs}) {encode_arguments(node.op)!r} scope={node.scope} : {types}"
    for update in graph.updates:
        yield f"update {update.variable.name} = {update.new_value.name}"
    for path, tensor in graph.end_points.items():
        yield f"end_point {path} = {tensor.name}"
    for layer in graph.layers:
        nodes = f"{layer.first_node}:{layer.end_node}"
        variables = f"{layer.first_variable}:{layer.end_variable}"
        yield f"layer {layer.scope} = {layer.result.name} op={layer.op} nodes={nodes} variables={variables}"
    for name, tensor in graph.outputs.items():
        yield f"output {name} = {tensor.name}"


def _record_text(record: Initializer | Regularizer) -> str:
    return f"{record.name}{encode_arguments(record)!r}"


_VARIABLE = re.compile(r"(\S+) scope=(\S*) (trainable|fixed) init=(\w+)(\{.*\}) reg=(?:none|(\w+)(\{.*\}))")
_NODE = re.compile(r"(\S+) = (\w+)\((.*?)\) (\{.*\}) scope=(\S*)")
_LAYER = re.compile(r"(\S+) = (\S+) op=(\w+) nodes=(\d+):(\d+) variables=(\d+):(\d+)")


def read_graph(text: str) -> Graph:
    """The graph of a text; equal to the one that was printed but for the spans.

    Raises:
        TextError: the text is no graph.
    """
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                reader.line(line)
            except (KeyError, ValueError, SyntaxError, TypeError) as error:
                raise TextError(f"line {number}: {error}: {line[:200]}") from error
    return reader.graph()


class _Reader:
    def __init__(self) -> None:
        self._name, self._training = "", False
        self._tensors: dict[str, Tensor] = {}
        self._inputs: dict[str, Tensor] = {}
        self._variables: dict[str, Variable] = {}
        self._nodes: list[Node] = []
        self._updates: list[Update] = []
        self._end_points: dict[str, Tensor] = {}
        self._layers: list[LayerRecord] = []
        self._outputs: dict[str, Tensor] = {}

    def line(self, line: str) -> None:
        keyword, _, rest = line.partition(" ")
        if keyword == "graph":
            self._name, _, mode = rest.partition(" ")
            self._training = mode == "training"
        elif keyword == "input":
            name, _, kind = rest.partition(" : ")
            self._inputs[name] = self._new(name, 0, kind)
        elif keyword == "variable":
            self._variable(rest)
        elif keyword == "node":
            self._node(rest)
        elif keyword == "layer":
            scope, tensor, op, *numbers = self._match(_LAYER, rest)
            first, end, first_variable, end_variable = (int(number) for number in numbers)
            self._layers.append(
                LayerRecord(
                    scope=scope, op=op, result=self._tensors[tensor], first_node=first, end_node=end,
                    first_variable=first_variable, end_variable=end_variable,
                )
            )  # fmt: skip
        elif keyword in ("update", "end_point", "output"):
            name, _, tensor = rest.partition(" = ")
            if keyword == "update":
                self._updates.append(Update(self._variables[name], self._tensors[tensor]))
            else:
                (self._outputs if keyword == "output" else self._end_points)[name] = self._tensors[tensor]
        else:
            raise ValueError(f"unknown entry `{keyword}`")

    def _match(self, pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
        found = pattern.fullmatch(text)
        if found is None:
            raise ValueError("the entry is not of its form")
        return found.groups()

    def _new(self, name: str, index: int, kind: str) -> Tensor:
        tensor = Tensor(name, index, _type(kind))
        self._tensors[tensor.name] = tensor
        return tensor

    def _variable(self, rest: str) -> None:
        head, _, kind = rest.rpartition(" : ")
        name, scope, trained, init, init_arguments, reg, reg_arguments = self._match(_VARIABLE, head)
        self._variables[name] = Variable(
            name,
            self._new(name, 0, kind),
            build(INITIALIZERS_BY_NAME[init], _arguments(init_arguments)),
            build(REGULARIZERS_BY_NAME[reg], _arguments(reg_arguments)) if reg else None,
            trained == "trainable",
            scope,
        )

    def _node(self, rest: str) -> None:
        head, _, kinds = rest.rpartition(" : ")
        name, op, inputs, arguments, scope = self._match(_NODE, head)
        results = tuple(self._new(name, index, kind) for index, kind in enumerate(kinds.split(" ; ")))
        tensors = tuple(self._tensors[tensor] for tensor in inputs.split(", ") if tensor)
        self._nodes.append(Node(name, build(PRIMITIVES[op], _arguments(arguments)), tensors, results, scope))

    def graph(self) -> Graph:
        return Graph(
            name=self._name, inputs=self._inputs, variables=tuple(self._variables.values()), nodes=tuple(self._nodes),
            outputs=self._outputs, end_points=self._end_points, updates=tuple(self._updates),
            layers=tuple(self._layers), training=self._training,
        )  # fmt: skip


def _arguments(text: str) -> dict[str, object]:
    literal = ast.literal_eval(text)
    return {name: decode(given) for name, given in literal.items()}


_TYPE = re.compile(r"(\w+)\[(.*)\]")


def _type(text: str) -> TensorType:
    found = _TYPE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"`{text}` is no tensor type")
    dims = found.group(2)
    shape = tuple(read_dim(dim) for dim in dims.split(", ")) if dims else ()
    return TensorType(dtype=read_dtype(found.group(1)), shape=shape)
