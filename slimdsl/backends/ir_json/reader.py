"""Read a graph from JSON: an equal one to that which `writer` was given, but for the places in the text.

A document may be anything. What breaks a rule of `schema.json`, of an op's arguments or of `ir.verify` is told with its
place in the document; nothing is evaluated, and nothing that it says makes the reader work longer than its length asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from slimdsl.backends.ir_json.cursor import Cursor, DocumentError, parse
from slimdsl.backends.ir_json.writer import FORMAT, VERSION
from slimdsl.ir.graph import Graph, LayerRecord, Node, Tensor, Update, Variable
from slimdsl.ir.literals import (
    INITIALIZERS_BY_NAME,
    PRIMITIVES,
    REGULARIZERS_BY_NAME,
    Written,
    build,
    decode,
    read_dim,
    read_dtype,
)
from slimdsl.ir.verify import InvalidGraph, verify
from slimdsl.ops.base import Initializer, Primitive
from slimdsl.ops.recurrent import Unstack
from slimdsl.passes.derivation import Derived
from slimdsl.types import Dim, SymbolicDim, TensorType

__all__ = ["DocumentError", "read"]

_LONGEST_REASON = 400

_INITIALIZERS: dict[str, type[Initializer]] = {**INITIALIZERS_BY_NAME, Derived.name: Derived}
"""Those of the language, and what stands for one in a deployed graph."""

_MOST_TERMS = 4096
"""Terms of all dimensions of a tensor multiplied: what the product of the dimensions may come to."""


def read(text: str) -> Graph:
    """The graph of a document.

    Raises:
        DocumentError: the text is no such document, or what it describes is no graph.
    """
    try:
        graph = _Reader(parse(text)).graph()
    except RecursionError:
        raise DocumentError("this is nested too deeply") from None
    try:
        verify(graph)
    except InvalidGraph as error:
        raise DocumentError(f"this is no graph: {str(error)[:_LONGEST_REASON]}") from None
    return graph


class _Reader:
    """Reads one document; the tensors by their names are what its parts refer to each other by."""

    def __init__(self, document: Cursor) -> None:
        self._document = document
        self._tensors: dict[str, Tensor] = {}
        self._variables: dict[str, Variable] = {}

    def graph(self) -> Graph:
        """The graph.

        Raises:
            DocumentError: the document breaks a rule.
        """
        document = self._document
        if document.key("format").text() != FORMAT:
            raise document.key("format").error(f"this is not `{FORMAT}`")
        if document.key("version").integer() != VERSION:
            raise document.key("version").error(f"version {VERSION} is read here")
        inputs = _by_name(document.key("inputs"), self._input)
        variables = tuple(self._variable(entry) for entry in document.key("variables").items())
        nodes = tuple(self._node(entry) for entry in document.key("nodes").items())
        layers = tuple(self._layer(entry, len(nodes), len(variables)) for entry in document.key("layers").items())
        return Graph(
            name=document.key("net").text(),
            inputs=inputs,
            variables=variables,
            nodes=nodes,
            outputs=_by_name(document.key("outputs"), lambda entry: self._known(entry.key("tensor"))),
            end_points={scope: self._known(entry) for scope, entry in document.key("end_points").entries()},
            updates=tuple(self._update(entry) for entry in document.key("updates").items()),
            layers=layers,
            training=document.key("training").truth(),
        )

    def _new(self, at: Cursor, node: str, index: int, type: TensorType) -> Tensor:
        tensor = Tensor(node, index, type)
        if tensor.name in self._tensors:
            raise at.error(f"the tensor `{tensor.name}` is there twice")
        self._tensors[tensor.name] = tensor
        return tensor

    def _known(self, at: Cursor) -> Tensor:
        name = at.text()
        if name not in self._tensors:
            raise at.error(f"there is no tensor `{name}` before this")
        return self._tensors[name]

    def _input(self, at: Cursor) -> Tensor:
        name = at.key("tensor").text()
        if not name.endswith(":0"):
            raise at.key("tensor").error("an input is the first result of its node")
        return self._new(at, name.removesuffix(":0"), 0, _type(at))

    def _variable(self, at: Cursor) -> Variable:
        name = at.key("name").text()
        regularizer = at.key("regularizer")
        variable = Variable(
            name,
            self._new(at, name, 0, _type(at)),
            _record(at.key("initializer"), _INITIALIZERS, "initialiser"),
            None if regularizer.given is None else _record(regularizer, REGULARIZERS_BY_NAME, "regulariser"),
            at.key("trainable").truth(),
            at.key("scope").text(),
        )
        self._variables[name] = variable
        return variable

    def _node(self, at: Cursor) -> Node:
        name, op_name = at.key("name").text(), at.key("op").text()
        if op_name not in PRIMITIVES:
            raise at.key("op").error(f"there is no op `{op_name}`")
        arguments = at.key("arguments")
        op = arguments.read(lambda: build(PRIMITIVES[op_name], _decoded(arguments.object())))
        inputs = tuple(self._known(item) for item in at.key("inputs").items())
        types = tuple(_type(item) for item in at.key("results").items())
        inferred = _inferred(at, op, inputs, len(types))
        if inferred != types:
            raise at.key("results").error(f"the op gives {', '.join(str(type) for type in inferred)}")
        results = tuple(self._new(at, name, index, type) for index, type in enumerate(types))
        return Node(name, op, inputs, results, at.key("scope").text())

    def _update(self, at: Cursor) -> Update:
        name = at.key("variable").text()
        if name not in self._variables:
            raise at.key("variable").error(f"there is no variable `{name}`")
        return Update(self._variables[name], self._known(at.key("new_value")))

    def _layer(self, at: Cursor, node_count: int, variable_count: int) -> LayerRecord:
        first_node, end_node = at.key("nodes").pair()
        first_variable, end_variable = at.key("variables").pair()
        if end_node > node_count or end_variable > variable_count:
            raise at.error("it has nodes or variables that are not there")
        return LayerRecord(
            scope=at.key("scope").text(),
            op=at.key("op").text(),
            result=self._known(at.key("result")),
            first_node=first_node,
            end_node=end_node,
            first_variable=first_variable,
            end_variable=end_variable,
        )


def _by_name(at: Cursor, read_entry: Callable[[Cursor], Tensor]) -> dict[str, Tensor]:
    """Inputs or outputs."""
    found: dict[str, Tensor] = {}
    for entry in at.items():
        name = entry.key("name").text()
        if name in found:
            raise entry.error(f"`{name}` is there twice")
        found[name] = read_entry(entry)
    return found


def _record(at: Cursor, table: dict[str, type[Written]], what: str) -> Written:
    """An initialiser or a regulariser."""
    arguments = dict(at.object())
    name = at.key("name").text()
    if name not in table:
        raise at.error(f"there is no {what} `{name}`")
    del arguments["name"]
    return at.read(lambda: build(table[name], _decoded(arguments)))


def _decoded(arguments: Mapping[str, object]) -> dict[str, object]:
    return {name: decode(given) for name, given in arguments.items()}


def _type(at: Cursor) -> TensorType:
    """The type of a tensor, from the keys `dtype` and `shape`."""
    dtype = at.key("dtype")
    shape = tuple(_dim(item) for item in at.key("shape").items())
    terms = 1
    for dim in shape:
        terms *= len(dim.terms) if isinstance(dim, SymbolicDim) else 1
        if terms > _MOST_TERMS:
            raise at.key("shape").error("its dimensions are too complicated")
    return TensorType(dtype=dtype.read(lambda: read_dtype(dtype.text())), shape=shape)


def _dim(at: Cursor) -> Dim:
    if isinstance(at.given, str):
        text = at.given
        return at.read(lambda: read_dim(text))
    size = at.integer()
    if size < 0:
        raise at.error("a size is not negative")
    return size


def _inferred(at: Cursor, op: Primitive, inputs: tuple[Tensor, ...], count: int) -> tuple[TensorType, ...]:
    """What an op makes of its inputs, and that is `count` results."""
    types = tuple(tensor.type for tensor in inputs)
    if isinstance(op, Unstack) and not all(op.axis < type.rank and type.shape[op.axis] == count for type in types):
        # The one op with a result for every place of an axis: as many as a number says, and that may be any.
        raise at.key("results").error("they are not as many as the axis is long")
    try:
        return op.infer_all(*types)
    except Exception as error:
        # Ops are written for the inputs that layers give them; what they raise for others has no class in common.
        reason = str(error)[:_LONGEST_REASON]
        raise at.key("inputs").error(f"`{op.name}` does not take them: {reason}") from None
