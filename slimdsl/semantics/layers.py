"""Layers and blocks as they are written: one, `repeat` of one, `stack` of one.

Resolves the name, binds the arguments, opens the scope, and turns a `ShapeError` into a diagnostic that shows where
things come from.
"""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Tensor
from slimdsl.ops.arguments import ArgumentError, argument_specs
from slimdsl.ops.base import LayerValue, Op, ShapeError
from slimdsl.semantics.blocks import BlockCaller
from slimdsl.semantics.call import Bound, bind_arguments
from slimdsl.semantics.callables import BlockValue, Prepared, PreparedBlock, PreparedLayer
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.graph_builder import GraphBuilder, Reported
from slimdsl.semantics.limits import Limits
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scope_paths import ScopeOpener
from slimdsl.semantics.scopes import join
from slimdsl.semantics.tables import LAYERS, MERGES
from slimdsl.semantics.values import UNKNOWN, ItemName, Unknown, kind_of
from slimdsl.syntax import tree


class LayerPlacer:
    """Places the layers of one net into its graph."""

    def __init__(
        self,
        reporter: Reporter,
        builder: GraphBuilder,
        evaluator: Evaluator,
        opener: ScopeOpener,
        blocks: BlockCaller,
        limits: Limits,
    ) -> None:
        self._limits = limits
        self._reporter = reporter
        self._builder = builder
        self._evaluator = evaluator
        self._opener = opener
        self._blocks = blocks

    def stage(self, stage: tree.Stage, x: object, environment: Environment) -> object:
        """The result of one layer, or the tensor that the stage names; UNKNOWN where something was reported."""
        tensor = self.named_tensor(stage, x, environment)
        if tensor is not None:
            return tensor
        prepared = self.prepare(stage, environment)
        path = self._opener.open(stage.scope, environment) if stage.scope is not None else None
        result: object = UNKNOWN
        owner = self._owner(stage, environment) if stage.sharing is not None else ""
        if prepared is not None and not isinstance(path, Unknown) and owner is not None:
            if owner and path is not None:
                with self._builder.sharing(path, owner):
                    result = self._place(prepared, x, path, stage.span)
            else:
                result = self._place(prepared, x, path, stage.span)
        self._opener.bind(stage.scope, result, environment)
        return result

    def _owner(self, stage: tree.Stage, environment: Environment) -> str | None:
        """The scope whose variables a stage shares; None where something was reported."""
        assert stage.sharing is not None
        text = self._opener.text(stage.sharing, environment)
        if isinstance(text, Unknown):
            return None
        if stage.scope is None:
            help = f"name it with `as`, before `sharing {text}`"
            self._reporter.report(
                "E0215", "what shares variables needs a scope of its own", stage.sharing.span, help=help
            )
            return None
        scopes = {variable.scope for variable in self._builder.variables}
        for path in (join(self._builder.scope, text), join(self._builder.root, text)):
            if any(scope == path or scope.startswith(f"{path}/") for scope in scopes):
                return path
        root = f"{self._builder.root}/"
        help = self._reporter.did_you_mean(text, [scope.removeprefix(root) for scope in scopes])
        self._reporter.report("E0215", f"there are no variables in the scope `{text}`", stage.sharing.span, help=help)
        return None

    def repeat(self, stage: tree.Stage, count: object, x: object, environment: Environment) -> object:
        """`count` times the same layer, numbered behind its scope."""
        prepared = self.prepare(stage, environment)
        base = self._opener.group(stage.scope, "Repeat", environment)
        if prepared is None or isinstance(base, Unknown) or not isinstance(count, int):
            x = UNKNOWN
        else:
            prefix = _numbered(stage.scope, base, prepared, x)
            for number in range(1, count + 1):
                if isinstance(x, Unknown):
                    break
                self._limits.statement(stage.span)
                with self._reporter.frame(f"in repeat {number} of {prefix}", stage.span):
                    x = self._place(prepared, x, join(base, f"{prefix}_{number}"), stage.span)
        self._opener.bind(stage.scope, x, environment)
        return x

    def stack(self, statement: tree.StackStmt, x: object, environment: Environment) -> object:
        """The same layer once for each element, which gives its arguments by position."""
        elements = self._elements(statement, environment)
        base = self._opener.group(statement.scope, "Stack", environment)
        if elements is None or isinstance(base, Unknown):
            x = UNKNOWN
        else:
            prefix = ""
            for number, (prepared, span) in enumerate(elements, 1):
                prefix = prefix or _numbered(statement.scope, base, prepared, x)
                with self._reporter.frame(f"in element {number} of the stack", statement.span):
                    x = self._place(prepared, x, join(base, f"{prefix}_{number}"), span)
        self._opener.bind(statement.scope, x, environment)
        return x

    def named_tensor(self, stage: tree.Stage, x: object, environment: Environment) -> object:
        """The tensor that a stage names, UNKNOWN where that was reported; None where it names no tensor."""
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

    def prepare(self, stage: tree.Stage, environment: Environment) -> Prepared | None:
        """What a stage calls, with all its arguments; None where something was reported."""
        binding = environment.find(stage.name)
        arguments = stage.arguments or ()
        given = binding.value if binding is not None else None
        if isinstance(given, BlockValue):
            return self._blocks.prepare(given, arguments, stage.span, environment)
        op = LAYERS.get(stage.name) if binding is None or binding.by_scope else None
        before: dict[str, object] = {}
        if isinstance(given, LayerValue) and not (binding is not None and binding.by_scope):
            op, before = given.op, dict(given.arguments)
        if op is None:
            self.unknown_layer(stage, environment)
            return None
        bound = bind_arguments(op, op.name, arguments, stage.name_span, environment, self._evaluator, self._reporter)
        if bound is None:
            return None
        return self._instantiate(op, Bound({**before, **bound.values}, bound.spans), stage.span)

    def unknown_layer(self, stage: tree.Stage, environment: Environment) -> None:
        """Report a name that is no layer."""
        binding = environment.find(stage.name)
        if binding is not None and isinstance(binding.value, ItemName):
            help = "what nets share is written as a block"
            message = f"`{stage.name}` is a net, and nets cannot be called as layers"
            self._reporter.report("E0204", message, stage.name_span, help=help)
        elif stage.name in MERGES or stage.name == "branch":
            self._reporter.report("E0207", _misplaced(stage.name), stage.name_span)
        elif binding is not None:
            if not isinstance(binding.value, Unknown):
                message = f"`{stage.name}` is {kind_of(binding.value)}, not a layer"
                labels = (Label(binding.span, "bound here"),)
                self._reporter.report("E0204", message, stage.name_span, labels=labels)
        else:
            help = self._reporter.did_you_mean(stage.name, [*LAYERS, *MERGES, *environment.names()])
            self._reporter.report("E0201", f"unknown layer `{stage.name}`", stage.name_span, help=help)

    def _instantiate(self, op: type[Op], bound: Bound, span: Span) -> PreparedLayer | None:
        missing = self._builder.missing(op, bound.values)
        if missing:
            doc = argument_specs(op)[missing].doc
            self._reporter.report("E0303", f"`{op.name}` needs `{missing}`", span, help=f"`{missing}` is the {doc}")
            return None
        if self._builder.unknown(op, bound.values):
            return None
        try:
            applied = self._builder.instantiate(op, bound.values, bound.spans)
        except ArgumentError as error:
            self._reporter.report("E0302", f"`{op.name}`: {error.message}", span, help=error.help)
            return None
        return PreparedLayer(applied)

    def _elements(self, statement: tree.StackStmt, environment: Environment) -> list[tuple[Prepared, Span]] | None:
        """What each element of a `stack` calls; None where something was reported."""
        found: list[tuple[Prepared | None, Span]] = []
        elements = statement.elements
        if isinstance(elements, tree.ListExpr):
            for item in elements.items:
                parts = item.items if isinstance(item, tree.TupleExpr) else (item,)
                found.append((self.prepare(_stage(statement, parts), environment), item.span))
        else:
            given = self._evaluator.value(elements, environment)
            if isinstance(given, Unknown):
                return None
            if not isinstance(given, tuple):
                message = f"`stack` needs a list of arguments, not {kind_of(given)}"
                self._reporter.report("E0302", message, elements.span)
                return None
            for value in given:
                # Each value is bound to a name that cannot be written, so that it is checked as what is written is.
                inner = Environment(environment)
                names = []
                for position, part in enumerate(value if isinstance(value, tuple) else (value,)):
                    inner.bind(f"#{position}", part, elements.span)
                    names.append(tree.NameExpr(span=elements.span, name=f"#{position}"))
                found.append((self.prepare(_stage(statement, tuple(names)), inner), elements.span))
        prepared = [(callee, span) for callee, span in found if callee is not None]
        return prepared if len(prepared) == len(found) else None

    def _place(self, prepared: Prepared, x: object, path: str | None, span: Span) -> object:
        if not isinstance(x, Tensor):
            return UNKNOWN
        if isinstance(prepared, PreparedBlock):
            return self._blocks.call(prepared, x, path, span)
        outer = self._builder.scope
        try:
            return self._builder.place(prepared.applied, x, path, span, self._reporter.steps())
        except ShapeError as error:
            self._shape_error(error, prepared, x, span)
        except Reported:
            pass
        self._builder.scope = outer
        return UNKNOWN

    def _shape_error(self, error: ShapeError, prepared: PreparedLayer, x: Tensor, span: Span) -> None:
        labels: list[Label] = []
        place, op = span, prepared.op
        origin = prepared.applied.origins.get(error.argument or "")
        if origin is not None and not origin.by_with:
            place = origin.span
        elif origin is not None:
            labels.append(Label(origin.span, f"`{error.argument}` is set here"))
        if x.span is not None and x.span != span:
            labels.append(Label(x.span, f"{x.type} comes from here"))
        bare = error.message.removeprefix(f"{op.name} ")
        message = f"`{op.name}` {bare}" if bare != error.message else f"`{op.name}`: {error.message}"
        self._reporter.report("E0401", message, place, labels=tuple(labels), help=error.help)


def _numbered(scope: tree.ScopePath | None, base: str, prepared: Prepared, x: object) -> str:
    """What the layers of a `repeat` or a `stack` are called, without their numbers."""
    if scope is not None:
        return base.rpartition("/")[2]
    return prepared.function_name(x.type) if isinstance(x, Tensor) else ""


def _stage(statement: tree.StackStmt, parts: tuple[tree.Expr, ...]) -> tree.Stage:
    arguments = tuple(tree.Argument(span=part.span, name=None, value=part) for part in parts)
    span = parts[0].span.to(parts[-1].span) if parts else statement.layer_span
    return tree.Stage(span=span, name=statement.layer, name_span=statement.layer_span, arguments=arguments, scope=None)


def _misplaced(name: str) -> str:
    if name == "branch":
        return "a `branch` stands in the braces of a merge such as `concat`"
    return f"`{name}` takes branches in braces, or tensors in parentheses"
