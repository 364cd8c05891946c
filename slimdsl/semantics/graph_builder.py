"""Builds the graph: what `ops.base.Builder` promises to layers, and the records of layers and end points.

Knows scopes, defaults and the graph; not the tree. `ShapeError` and `ArgumentError` pass through to the statements,
which know the places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import (
    AppliedOp,
    Graph,
    LayerRecord,
    Node,
    Origin,
    Tensor,
    Update,
    Variable,
    node_macs,
)
from slimdsl.ops.arguments import argument_specs
from slimdsl.ops.base import Applicable, Initializer, Layer, LayerValue, Op, Operand, Primitive, Regularizer, ShapeError
from slimdsl.ops.initializers import shape_problem
from slimdsl.semantics.defaults import Defaults
from slimdsl.semantics.scopes import ScopeNames, join, prefixes
from slimdsl.semantics.values import Unknown
from slimdsl.types import Dim, DType, TensorType, shape_text

MAX_ELEMENTS = 2**63 - 1
MAX_VARIABLE_BYTES = 2**40


class Reported(Exception):
    """A block in an argument failed; what is wrong was reported where it is."""


class GraphBuilder:
    """The graph under construction; implements `ops.base.Builder`."""

    def __init__(self, root: str, *, training: bool) -> None:
        self.root = root
        self.scope = root
        self.training = training
        self.names = ScopeNames()
        self.defaults = Defaults()
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        self.variables: list[Variable] = []
        self.nodes: list[Node] = []
        self.updates: list[Update] = []
        self.layers: list[LayerRecord] = []
        self._applied: list[AppliedOp] = []
        self._sharing: list[tuple[str, str]] = []
        self._variable_names: set[str] = set()
        self._macs: Dim = 0
        self._counted = 0
        self.parameter_count = 0
        self._end_points: dict[str, Tensor] = {}
        self._by_tensor: dict[Tensor, Variable] = {}
        self._span: Span | None = None
        self.apply_other: Callable[[Applicable, Tensor, Span], object] | None = None
        self.count_node: Callable[[Span | None], None] = _count_nothing

    def variable(
        self,
        leaf: str,
        shape: tuple[Dim, ...],
        *,
        initializer: Initializer,
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        dtype: DType = DType.FLOAT32,
    ) -> Tensor:
        """Make the variable ``<scope>/<leaf>``; see `ops.base.Builder`."""
        name = join(self.scope, leaf)
        shared = self._shared(name, shape)
        if shared is not None:
            return shared
        count = dtype.size
        for dim in shape:
            if not isinstance(dim, int):
                raise ShapeError(
                    f"the variable `{leaf}` would have the shape {shape_text(shape)}, and `{dim}` is not known",
                    operand=0,
                    help="give the input a number for that size",
                )
            count *= dim
        if count > MAX_VARIABLE_BYTES:
            raise ShapeError(f"the variable `{leaf}` would have the shape {shape_text(shape)}: {count:,} bytes")
        problem = shape_problem(initializer, tuple(dim for dim in shape if isinstance(dim, int)))
        if problem:
            raise ShapeError(f"the variable `{leaf}` has the shape {shape_text(shape)}: {problem}")
        if name in self._variable_names:
            raise ShapeError(
                f"the variable `{name}` exists already", help="give the layer a scope of its own with `as`"
            )
        self._variable_names.add(name)
        # A name that a scope or a node has already gets a number, as in TensorFlow: `weights/weights_1`.
        name = self.names.node(name)
        tensor = Tensor(name, 0, TensorType(dtype=dtype, shape=shape), self._span)
        variable = Variable(name, tensor, initializer, regularizer, trainable, self.scope, self._span)
        self.variables.append(variable)
        self.parameter_count += variable.size
        self._by_tensor[tensor] = variable
        return tensor

    def _shared(self, name: str, shape: tuple[Dim, ...]) -> Tensor | None:
        """The variable of another layer that is to be used under this name; None where none is shared."""
        for scope, owner in reversed(self._sharing):
            if name.startswith(f"{scope}/"):
                wanted = owner + name[len(scope) :]
                variable = next((known for known in self.variables if known.name == wanted), None)
                if variable is None:
                    raise ShapeError(f"there is no variable `{wanted}` to share")
                if variable.tensor.type.shape != shape:
                    found, needed = shape_text(variable.tensor.type.shape), shape_text(shape)
                    raise ShapeError(f"the variable `{wanted}` has the shape {found}, and {needed} is needed")
                return variable.tensor
        return None

    @contextmanager
    def sharing(self, scope: str, owner: str) -> Iterator[None]:
        """Variables made below `scope` inside are those of the same names below `owner`."""
        self._sharing.append((scope, owner))
        try:
            yield
        finally:
            self._sharing.pop()

    def emit(self, op: Primitive, *inputs: Operand, name: str | None = None) -> Tensor:
        """Add a node below the scope; see `ops.base.Builder`."""
        return self.emit_all(op, *inputs, name=name)[0]

    def emit_all(self, op: Primitive, *inputs: Operand, name: str | None = None) -> tuple[Tensor, ...]:
        """Add a node below the scope; see `ops.base.Builder`."""
        return self._add(op, inputs, join(self.scope, name or op.node_name))

    def add(self, op: Primitive, inputs: tuple[Tensor, ...], wanted: str, span: Span) -> Tensor:
        """Add a node with a name of its own, made unique; return its first result.

        Raises:
            ShapeError: the types do not fit.
        """
        self._span = span
        return self._add(op, inputs, wanted)[0]

    def _add(self, op: Primitive, inputs: tuple[Operand, ...], wanted: str) -> tuple[Tensor, ...]:
        types = op.infer_all(*(operand.type for operand in inputs))
        for kind in types:
            _check_size(kind)
        self.count_node(self._span)
        name = self.names.node(wanted)
        results = tuple(Tensor(name, index, kind, self._span) for index, kind in enumerate(types))
        tensors = tuple(operand for operand in inputs if isinstance(operand, Tensor))
        self.nodes.append(Node(name, op, tensors, results, self.scope, self._span))
        return results

    def layer(self, layer: Applicable, x: Operand) -> Tensor:
        """Apply a layer value in this scope, with the defaults that hold here; see `ops.base.Builder`."""
        if not isinstance(layer, LayerValue):
            return self._other(layer, x)
        missing = self.missing(layer.op, dict(layer.arguments))
        if missing:
            name = layer.op.name
            raise ShapeError(f"applies `{name}`, which needs `{missing}`", help=f"write `{name}({missing}=…)`")
        if self.unknown(layer.op, dict(layer.arguments)):
            raise Reported
        applied = self.instantiate(layer.op, dict(layer.arguments), {})
        self._applied.append(applied)
        op = applied.op
        if isinstance(op, Primitive):
            return self.emit(op, x)
        if self._as_layer(op).passes_on and isinstance(x, Tensor):
            return x
        with self.inside(self.names.default_scope(self.scope, layer.op.scope_for(x.type))):
            return self._build(op, x)

    def _other(self, block: Applicable, x: Operand) -> Tensor:
        """Apply a block that stands in an argument."""
        span = self._span
        if self.apply_other is None or not isinstance(x, Tensor) or span is None:
            raise TypeError(f"{block} cannot be applied here")
        result = self.apply_other(block, x, span)
        self._span = span
        if not isinstance(result, Tensor):
            raise Reported
        return result

    def update(self, variable: Operand, new_value: Operand) -> None:
        """Record what a variable becomes after a step; see `ops.base.Builder`."""
        if isinstance(variable, Tensor) and isinstance(new_value, Tensor):
            self.updates.append(Update(self._by_tensor[variable], new_value))

    def missing(self, op: type[Op], given: Mapping[str, object]) -> str:
        """The first argument that has no default and was set nowhere; empty where there is none."""
        defaults = self.defaults.for_op(op)
        unset = (s.name for s in argument_specs(op).values() if s.required and s.name not in {**defaults, **given})
        return next(unset, "")

    def unknown(self, op: type[Op], given: Mapping[str, object]) -> bool:
        """True where a `with` that could not be worked out sets an argument."""
        defaults = self.defaults.for_op(op)
        return any(isinstance(default.value, Unknown) for name, default in defaults.items() if name not in given)

    def instantiate(self, op: type[Op], given: Mapping[str, object], spans: Mapping[str, Span]) -> AppliedOp:
        """The op with its arguments: as given, at these places, else from a `with`, else the default.

        Raises:
            ArgumentError: the op's own check of its arguments together fails.
        """
        defaults = self.defaults.for_op(op)
        specs = argument_specs(op)
        inherited = {name: default for name, default in defaults.items() if name not in given and name in specs}
        origins = {name: Origin(default.span, True) for name, default in inherited.items()}
        origins.update({name: Origin(span, False) for name, span in spans.items() if name in given})
        return AppliedOp(op(**{name: default.value for name, default in inherited.items()}, **given), origins)

    @contextmanager
    def inside(self, scope: str) -> Iterator[None]:
        """Everything made inside stands under this scope."""
        outer = self.scope
        self.scope = scope
        try:
            yield
        finally:
            self.scope = outer

    def place(
        self, applied: AppliedOp, x: Tensor, path: str | None, span: Span, chain: tuple[tuple[str, Span], ...] = ()
    ) -> Tensor:
        """Add a layer as a statement wrote it.

        Args:
            applied: the op with all its arguments.
            x: the current tensor.
            path: the scope as `as` gave it, already open; None for the default.
            span: the place of the statement, for messages.
            chain: the repeats and calls that led to it, innermost first.

        Raises:
            ShapeError: the types do not fit.
            Reported: a block among the arguments failed.
        """
        op = applied.op
        if isinstance(op, Layer) and op.passes_on:
            return x
        self._applied = [applied]
        first_node, first_variable = len(self.nodes), len(self.variables)
        self._span = span
        if isinstance(op, Primitive):
            result = self._add(op, (x,), path or join(self.scope, op.node_name))[0]
            scope = result.node
        else:
            scope = path or self.names.default_scope(self.scope, type(op).scope_for(x.type))
            with self.inside(scope):
                result = self._build(op, x)
        self.record(op.name, scope, result, first_node, span, first_variable, tuple(self._applied), chain)
        return result

    def record(
        self,
        op: str,
        scope: str,
        result: Tensor,
        first_node: int,
        span: Span,
        first_variable: int | None = None,
        applied: tuple[AppliedOp, ...] = (),
        chain: tuple[tuple[str, Span], ...] = (),
    ) -> None:
        """Record what was written as a layer: its nodes from `first_node` on, and its end point."""
        end_variable = len(self.variables)
        self.layers.append(
            LayerRecord(
                scope=scope,
                op=op,
                result=result,
                first_node=first_node,
                end_node=len(self.nodes),
                first_variable=end_variable if first_variable is None else first_variable,
                end_variable=end_variable,
                span=span,
                applied=applied,
                chain=chain,
            )
        )
        self.mark_end_point(scope, result)

    def mark_end_point(self, scope: str, result: Tensor) -> None:
        """The scope and those around it have this tensor as the last that was made in them."""
        for path in prefixes(scope, self.root):
            self._end_points[path] = result

    def end_point(self, path: str) -> Tensor | None:
        """The last tensor made in a scope so far, given relative to the open one; None where there is none."""
        return self._end_points.get(join(self.scope, path))

    @staticmethod
    def _as_layer(op: Op) -> Layer:
        if not isinstance(op, Layer):
            raise TypeError(f"{op.name} is neither a primitive nor a layer")
        return op

    def _build(self, op: Op, x: Operand) -> Tensor:
        layer = self._as_layer(op)
        if layer.reserves_scope_name:
            self.names.take(f"{self.scope}/{self.scope.rpartition('/')[2].lower()}")
        result = layer.build(self, x)
        if not isinstance(result, Tensor):
            raise TypeError(f"{op.name} built something that is not a tensor of this graph")
        return result

    def macs(self) -> Dim:
        """Multiply-accumulate operations of what was built so far."""
        for node in self.nodes[self._counted :]:
            self._macs = self._macs + node_macs(node)
        self._counted = len(self.nodes)
        return self._macs

    def finish(self, name: str) -> Graph:
        """The graph as it stands."""
        return Graph(
            name=name,
            inputs=dict(self.inputs),
            variables=tuple(self.variables),
            nodes=tuple(self.nodes),
            outputs=dict(self.outputs),
            end_points=dict(self._end_points),
            updates=tuple(self.updates),
            layers=tuple(self.layers),
            training=self.training,
        )


def _count_nothing(_: Span | None) -> None:
    """Before there is a limit."""


def _check_size(kind: TensorType) -> None:
    """Refuse a tensor with more elements than can be counted in 64 bits.

    Raises:
        ShapeError: it has.
    """
    if math.prod(dim for dim in kind.shape if isinstance(dim, int)) > MAX_ELEMENTS:
        raise ShapeError(f"the result {shape_text(kind.shape)} has more than 2^63 elements")
