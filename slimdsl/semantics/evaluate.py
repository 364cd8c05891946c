"""Expressions to values.

An expression is evaluated with the kind of the argument it is for, where there is one: so `same` is a word of
`padding`, and `identity` an initialiser in one place and a layer in another. Pipelines make nodes, through the `Flow`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Tensor
from slimdsl.ops.arguments import ArgumentError, Kernel, Kind, argument_specs
from slimdsl.ops.base import Initializer, LayerValue, Op, Regularizer
from slimdsl.recipe.base import RecipeOp
from slimdsl.semantics.arithmetic import binary, bounded, entry_count
from slimdsl.semantics.builtins import BUILTIN_NAMES, Builtin
from slimdsl.semantics.call import bind_arguments, bind_params, param_values
from slimdsl.semantics.callables import BlockValue, FunctionValue
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.limits import MAX_LAYERS_WITHIN, Limits
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.tables import INITIALIZER_NAMES, LAYERS, REGULARIZER_NAMES, is_word
from slimdsl.semantics.values import UNDECIDED, UNKNOWN, Quotient, Undecided, Unknown, kind_of
from slimdsl.syntax import tree
from slimdsl.types import SymbolicDim


class Flow(Protocol):
    """What runs the stages of a pipeline, and knows the current tensor."""

    @property
    def current(self) -> object:
        """The current tensor; None before the first input, UNKNOWN where something was reported."""
        ...

    def stage(self, stage: tree.Stage, x: object, environment: Environment) -> object:
        """The result of a stage applied to a tensor; UNKNOWN where something was reported."""
        ...


class Evaluator:
    """Evaluates the expressions of one analysis."""

    def __init__(self, reporter: Reporter, builder: GraphBuilder, flow: Flow, limits: Limits) -> None:
        self._reporter = reporter
        self._builder = builder
        self._flow = flow
        self._limits = limits
        self.tables: Mapping[str, Mapping[str, type[RecipeOp]]] = {}
        """More tables that a `Kind` may ask for, those of training; empty where nothing is trained."""

    def value(self, node: tree.Expr, environment: Environment, kind: Kind | None = None) -> object:
        """The value of an expression; UNKNOWN where something was reported."""
        if isinstance(node, (tree.IntLit, tree.FloatLit, tree.BoolLit)):
            return node.value
        if isinstance(node, tree.NoneLit):
            return None
        if isinstance(node, tree.KernelLit):
            return Kernel(node.sizes)
        if isinstance(node, tree.NameExpr):
            return self._name(node, environment, kind)
        self._limits.enter(node.span)
        given = self._composite(node, environment, kind)
        self._limits.leave()
        return given

    def _composite(self, node: tree.Expr, environment: Environment, kind: Kind | None) -> object:
        if isinstance(node, tree.StringLit):
            return self.text(node.parts, environment)
        if isinstance(node, (tree.ListExpr, tree.TupleExpr)):
            items = tuple(self.value(item, environment) for item in node.items)
            unknown = any(isinstance(item, Unknown) for item in items)
            self._limits.work(entry_count(items), node.span)
            return UNKNOWN if unknown else self._guarded(lambda: bounded(items), node.span)
        if isinstance(node, tree.CallExpr):
            return self._call(node, environment, kind)
        if isinstance(node, tree.IndexExpr):
            return self._index(node, environment)
        if isinstance(node, tree.UnaryExpr):
            return self._unary(node, environment)
        if isinstance(node, tree.BinaryExpr):
            return self._binary(node, environment)
        if isinstance(node, tree.ConditionalExpr):
            return self._conditional(node, environment, kind)
        assert isinstance(node, tree.PipelineExpr)
        x = self.value(node.subject, environment)
        for stage in node.stages:
            x = self._flow.stage(stage, x, environment)
        return x

    def checked(self, node: tree.Expr, environment: Environment, kind: Kind, what: str) -> object:
        """The value of an expression as a kind of argument wants it; `what` begins the message if it does not suit."""
        given = self.value(node, environment, kind)
        if isinstance(given, Unknown):
            return UNKNOWN
        try:
            return kind.coerce(given)
        except ArgumentError as error:
            if isinstance(given, (Tensor, SymbolicDim, Quotient)):
                error = ArgumentError(f"must be {kind.description}, not {kind_of(given)}", error.help)
            self._reporter.report("E0302", f"{what} {error.message}", node.span, help=error.help)
            return UNKNOWN

    def condition(self, node: tree.Expr, environment: Environment, what: str) -> bool | Undecided | Unknown:
        """The truth of an expression that must be a bool."""
        given = self.value(node, environment)
        if isinstance(given, (bool, Undecided, Unknown)):
            return given
        message = f"{what} must be `true` or `false`, not {kind_of(given)}"
        self._reporter.report("E0302", message, node.span)
        return UNKNOWN

    def text(self, parts: tuple[str | tree.Expr, ...], environment: Environment) -> object:
        """The text of literal pieces and interpolated integers and strings."""
        pieces: list[str] = []
        for part in parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            given = self.value(part, environment)
            if isinstance(given, Unknown):
                return UNKNOWN
            if not isinstance(given, (int, str)) or isinstance(given, bool):
                message = f"only integers and strings can be put into a text, not {kind_of(given)}"
                self._reporter.report("E0302", message, part.span)
                return UNKNOWN
            pieces.append(str(given))
        return self._guarded(lambda: bounded("".join(pieces)), parts_span(parts)) if pieces else ""

    def _guarded(self, compute: Callable[[], object], span: Span | None, prefix: str = "") -> object:
        try:
            return compute()
        except ArgumentError as error:
            if span is not None:
                # "`len` needs a list", but "`max`: an empty list has no greatest entry".
                told = error.message.startswith(("needs ", "finds "))
                between = "" if not prefix else " " if told else ": "
                self._reporter.report("E0301", f"{prefix}{between}{error.message}", span, help=error.help)
            return UNKNOWN

    def _name(self, node: tree.NameExpr, environment: Environment, kind: Kind | None) -> object:
        binding = environment.find(node.name)
        if binding is not None:
            return binding.value
        if kind is not None and node.name in kind.words:
            return node.name
        if node.name == "it":
            return self._it(node)
        if node.name == "training":
            return self._builder.training
        found = self._table_entry(node.name, kind)
        if isinstance(found, type) and issubclass(found, Op):
            return LayerValue(found)
        if isinstance(found, type):
            return self._instance(found, (), node.span, node.span, environment)
        if found is not None:
            message = f"`{node.name}` is a function; call it: `{node.name}(…)`"
            self._reporter.report("E0203", message, node.span)
            return UNKNOWN
        if (kind is None or not (kind.table or kind.words)) and is_word(node.name):
            return node.name
        self._unknown_name(node, environment, kind)
        return UNKNOWN

    def _it(self, node: tree.NameExpr) -> object:
        if self._flow.current is None:
            message = "`it` is the current tensor, and no `input` stands before it"
            self._reporter.report("E0205", message, node.span)
            return UNKNOWN
        return self._flow.current

    def _unknown_name(self, node: tree.NameExpr, environment: Environment, kind: Kind | None) -> None:
        noun, candidates = self._candidates(kind, "name", [*environment.names(), "it", "training"])
        words = (
            f"it must be {' or '.join(f'`{word}`' for word in kind.words)}" if kind is not None and kind.words else ""
        )
        help = self._reporter.did_you_mean(node.name, candidates) or words
        self._reporter.report("E0201", f"unknown {noun} `{node.name}`", node.span, help=help)

    def _table_entry(
        self, name: str, kind: Kind | None
    ) -> type[Op | Initializer | Regularizer | RecipeOp] | Builtin | None:
        wanted = kind.table if kind is not None else ""
        if name in self.tables.get(wanted, ()):
            return self.tables[wanted][name]
        if wanted == "initializer" and name in INITIALIZER_NAMES:
            return INITIALIZER_NAMES[name]
        if wanted == "regularizer" and name in REGULARIZER_NAMES:
            return REGULARIZER_NAMES[name]
        if wanted == "layer" and name in LAYERS:
            return LAYERS[name]
        return BUILTIN_NAMES.get(name) or LAYERS.get(name) or INITIALIZER_NAMES.get(name) or REGULARIZER_NAMES.get(name)

    def _call(self, node: tree.CallExpr, environment: Environment, kind: Kind | None) -> object:
        callee = node.callee
        if not isinstance(callee, tree.NameExpr):
            self._reporter.report("E0203", "only a function, a layer or a block can be called", callee.span)
            return UNKNOWN
        binding = environment.find(callee.name)
        if binding is not None and not (binding.by_scope and self._table_entry(callee.name, kind)):
            return self._call_value(binding.value, binding.span, node, callee, environment)
        found = self._table_entry(callee.name, kind)
        if found is None:
            self._unknown_function(callee, kind)
            return UNKNOWN
        if isinstance(found, Builtin):
            return self._builtin(found, node, environment)
        if issubclass(found, Op):
            bound = bind_arguments(found, found.name, node.arguments, callee.span, environment, self, self._reporter)
            return UNKNOWN if bound is None else self._layer_value(found, bound.values, node.span)
        return self._instance(found, node.arguments, callee.span, node.span, environment)

    def _layer_value(self, op: type[Op], arguments: Mapping[str, object], span: Span) -> object:
        """A layer with arguments; those may hold layers in turn, but not without end."""
        layer = LayerValue(op, tuple(arguments.items()))
        if layer.depth > MAX_LAYERS_WITHIN:
            message = f"layers stand within the arguments of layers more than {MAX_LAYERS_WITHIN} levels deep"
            self._reporter.report("E0305", message, span)
            return UNKNOWN
        return layer

    def _call_value(
        self, called: object, bound_at: Span, node: tree.CallExpr, callee: tree.NameExpr, environment: Environment
    ) -> object:
        if isinstance(called, FunctionValue):
            return self._function(called, node, environment)
        if isinstance(called, BlockValue):
            item = called.item
            written = bind_params(item.name, item.params, node.arguments, environment, self, self._reporter)
            if written is None:
                return UNKNOWN
            return BlockValue(item, called.environment, tuple({**dict(called.arguments), **written}.items()))
        if isinstance(called, LayerValue):
            op = called.op
            bound = bind_arguments(op, op.name, node.arguments, callee.span, environment, self, self._reporter)
            if bound is None:
                return UNKNOWN
            return self._layer_value(op, {**dict(called.arguments), **bound.values}, node.span)
        if not isinstance(called, Unknown):
            message = f"`{callee.name}` is {kind_of(called)}, which cannot be called"
            self._reporter.report("E0203", message, callee.span, labels=(Label(bound_at, "bound here"),))
        return UNKNOWN

    def _function(self, called: FunctionValue, node: tree.CallExpr, environment: Environment) -> object:
        written = bind_params(called.name, called.params, node.arguments, environment, self, self._reporter)
        if written is None:
            return UNKNOWN
        inner = Environment(called.environment)
        with (
            self._limits.call(called.name, node.span),
            self._reporter.frame(f"in {called.name}, called here", node.span),
        ):
            values = param_values(called.name, called.params, written, inner, node.span, self, self._reporter)
            return UNKNOWN if values is None else self.value(called.body, inner)

    def _unknown_function(self, callee: tree.NameExpr, kind: Kind | None) -> None:
        noun, candidates = self._candidates(kind, "function", [])
        # Of layers and functions there are too many to list; of optimizers, initialisers and their like not.
        listed = "" if noun in ("layer", "function") else f"there are {', '.join(candidates)}"
        help = self._reporter.did_you_mean(callee.name, candidates) or listed
        self._reporter.report("E0201", f"unknown {noun} `{callee.name}`", callee.span, help=help)

    def _instance(
        self,
        found: type[Initializer | Regularizer | RecipeOp],
        arguments: tuple[tree.Argument, ...],
        name_span: Span,
        span: Span,
        environment: Environment,
    ) -> object:
        bound = bind_arguments(found, found.name, arguments, name_span, environment, self, self._reporter)
        if bound is None:
            return UNKNOWN
        missing = [
            spec.name for spec in argument_specs(found).values() if spec.required and spec.name not in bound.values
        ]
        if missing:
            self._reporter.report("E0303", f"`{found.name}` needs `{missing[0]}`", span)
            return UNKNOWN
        return self._guarded(lambda: found(**bound.values), span, f"`{found.name}`")

    def _builtin(self, builtin: Builtin, node: tree.CallExpr, environment: Environment) -> object:
        given = []
        for argument in node.arguments:
            if argument.name is not None and (builtin.name, argument.name) != ("enumerate", "start"):
                message = f"`{builtin.name}` has no argument `{argument.name}`"
                self._reporter.report("E0202", message, argument.span, help="its arguments are given by position")
                return UNKNOWN
            given.append(self.value(argument.value, environment))
        if any(isinstance(item, Unknown) for item in given):
            return UNKNOWN
        if len(given) < builtin.least or (builtin.most is not None and len(given) > builtin.most):
            wanted = str(builtin.least) if builtin.most == builtin.least else f"{builtin.least} or more"
            message = f"`{builtin.name}` takes {wanted} argument{'' if wanted == '1' else 's'}, not {len(given)}"
            self._reporter.report("E0303", message, node.span)
            return UNKNOWN
        self._limits.work(sum(entry_count(item) for item in given), node.span)
        return self._guarded(lambda: builtin.apply(given, self._builder), node.span, f"`{builtin.name}`")

    def _index(self, node: tree.IndexExpr, environment: Environment) -> object:
        subject, index = self.value(node.subject, environment), self.value(node.index, environment)
        if isinstance(subject, Unknown) or isinstance(index, Unknown):
            return UNKNOWN
        if not isinstance(subject, tuple):
            self._reporter.report("E0302", f"only lists can be indexed, not {kind_of(subject)}", node.subject.span)
            return UNKNOWN
        if not isinstance(index, int) or isinstance(index, bool):
            self._reporter.report("E0302", f"an index must be an integer, not {kind_of(index)}", node.index.span)
            return UNKNOWN
        if not -len(subject) <= index < len(subject):
            message = f"index {index} is outside the list of {len(subject)} entries"
            self._reporter.report("E0301", message, node.index.span)
            return UNKNOWN
        return subject[index]

    def _unary(self, node: tree.UnaryExpr, environment: Environment) -> object:
        if node.operator == "not":
            truth = self.condition(node.operand, environment, "the operand of `not`")
            return truth if isinstance(truth, (Unknown, Undecided)) else not truth
        operand = self.value(node.operand, environment)
        if isinstance(operand, Unknown):
            return UNKNOWN
        return self._guarded(lambda: binary("-", 0, operand), node.span)

    def _binary(self, node: tree.BinaryExpr, environment: Environment) -> object:
        if node.operator in ("and", "or"):
            left = self.condition(node.left, environment, f"the left side of `{node.operator}`")
            if isinstance(left, Unknown) or left is (node.operator == "or"):
                return left
            right = self.condition(node.right, environment, f"the right side of `{node.operator}`")
            decided = isinstance(right, Unknown) or right is (node.operator == "or") or not isinstance(left, Undecided)
            return right if decided else UNDECIDED
        left_value, right_value = self.value(node.left, environment), self.value(node.right, environment)
        if isinstance(left_value, Unknown) or isinstance(right_value, Unknown):
            return UNKNOWN
        self._limits.work(entry_count(left_value) + entry_count(right_value), node.span)
        given = self._guarded(lambda: binary(node.operator, left_value, right_value), node.span)
        self._limits.work(entry_count(given), node.span)
        return given

    def _conditional(self, node: tree.ConditionalExpr, environment: Environment, kind: Kind | None) -> object:
        truth = self.condition(node.condition, environment, "the condition")
        if isinstance(truth, Undecided):
            message = "the condition depends on sizes that are not known"
            self._reporter.report("E0304", message, node.condition.span)
        if isinstance(truth, (Unknown, Undecided)):
            return UNKNOWN
        return self.value(node.chosen if truth else node.otherwise, environment, kind)

    def _candidates(self, kind: Kind | None, noun: str, names: list[str]) -> tuple[str, list[str]]:
        """What an unknown name should have been, and the names that could stand there."""
        if kind is not None and kind.table == "layer":
            return "layer", [*LAYERS, *names]
        if kind is not None and kind.table == "initializer":
            return "initialiser", [*INITIALIZER_NAMES, *names]
        if kind is not None and kind.table == "regularizer":
            return "regulariser", [*REGULARIZER_NAMES, *names]
        if kind is not None and kind.table in self.tables:
            return kind.table, [*self.tables[kind.table], *names]
        if kind is not None and kind.words:
            return "word", [*kind.words, *names]
        return noun, [*names, *BUILTIN_NAMES, *LAYERS, *INITIALIZER_NAMES, *REGULARIZER_NAMES]


def parts_span(parts: tuple[str | tree.Expr, ...]) -> Span | None:
    """The place of the first interpolated expression."""
    return next((part.span for part in parts if not isinstance(part, str)), None)
