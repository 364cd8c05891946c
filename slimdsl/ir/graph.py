"""The graph: values, nodes and variables with their resolved names. Frozen; passes make new ones.

Names are TensorFlow's, because names are the contract: a node's name is that of the node that gives its result in the
emitted graph, a variable's name is the one in a checkpoint. A node with several results has tensors ``name:0``,
``name:1``, …; inputs and variables have one. Values and nodes compare by identity.
"""

from __future__ import annotations

from slimdsl.diagnostics.source import Span
from slimdsl.ops.base import Initializer, Op, Primitive, Regularizer
from slimdsl.types import Dim, TensorType
from slimdsl.values import Record, Value, field, positional, value


@positional
class Tensor(Record):
    """A tensor: the result `index` of the node, input or variable called `node`. `span` is what it comes from."""

    node: str
    index: int
    type: TensorType
    span: Span | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"the tensor {self.type}"

    @property
    def name(self) -> str:
        """The name of the tensor in TensorFlow: ``conv1/Relu:0``."""
        return f"{self.node}:{self.index}"


@positional
class Node(Record):
    """An application of a primitive; `scope` is the variable scope of the layer that it belongs to."""

    name: str
    op: Primitive
    inputs: tuple[Tensor, ...]
    results: tuple[Tensor, ...]
    scope: str
    span: Span | None = field(default=None, repr=False)


@positional
class Variable(Record):
    """A variable: what a checkpoint holds under `name`, and the tensor that reads it."""

    name: str
    tensor: Tensor
    initializer: Initializer
    regularizer: Regularizer | None
    trainable: bool
    scope: str
    span: Span | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape; the dimensions of a variable are always known."""
        return tuple(dim for dim in self.tensor.type.shape if isinstance(dim, int))

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for dim in self.shape:
            count *= dim
        return count


@positional
class Update(Record):
    """In the training graph, the variable takes the tensor's value after each step."""

    variable: Variable
    new_value: Tensor


@positional
class Origin(Value):
    """Where an argument was set: in the call, or by a `with`."""

    span: Span
    by_with: bool


@positional
class AppliedOp(Value):
    """An op with all its arguments, and where those that are not defaults were set."""

    op: Op
    origins: dict[str, Origin]


@value
class LayerRecord(Value):
    """One layer as it was written, for `summary`, `explain` and error messages: where it stands and what it came to.

    Attributes:
        scope: its scope path (for an op without a scope, the name of its node).
        op: the spelling of the op in the language.
        result: its result.
        first_node, end_node: its nodes are ``graph.nodes[first_node:end_node]``.
        first_variable, end_variable: its variables, likewise.
        span: where it was written.
        applied: the op itself, and those in its arguments, such as a normaliser; empty for a merge.
        chain: the repeats and calls that led to it, innermost first.
    """

    scope: str
    op: str
    result: Tensor
    first_node: int
    end_node: int
    first_variable: int
    end_variable: int
    span: Span | None = field(default=None, repr=False, compare=False)
    applied: tuple[AppliedOp, ...] = field(default=(), repr=False, compare=False)
    chain: tuple[tuple[str, Span], ...] = field(default=(), repr=False, compare=False)


@positional
class Graph(Record):
    """A network.

    Attributes:
        name: the net's name.
        inputs: name -> tensor, in the order they were declared.
        variables: in the order they were made, as TF-Slim's.
        nodes: in an order in which every node comes after its inputs.
        outputs: name -> tensor.
        end_points: scope path -> the last tensor that was made in that scope.
        updates: what the training graph changes besides the trained variables.
        layers: what was written, in order.
        training: True for the training graph.
    """

    name: str
    inputs: dict[str, Tensor]
    variables: tuple[Variable, ...]
    nodes: tuple[Node, ...]
    outputs: dict[str, Tensor]
    end_points: dict[str, Tensor]
    updates: tuple[Update, ...] = ()
    layers: tuple[LayerRecord, ...] = ()
    training: bool = False

    def parameter_count(self, *, trainable_only: bool = False) -> int:
        """Number of elements of all variables, or of the trained ones."""
        return sum(v.size for v in self.variables if v.trainable or not trainable_only)


def node_macs(node: Node) -> Dim:
    """Multiply-accumulate operations of a node; symbolic where its shape is."""
    return node.op.macs(tuple(tensor.type for tensor in node.inputs), node.results[0].type)
