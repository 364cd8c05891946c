"""Layers as they are written: one, `repeat` of one, `stack` of one. Resolves the name, binds the arguments, opens the
scope, and turns a `ShapeError` into a diagnostic that shows where things come from."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.ir.graph import Tensor
from slimdsl.ops.arguments import ArgumentError, argument_specs
from slimdsl.ops.base import LayerValue, Op, ShapeError
from slimdsl.semantics.call import Bound, bind_arguments
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.graph_builder import GraphBuilder, LimitError
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scope_paths import scope_text
from slimdsl.semantics.scopes import join
from slimdsl.semantics.tables import LAYERS, NOT_YET
from slimdsl.semantics.values import UNKNOWN, ItemName, Unknown, kind_of
from slimdsl.syntax import tree


class LayerPlacer:
    """Places the layers of one net into its graph."""

    def __init__(self, reporter: Reporter, builder: GraphBuilder, evaluator: Evaluator) -> None:
        self._reporter = reporter
        self._builder = builder
        self._evaluator = evaluator

    def stage(self, stage: tree.Stage, x: object, environment: Environment) -> object:
        """The result of one layer, or the tensor that the stage names; UNKNOWN where something was reported."""
        tensor = self._named_tensor(stage, x, environment)
        if tensor is not None:
            return tensor
        op, bound = self._callee(stage, environment)
        path = None
        if stage.scope is not None:
            path = self._open(stage.scope, environment)
            if path is None:
                op = None
        result: object = UNKNOWN
        if op is not None and bound is not None:
            placed = self._instantiate(op, bound, stage.span)
            if placed is not None:
                result = self._place(placed, bound, x, path, stage.span)
        self.bind_scope(stage.scope, result, environment)
        return result

    def repeat(self, stage: tree.Stage, count: object, x: object, environment: Environment) -> object:
        """`count` times the same layer, numbered behind its scope."""
        op, bound = self._callee(stage, environment)
        base = self.group_scope(stage.scope, "Repeat", stage.span, environment)
        placed = self._instantiate(op, bound, stage.span) if op is not None and bound is not None else None
        if placed is None or bound is None or base is None or not isinstance(count, int):
            x = UNKNOWN
        else:
            prefix = self._prefix(stage.scope, placed[0], x, environment)
            for number in range(1, count + 1):
                if isinstance(x, Unknown):
                    break
                with self._reporter.frame(f"in repeat {number} of {prefix}", stage.span):
                    x = self._place(placed, bound, x, join(base, f"{prefix}_{number}"), stage.span)
        self.bind_scope(stage.scope, x, environment)
        return x

    def stack(self, statement: tree.StackStmt, x: object, environment: Environment) -> object:
        """The same layer once for each element, which gives its arguments by position."""
        name_only = tree.Stage(
            span=statement.layer_span, name=statement.layer, name_span=statement.layer_span, arguments=(), scope=None
        )
        op, _ = self._callee(name_only, environment)
        base = self.group_scope(statement.scope, "Stack", statement.span, environment)
        elements = self._elements(statement, op, environment) if op is not None else None
        if op is None or elements is None or base is None:
            x = UNKNOWN
        else:
            prefix = ""
            for number, (bound, span) in enumerate(elements, 1):
                placed = self._instantiate(op, bound, span)
                prefix = prefix or (self._prefix(statement.scope, placed[0], x, environment) if placed else "")
                with self._reporter.frame(f"in element {number} of the stack", statement.span):
                    path = join(base, f"{prefix}_{number}")
                    x = UNKNOWN if placed is None else self._place(placed, bound, x, path, span)
        self.bind_scope(statement.scope, x, environment)
        return x

    def group_scope(
        self, scope: tree.ScopePath | None, default: str, span: Span, environment: Environment
    ) -> str | None:
        """Open the scope of a `repeat` or a `stack`; None where something was reported."""
        if scope is None:
            return self._builder.names.default_scope(self._builder.scope, default)
        return self._open(scope, environment)

    def bind_scope(self, scope: tree.ScopePath | None, result: object, environment: Environment) -> None:
        """`as enc1` makes `enc1` name the result, where it is a plain name."""
        if scope is not None and len(scope.parts) == 1 and scope.text.isidentifier():
            environment.bind(scope.text, result, scope.span, by_scope=True)

    def unknown_layer(self, stage: tree.Stage, environment: Environment) -> None:
        """Report a name that is no layer."""
        binding = environment.find(stage.name)
        if binding is not None and isinstance(binding.value, ItemName):
            noun = binding.value.kind
            if noun == "block":
                message = "calling a block is part of the language and not supported by this version yet"
                self._reporter.report("E0290", message, stage.name_span)
            else:
                help = "what nets share is written as a block"
                message = f"`{stage.name}` is a net, and nets cannot be called as layers"
                self._reporter.report("E0204", message, stage.name_span, help=help)
        elif stage.name in NOT_YET:
            message = f"`{stage.name}` is part of the language and not supported by this version yet"
            self._reporter.report("E0290", message, stage.name_span)
        elif binding is not None:
            if not isinstance(binding.value, Unknown):
                message = f"`{stage.name}` is {kind_of(binding.value)}, not a layer"
                labels = (Label(binding.span, "bound here"),)
                self._reporter.report("E0204", message, stage.name_span, labels=labels)
        else:
            help = did_you_mean(stage.name, [*LAYERS, *NOT_YET, *environment.names()])
            self._reporter.report("E0201", f"unknown layer `{stage.name}`", stage.name_span, help=help)

    def _named_tensor(self, stage: tree.Stage, x: object, environment: Environment) -> object:
        if stage.name == "it" and stage.arguments is None and stage.scope is None:
            return x
        binding = environment.find(stage.name)
        if stage.arguments is not None or binding is None or (binding.by_scope and stage.name in LAYERS):
            return None
        if not isinstance(binding.value, (Tensor, Unknown)):
            return None
        if stage.scope is not None:
            message = f"`{stage.name}` is a tensor that has its name already; `as` names layers"
            self._reporter.report("E0208", message, stage.scope.span)
        return binding.value

    def _callee(self, stage: tree.Stage, environment: Environment) -> tuple[type[Op] | None, Bound | None]:
        binding = environment.find(stage.name)
        arguments = stage.arguments or ()
        if binding is not None and isinstance(binding.value, LayerValue):
            op = binding.value.op
            bound = self._bind(op, stage, arguments, environment)
            if bound is not None:
                bound = Bound({**dict(binding.value.arguments), **bound.values}, bound.spans)
            return op, bound
        if stage.name in LAYERS and (binding is None or binding.by_scope):
            op = LAYERS[stage.name]
            return op, self._bind(op, stage, arguments, environment)
        self.unknown_layer(stage, environment)
        return None, None

    def _bind(
        self, op: type[Op], stage: tree.Stage, arguments: Sequence[tree.Argument], environment: Environment
    ) -> Bound | None:
        return bind_arguments(op, op.name, arguments, stage.name_span, environment, self._evaluator, self._reporter)

    def _instantiate(self, op: type[Op], bound: Bound, span: Span) -> tuple[Op, frozenset[str]] | None:
        defaults = self._builder.defaults.of(op.name)
        for spec in argument_specs(op).values():
            if spec.required and spec.name not in bound.values and spec.name not in defaults:
                help = f"`{spec.name}` is {spec.doc[0].lower()}{spec.doc[1:]}" if spec.doc else ""
                self._reporter.report("E0303", f"`{op.name}` needs `{spec.name}`", span, help=help)
                return None
        try:
            return self._builder.instantiate(op, bound.values)
        except ArgumentError as error:
            self._reporter.report("E0302", f"`{op.name}`: {error.message}", span, help=error.help)
            return None

    def _elements(
        self, statement: tree.StackStmt, op: type[Op], environment: Environment
    ) -> list[tuple[Bound, Span]] | None:
        found: list[tuple[Bound | None, Span]] = []
        if isinstance(statement.elements, tree.ListExpr):
            for item in statement.elements.items:
                parts = item.items if isinstance(item, tree.TupleExpr) else (item,)
                arguments = tuple(tree.Argument(span=part.span, name=None, value=part) for part in parts)
                bound = bind_arguments(
                    op, op.name, arguments, item.span, environment, self._evaluator, self._reporter
                )
                found.append((bound, item.span))
        else:
            given = self._evaluator.value(statement.elements, environment)
            if isinstance(given, Unknown):
                return None
            if not isinstance(given, tuple):
                message = f"`stack` needs a list of arguments, not {kind_of(given)}"
                self._reporter.report("E0302", message, statement.elements.span)
                return None
            found = [(self._bind_values(op, item, statement.elements.span), statement.elements.span) for item in given]
        if any(bound is None for bound, _ in found):
            return None
        return [(bound, span) for bound, span in found if bound is not None]

    def _bind_values(self, op: type[Op], item: object, span: Span) -> Bound | None:
        specs = list(argument_specs(op).values())
        values = item if isinstance(item, tuple) else (item,)
        if len(values) > len(specs):
            self._reporter.report("E0303", f"`{op.name}` takes at most {len(specs)} arguments", span)
            return None
        bound: dict[str, object] = {}
        for spec, given in zip(specs, values):
            try:
                bound[spec.name] = spec.kind.coerce(given)
            except ArgumentError as error:
                message = f"`{spec.name}` of `{op.name}` {error.message}"
                self._reporter.report("E0302", message, span, help=error.help)
                return None
        return Bound(bound, dict.fromkeys(bound, span))

    def _prefix(self, scope: tree.ScopePath | None, op: Op, x: object, environment: Environment) -> str:
        if scope is not None:
            text = scope_text(scope, environment, self._evaluator, self._reporter) or ""
            return text.rpartition("/")[2]
        return type(op).function_for(x.type) if isinstance(x, Tensor) else op.name

    def _open(self, scope: tree.ScopePath, environment: Environment) -> str | None:
        text = scope_text(scope, environment, self._evaluator, self._reporter)
        if text is None:
            return None
        names = self._builder.names
        path = join(self._builder.scope, text)
        if names.is_open(path):
            earlier = names.opened_at(path)
            labels = (Label(earlier, "first here"),) if earlier is not None else ()
            message = f"the scope `{path}` is used already"
            help = "variables are named after their scopes, so each scope is used once"
            self._reporter.report("E0209", message, scope.span, labels=labels, help=help)
            return None
        names.open(path, scope.span)
        return path

    def _place(
        self, placed: tuple[Op, frozenset[str]], bound: Bound, x: object, path: str | None, span: Span
    ) -> object:
        if not isinstance(x, Tensor):
            return UNKNOWN
        op, inherited = placed
        outer = self._builder.scope
        try:
            return self._builder.place(op, inherited, x, path, span, depth=0)
        except ShapeError as error:
            self._shape_error(error, op, bound, x, span)
        except LimitError as error:
            self._reporter.report("E0305", str(error), span)
        self._builder.scope = outer
        return UNKNOWN

    def _shape_error(self, error: ShapeError, op: Op, bound: Bound, x: Tensor, span: Span) -> None:
        labels: list[Label] = []
        place = span
        if error.argument is not None and error.argument in bound.spans:
            place = bound.spans[error.argument]
        elif error.argument is not None and error.argument in self._builder.defaults.of(op.name):
            default = self._builder.defaults.of(op.name)[error.argument]
            labels.append(Label(default.span, f"`{error.argument}` is set here"))
        if x.span is not None and x.span != span:
            labels.append(Label(x.span, f"{x.type} comes from here"))
        bare = error.message.removeprefix(f"{op.name} ")
        message = f"`{op.name}` {bare}" if bare != error.message else f"`{op.name}`: {error.message}"
        self._reporter.report("E0401", message, place, labels=tuple(labels), help=error.help)
