"""Steps of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.recurrent import GruStep, LstmStep, Unstack
from slimdsl.types import DType


def lower_unstack(node: Node, op: Unstack, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Unpack."""
    count = len(node.results)
    name = out.node("Unpack", node.name, inputs, T=node.inputs[0].type.dtype, num=count, axis=op.axis)
    return tuple(f"{name}:{place}" for place in range(count))


class _Cell:
    """The nodes of one step, below its name."""

    def __init__(self, node: Node, out: NodeWriter) -> None:
        self._name, self._out = node.name, out
        self.dtype = node.inputs[0].type.dtype

    def apply(self, operation: str, *inputs: str, **attrs: object) -> str:
        """A node called like its op."""
        return self._out.node(operation, self._out.unique(f"{self._name}/{operation}"), inputs, T=self.dtype, **attrs)

    def result(self, operation: str, *inputs: str) -> str:
        """The node that is called as the step."""
        return self._out.node(operation, self._name, inputs, T=self.dtype)

    def number(self, label: str, number: float) -> str:
        """A scalar."""
        return self._out.const(self._out.unique(f"{self._name}/{label}"), number, self.dtype)

    def product(self, left: str, right: str) -> str:
        """A matrix product."""
        return self.apply("MatMul", left, right, transpose_a=False, transpose_b=False)

    def split(self, tensor: str, count: int) -> list[str]:
        """Equal parts along the channels."""
        return self._parts(tensor, 1, count)

    def split_vector(self, tensor: str, count: int) -> list[str]:
        """Equal parts of a vector."""
        return self._parts(tensor, 0, count)

    def _parts(self, tensor: str, axis: int, count: int) -> list[str]:
        dim = self._out.const(self._out.unique(f"{self._name}/split_dim"), axis, DType.INT32)
        parts = self.apply("Split", dim, tensor, num_split=count)
        return [f"{parts}:{place}" for place in range(count)]

    def first_columns(self, tensor: str, start: int, size: int) -> str:
        """Columns of a matrix."""
        begin = self._out.const(self._out.unique(f"{self._name}/begin"), (0, start), DType.INT32, (2,))
        sizes = self._out.const(self._out.unique(f"{self._name}/size"), (-1, size), DType.INT32, (2,))
        return self.apply("Slice", tensor, begin, sizes, Index=DType.INT32)


def lower_lstm_step(node: Node, op: LstmStep, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """The cell is sigmoid(forget) · cell + sigmoid(enter) · tanh(new), the state sigmoid(leave) · tanh(cell)."""
    cell = _Cell(node, out)
    x, *carried = inputs
    before = ""
    if carried:
        state, before, weights = carried
        x = cell.apply("AddV2", x, cell.product(state, weights))
    enter, forget, new, leave = cell.split(x, 4)
    added = cell.apply("Mul", cell.apply("Sigmoid", enter), cell.apply("Tanh", new))
    if before:
        if op.forget_bias:
            forget = cell.apply("AddV2", forget, cell.number("forget_bias", op.forget_bias))
        added = cell.apply("AddV2", cell.apply("Mul", cell.apply("Sigmoid", forget), before), added)
    state = cell.apply("Mul", cell.apply("Sigmoid", leave), cell.apply("Tanh", added))
    # One node with both results, so that the cell has the name that the graph gives it.
    out.node("IdentityN", node.name, [state, added], T=[cell.dtype, cell.dtype])
    return (node.name, f"{node.name}:1")


def lower_gru_step(node: Node, op: GruStep, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """The state is update · state + (1 - update) · new; the reset gate acts on state · weights, or on the state."""
    cell = _Cell(node, out)
    x, *carried = inputs
    update, reset, new = cell.split(x, 3)
    if len(carried) < 2:
        return (_first_gru_step(cell, (update, reset, new), carried),)
    state, weights, *biases = carried
    if op.reset_after:
        product = cell.product(state, weights)
        if biases:
            product = cell.apply("BiasAdd", product, biases[0], data_format="NHWC")
        from_update, from_reset, from_new = cell.split(product, 3)
    else:
        gates = cell.product(state, cell.first_columns(weights, 0, 2 * op.units))
        from_update, from_reset = cell.split(gates, 2)
    z = cell.apply("Sigmoid", cell.apply("AddV2", update, from_update))
    r = cell.apply("Sigmoid", cell.apply("AddV2", reset, from_reset))
    if op.reset_after:
        from_new = cell.apply("Mul", r, from_new)
    else:
        from_new = cell.product(cell.apply("Mul", r, state), cell.first_columns(weights, 2 * op.units, op.units))
    n = cell.apply("Tanh", cell.apply("AddV2", new, from_new))
    rest = cell.apply("Mul", cell.apply("Sub", cell.number("one", 1.0), z), n)
    return (cell.result("AddV2", cell.apply("Mul", z, state), rest),)


def _first_gru_step(cell: _Cell, parts: tuple[str, str, str], biases: Sequence[str]) -> str:
    """The step from h = 0, in which only the recurrent biases are left of the product."""
    update, reset, new = parts
    if biases:
        of_update, of_reset, of_new = cell.split_vector(biases[0], 3)
        update = cell.apply("AddV2", update, of_update)
        r = cell.apply("Sigmoid", cell.apply("AddV2", reset, of_reset))
        new = cell.apply("AddV2", new, cell.apply("Mul", r, of_new))
    rest = cell.apply("Sub", cell.number("one", 1.0), cell.apply("Sigmoid", update))
    return cell.result("Mul", rest, cell.apply("Tanh", new))
