"""What a net has to the outside: inputs, outputs and heads."""

from __future__ import annotations

import math

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Tensor
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.graph_builder import MAX_ELEMENTS, GraphBuilder
from slimdsl.semantics.outputs import output_from_with
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scopes import RESERVED
from slimdsl.semantics.values import UNKNOWN, Unknown, kind_of
from slimdsl.syntax import tree
from slimdsl.types import DTYPES, Dim, SymbolicDim, TensorType, shape_text

MAX_RANK = 32


class Ports:
    """Makes the inputs and outputs of one net."""

    def __init__(self, reporter: Reporter, builder: GraphBuilder, evaluator: Evaluator) -> None:
        self._reporter = reporter
        self._builder = builder
        self._evaluator = evaluator
        self._outputs_at: dict[str, Span] = {}

    @property
    def has_outputs(self) -> bool:
        """True once an output was made, whether or not its tensor is known."""
        return bool(self._outputs_at)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The outputs that were made so far, whether or not their tensors are known."""
        return tuple(self._outputs_at)

    def input(self, statement: tree.InputStmt, environment: Environment) -> object:
        """The tensor of an input, bound to its name; UNKNOWN where something was reported."""
        if statement.name.startswith("_"):
            message = f"`{statement.name}` cannot be an input: TensorFlow's names begin with a letter or a digit"
            self._reporter.report("E0208", message, statement.name_span)
        dtype = DTYPES.get(statement.dtype)
        if dtype is None:
            help = self._reporter.did_you_mean(statement.dtype, DTYPES) or f"the element types are {', '.join(DTYPES)}"
            message = f"unknown element type `{statement.dtype}`"
            self._reporter.report("E0201", message, statement.dtype_span, help=help)
        dims = [self._dim(dim, environment) for dim in statement.dims]
        shape = tuple(dim for dim in dims if not isinstance(dim, Unknown))
        value: object = UNKNOWN
        if len(dims) > MAX_RANK:
            message = f"an input has at most {MAX_RANK} dimensions, not {len(dims)}"
            self._reporter.report("E0403", message, statement.span)
        elif math.prod(dim for dim in shape if isinstance(dim, int)) > MAX_ELEMENTS:
            message = f"the input {shape_text(shape)} has more than 2^63 elements"
            self._reporter.report("E0403", message, statement.span)
        elif dtype is not None and len(shape) == len(dims):
            value = Tensor(statement.name, 0, TensorType(dtype=dtype, shape=shape), statement.span)
        earlier = environment.bind(statement.name, value, statement.name_span)
        if earlier is not None:
            labels = (Label(earlier.span, "bound here first"),)
            message = f"`{statement.name}` is bound already"
            self._reporter.report("E0206", message, statement.name_span, labels=labels)
        elif statement.name in RESERVED or not self._builder.names.take(statement.name):
            reason = "is a name that the graph needs itself" if statement.name in RESERVED else "is taken already"
            self._reporter.report("E0206", f"the input name `{statement.name}` {reason}", statement.name_span)
        elif isinstance(value, Tensor):
            self._builder.inputs[statement.name] = value
        return value

    def output(self, statement: tree.OutputStmt, current: object, environment: Environment) -> None:
        """Make an output of the current tensor, or of the one that is written."""
        given = current
        if statement.value is not None:
            given = self._evaluator.value(statement.value, environment)
            if not isinstance(given, (Tensor, Unknown)):
                message = f"the output `{statement.name}` must be a tensor, not {kind_of(given)}"
                self._reporter.report("E0302", message, statement.value.span)
                given = UNKNOWN
        elif given is None:
            message = f"there is no tensor for the output `{statement.name}`: no `input` stands before it"
            self._reporter.report("E0205", message, statement.span)
            given = UNKNOWN
        self.make(statement.name, statement.name_span, given, environment)

    def make(self, name: str, name_span: Span, given: object, environment: Environment) -> None:
        """Make a tensor an output under a name, which names it from there on."""
        earlier = self._outputs_at.get(name)
        if earlier is not None:
            labels = (Label(earlier, "first here"),)
            self._reporter.report("E0206", f"there are two outputs called `{name}`", name_span, labels=labels)
            return
        self._outputs_at[name] = name_span
        environment.bind(name, given, name_span)
        if isinstance(given, Tensor):
            self._builder.outputs[name] = given
            output_from_with(name, given, self._builder, self._reporter)

    def _dim(self, node: tree.Expr, environment: Environment) -> Dim | Unknown:
        if isinstance(node, tree.NameExpr) and environment.find(node.name) is None:
            symbol = SymbolicDim.named(node.name)
            environment.bind(node.name, symbol, node.span)
            return symbol
        given = self._evaluator.value(node, environment)
        if isinstance(given, (Unknown, SymbolicDim)):
            return given
        if not isinstance(given, int) or isinstance(given, bool):
            message = f"a dimension must be an integer or a name, not {kind_of(given)}"
            self._reporter.report("E0302", message, node.span)
            return UNKNOWN
        if not 1 <= given < 2**31:
            wanted = "at least 1" if given < 1 else "below 2,147,483,648"
            self._reporter.report("E0403", f"a dimension must be {wanted}, not {given}", node.span)
            return UNKNOWN
        return given
