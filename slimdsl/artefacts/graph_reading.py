"""A GraphDef as it stands in a file: its nodes, what they read, and the constants without their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from slimdsl.artefacts.wire import DamagedError, entries, fields, first, inner, number, numbered, text
from slimdsl.backends.graphdef.proto import DATA_TYPES
from slimdsl.ir.graph import Graph, Tensor, Variable
from slimdsl.values import Record, positional

TYPE_NAMES = {code: name for name, code in DATA_TYPES.items()}
"""The names of TensorFlow's element types by their numbers."""


@positional
class ReadNode(Record):
    """A node: its name and op, what it reads, and its bytes, of which the attrs are read when they are asked for."""

    name: str
    op: str
    inputs: tuple[str, ...]
    message: memoryview

    def attr(self, name: str) -> memoryview:
        """An attr (a message AttrValue); no bytes where there is none."""
        return entries(self.message, 5).get(name, memoryview(b""))

    def type(self, attr: str) -> str:
        """The name of the element type that an attr holds; "" where it holds none."""
        return TYPE_NAMES.get(number(first(self.attr(attr), 6)), "")

    def shape(self, attr: str) -> tuple[int, ...] | None:
        """The shape that an attr holds, -1 for what is not known; None where it has no rank, or there is none."""
        held = first(self.attr(attr), 7)
        return None if held is None else read_shape(inner(held))

    def constant(self) -> ReadConstant:
        """What a constant holds."""
        tensor = inner(first(self.attr("value"), 8))
        content = first(tensor, 4)
        return ReadConstant(
            TYPE_NAMES.get(number(first(tensor, 1)), ""),
            read_shape(inner(first(tensor, 2))),
            None if content is None else inner(content),
        )


@positional
class ReadConstant(Record):
    """The tensor of a constant: element type, shape, and its bytes where they stand in one piece."""

    dtype: str
    shape: tuple[int, ...] | None
    content: memoryview | None


def read_nodes(graph: memoryview) -> dict[str, ReadNode]:
    """The nodes of a GraphDef by their names.

    Raises:
        DamagedError: it is damaged, has two nodes of one name, or a node that reads what is not there.
    """
    nodes: dict[str, ReadNode] = {}
    for content in numbered(graph, 1):
        node = read_node(inner(content))
        if not node.name or not node.op:
            raise DamagedError(f"has a node without {'a name' if not node.name else 'an op'}")
        if node.name in nodes:
            raise DamagedError(f"has two nodes called `{node.name}`")
        nodes[node.name] = node
    for node in nodes.values():
        for read in node.inputs:
            if node_name(read) not in nodes:
                raise DamagedError(f"has a node `{node.name}` that reads `{read}`, which is not there")
    return nodes


def read_node(message: memoryview) -> ReadNode:
    """One node.

    Raises:
        DamagedError: the bytes are none.
    """
    name = op = ""
    inputs: list[str] = []
    for field, content in fields(message):
        if field == 1:
            name = text(content)
        elif field == 2:
            op = text(content)
        elif field == 3:
            inputs.append(text(content))
    return ReadNode(name, op, tuple(inputs), message)


def read_shape(shape: memoryview) -> tuple[int, ...] | None:
    """The dimensions of a TensorShapeProto, -1 for what is not known; None for an unknown rank.

    Raises:
        DamagedError: the bytes are none.
    """
    if number(first(shape, 3)):
        return None
    return tuple(number(first(inner(dim), 1)) for dim in numbered(shape, 2))


def node_name(tensor: str) -> str:
    """The node of a tensor as a node's input names it: ``^a`` and ``a:1`` are of ``a``."""
    return tensor.removeprefix("^").partition(":")[0]


def port_problems(
    nodes: dict[str, ReadNode], graph: Graph, inputs: dict[str, str], outputs: dict[str, str]
) -> Iterator[str]:
    """What keeps the nodes from having the inputs and outputs of a network.

    Args:
        nodes: what was read.
        graph: the network.
        inputs: name of an input -> its tensor (``images:0``).
        outputs: name of an output -> its tensor.
    """
    for name, tensor in graph.inputs.items():
        node = nodes.get(node_name(inputs[name]))
        if node is None or not node.op.startswith("Placeholder"):
            yield f"has no placeholder `{inputs[name]}` for the input `{name}`"
        elif node.type("dtype") != tensor.type.dtype.value or node.shape("shape") != open_dims(tensor):
            held = f"{node.type('dtype')}{list(node.shape('shape') or ())}"
            yield f"has the input `{name}` as {held}, not as {tensor.type}"
    for name in graph.outputs:
        if node_name(outputs[name]) not in nodes:
            yield f"has no node `{node_name(outputs[name])}` for the output `{name}`"


def variable_problems(nodes: dict[str, ReadNode], variables: Iterable[Variable], *, frozen: bool) -> Iterator[str]:
    """What keeps the nodes from having the variables of a network: as constants, or as what they are."""
    for variable in variables:
        problem = _constant_problem(nodes, variable) if frozen else _handle_problem(nodes, variable)
        if problem:
            yield problem


def _constant_problem(nodes: dict[str, ReadNode], variable: Variable) -> str:
    """What keeps a node from being the constant with a variable's numbers; "" for nothing."""
    node = nodes.get(variable.name)
    if node is None or node.op != "Const":
        return f"has no constant for the variable `{variable.name}`"
    held = node.constant()
    wanted = variable.tensor.type
    size = variable.size * wanted.dtype.size
    if held.dtype != wanted.dtype.value or held.shape != variable.shape:
        return f"has the variable `{variable.name}` as {held.dtype}{list(held.shape or ())}, not as {wanted}"
    if held.content is None or len(held.content) != size:
        found = 0 if held.content is None else len(held.content)
        return f"has {found:,} bytes for the variable `{variable.name}`, which has {size:,}"
    return ""


def _handle_problem(nodes: dict[str, ReadNode], variable: Variable) -> str:
    """What keeps a node from being the handle of a variable; "" for nothing."""
    node = nodes.get(variable.name)
    if node is None or node.op != "VarHandleOp":
        return f"has no variable `{variable.name}`"
    if node.type("dtype") != variable.tensor.type.dtype.value or node.shape("shape") != variable.shape:
        held = f"{node.type('dtype')}{list(node.shape('shape') or ())}"
        return f"has the variable `{variable.name}` as {held}, not as {variable.tensor.type}"
    return ""


def open_dims(tensor: Tensor) -> tuple[int, ...]:
    """The shape of a tensor as a GraphDef has it: -1 for what is not known."""
    return tuple(dim if isinstance(dim, int) else -1 for dim in tensor.type.shape)
