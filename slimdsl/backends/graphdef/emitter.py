"""Graph to GraphDef: inputs and variables here, every other node by its lowering.

Two forms: `frozen`, where each variable is a constant under its name, and `graphdef`, where it is a resource variable
with an op that initialises it. One flat graph without functions, device strings or hidden attrs; the order of the nodes
is that of the graph, so the same graph gives the same bytes. Must not know the language, files or TensorFlow itself.
"""

from __future__ import annotations

from typing import Any, Literal

from slimdsl.backends.graphdef.emission import (
    Emission,
    WeightSlot,
    node_field,
    version_field,
    weight_slot,
)
from slimdsl.backends.graphdef.lower.initializers import lower_initializer
from slimdsl.backends.graphdef.lower.regularizers import lower_regularization
from slimdsl.backends.graphdef.lower.table import LOWERINGS, Lowering
from slimdsl.backends.graphdef.node_writer import EmitterError, NodeWriter
from slimdsl.ir.graph import Graph, Node, Tensor, Variable
from slimdsl.ir.verify import verify
from slimdsl.ops.base import Primitive
from slimdsl.types import TensorType

Form = Literal["frozen", "graphdef"]


def emit(graph: Graph, *, form: Form, seed: int, store_weights: bool = False) -> Emission:
    """Emit a graph.

    Args:
        graph: the network.
        form: ``frozen`` or ``graphdef``.
        seed: an integer from 0 to 2^64 - 1 that all random ops and initialisers of the graph start from.
        store_weights: in the form `graphdef`, initialise variables from stored numbers instead of drawing them. A
            frozen graph always stores them.

    Returns:
        The encoded nodes, with a slot for the numbers of each variable where they are stored.

    Raises:
        EmitterError: a fault of the compiler, such as a primitive without a lowering.
        InvalidGraph: a fault of the compiler: the graph breaks a rule of `ir.verify`.
    """
    verify(graph)
    emitter = GraphEmitter(graph, form, seed, store_weights)
    emitter.add_nodes()
    return emitter.emission()


class GraphEmitter:
    """The state of one emission: the writer and what every tensor of the graph is called in the result.

    Formats that hold more than the bare graph add their nodes to `out` between `add_nodes` and `emission`.

    Args:
        graph: the network, which has been verified.
        form: as for `emit`.
        seed: as for `emit`.
        store_weights: as for `emit`.
        out: where the nodes go; None for a writer of its own.

    Attributes:
        out: the writer.
        refs: (node, index) of a tensor of the graph -> what it is called.
        handles: name of the variable -> the tensor with its resource.
        assignments: the node that initialises each variable, in the order of the variables.
        first_values: the tensor that it initialises it with, likewise.
        init: as in `Emission`, once the nodes are there.
        update_ops: likewise.
        penalty: the tensor with the sum of all penalties; "" where there are none.
    """

    def __init__(
        self, graph: Graph, form: Form, seed: int, store_weights: bool = False, out: NodeWriter | None = None
    ) -> None:
        self.graph = graph
        self.form = form
        self.seed = seed
        self.store_weights = store_weights
        reserved = [*graph.inputs, *(variable.name for variable in graph.variables), *(n.name for n in graph.nodes)]
        self.out = out or NodeWriter(training=graph.training, seed=seed, reserved=reserved)
        self.refs: dict[tuple[str, int], str] = {}
        self.handles: dict[str, str] = {}
        self.assignments: list[str] = []
        self.first_values: list[str] = []
        self.init = self.update_ops = self.penalty = ""

    def add_nodes(self) -> None:
        """Add the nodes of the graph, in the order in which they stand in the file."""
        graph = self.graph
        for name, tensor in graph.inputs.items():
            self._bind(tensor, self.add_input(name, tensor))
        for variable in graph.variables:
            self._bind(variable.tensor, self.add_variable(variable))
        lowerings = {lowering.op_class: lowering for lowering in LOWERINGS}
        for node in graph.nodes:
            self._lower(node, lowerings)
        if self.form == "graphdef":
            self.add_frame()
        if graph.training:
            reads = [(v, self.refs[v.tensor.node, v.tensor.index]) for v in graph.variables]
            self.penalty = lower_regularization(reads, self.out) or ""

    def add_input(self, name: str, tensor: Tensor) -> str:
        """The placeholder of an input; returns the tensor."""
        return self.out.node("Placeholder", name, dtype=tensor.type.dtype, shape=open_shape(tensor.type))

    def add_variable(self, variable: Variable) -> str:
        """A variable as the form has it; returns the tensor that reads it."""
        return self._constant(variable.name, variable) if self.form == "frozen" else self._variable(variable)

    def add_frame(self) -> None:
        """The ops that are run beside the network: `init`, and the updates of a training graph."""
        self.init = self.out.node("NoOp", self.out.unique("init"), [f"^{name}" for name in self.assignments])
        if self.graph.updates:
            controls = [f"^{name}" for name in self.add_updates()]
            self.update_ops = self.out.node("NoOp", self.out.unique("update_ops"), controls)

    def add_updates(self) -> list[str]:
        """The nodes that make every update of the training graph."""
        assignments = []
        for update in self.graph.updates:
            name, dtype = update.variable.name, update.variable.tensor.type.dtype
            inputs = [self.handles[name], self.refs[update.new_value.node, update.new_value.index]]
            assign = self.out.unique(f"{name}/AssignNewValue")
            assignments.append(self.out.node("AssignVariableOp", assign, inputs, dtype=dtype))
        return assignments

    def emission(self) -> Emission:
        """All nodes that have been added, encoded."""
        graph, out = self.graph, self.out
        pieces = [node if isinstance(node, WeightSlot) else node_field(node) for node in out.nodes]
        return Emission(
            form=self.form,
            pieces=(*pieces, version_field()),
            node_count=len(pieces),
            inputs={name: self.tensor_name(tensor) for name, tensor in graph.inputs.items()},
            outputs={name: self.tensor_name(tensor) for name, tensor in graph.outputs.items()},
            variables={v.name: self.tensor_name(v.tensor) for v in graph.variables},
            init=self.init,
            update_ops=self.update_ops,
            regularization_loss=full_name(self.penalty) if self.penalty else "",
            random_seed=full_name(out.random_seed_name) if out.random_seed_name else "",
            training_step=full_name(out.training_step_name) if out.training_step_name else "",
        )

    def tensor_name(self, tensor: Tensor) -> str:
        """What a tensor of the graph is called in the result, with its index."""
        return full_name(self.refs[tensor.node, tensor.index])

    def _bind(self, tensor: Tensor, ref: str) -> None:
        self.refs[tensor.node, tensor.index] = ref

    def _constant(self, name: str, variable: Variable) -> str:
        """A constant with the variable's numbers, which are filled in when the file is written."""
        return self.out.adopt(name, variable.tensor.type.dtype, weight_slot(name, variable))

    def _variable(self, variable: Variable) -> str:
        """A resource variable with its assignment, named as TensorFlow names them; returns the tensor that reads it."""
        out, name, dtype = self.out, variable.name, variable.tensor.type.dtype
        handle = out.node("VarHandleOp", name, shared_name=name, dtype=dtype, shape=variable.shape)
        self.handles[name] = handle
        if self.store_weights:
            first = self._constant(out.unique(f"{name}/Initializer/value"), variable)
        else:
            first = lower_initializer(variable.initializer, variable, self.seed, out)
        self.first_values.append(first)
        out.node("VarIsInitializedOp", out.unique(f"{name}/IsInitialized/VarIsInitializedOp"), [handle])
        self.assignments.append(
            out.node("AssignVariableOp", out.unique(f"{name}/Assign"), [handle, first], dtype=dtype)
        )
        return out.node("ReadVariableOp", out.unique(f"{name}/Read/ReadVariableOp"), [handle], dtype=dtype)

    def _lower(self, node: Node, lowerings: dict[type[Primitive], Lowering[Any]]) -> None:
        lowering = lowerings.get(type(node.op))
        if lowering is None:
            raise EmitterError(f"node `{node.name}`: {type(node.op).__name__} has no lowering")
        inputs = [self.refs[tensor.node, tensor.index] for tensor in node.inputs]
        named = lowering.function(node, node.op, inputs, self.out)
        if len(named) != len(node.results):
            raise EmitterError(f"node `{node.name}`: its lowering gives {len(named)} results, not {len(node.results)}")
        for tensor, ref in zip(node.results, named, strict=True):
            actual = self.out.tensor_type(ref)
            if actual != tensor.type.dtype.value:
                raise EmitterError(f"node `{node.name}`: its lowering gives {actual}, not {tensor.type.dtype.value}")
            self._bind(tensor, ref)
        if full_name(named[0]) != f"{node.name}:0":
            raise EmitterError(f"node `{node.name}`: its lowering calls the result `{named[0]}`")


def open_shape(type: TensorType) -> tuple[int | None, ...]:
    """The shape as TensorFlow has it: None for every dimension that is not known."""
    return tuple(dim if isinstance(dim, int) else None for dim in type.shape)


def full_name(ref: str) -> str:
    """The name of a tensor with its index: ``conv1/Relu:0``."""
    return ref if ":" in ref else f"{ref}:0"


__all__ = ["Emission", "Form", "GraphEmitter", "emit"]
