"""Statements to nodes: the current tensor flows down a body and each statement says what becomes of it."""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.ir.graph import Tensor
from slimdsl.ops.arguments import IntKind
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.layers import LayerPlacer
from slimdsl.semantics.outputs import output_from_with
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scopes import RESERVED, join
from slimdsl.semantics.tables import LAYERS, NOT_YET
from slimdsl.semantics.values import UNKNOWN, Undecided, Unknown, kind_of
from slimdsl.semantics.withs import with_settings
from slimdsl.syntax import tree
from slimdsl.types import DTYPES, Dim, SymbolicDim, TensorType

MAX_REPEAT = 10_000
MAX_STATEMENTS = 200_000
_COUNT = IntKind(description="a number of repetitions", minimum=0)


class TooMuch(Exception):
    """The net ran past a limit, which was reported; nothing more of it is looked at."""


class Statements:
    """Runs the statements of one net; `current` is the tensor that flows."""

    def __init__(self, reporter: Reporter, builder: GraphBuilder) -> None:
        self.current: object = None
        self._reporter = reporter
        self._builder = builder
        self._evaluator = Evaluator(reporter, builder, self)
        self._placer = LayerPlacer(reporter, builder, self._evaluator)
        self._executed = 0
        self._outputs_at: dict[str, Span] = {}

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of this net's expressions."""
        return self._evaluator

    def body(self, body: tree.Body, environment: Environment) -> None:
        """Run the statements in order; what `with` set in them is forgotten at the end."""
        mark = self._builder.defaults.mark()
        for statement in body.statements:
            self._executed += 1
            if self._executed > MAX_STATEMENTS:
                message = f"more than {MAX_STATEMENTS:,} statements were run"
                self._reporter.report("E0305", message, statement.span)
                raise TooMuch
            self._statement(statement, environment)
        self._builder.defaults.release(mark)

    def _statement(self, statement: tree.Stmt, environment: Environment) -> None:
        if isinstance(statement, tree.FlowStmt):
            self._flow(statement, environment)
        elif isinstance(statement, tree.InputStmt):
            self._input(statement, environment)
        elif isinstance(statement, tree.RepeatStmt):
            self._repeat(statement, environment)
        elif isinstance(statement, tree.StackStmt):
            self._stack(statement, environment)
        elif isinstance(statement, tree.WithStmt):
            self._with(statement, environment)
        elif isinstance(statement, tree.LetStmt):
            self.let(statement, environment)
        elif isinstance(statement, tree.OutputStmt):
            self._output(statement, environment)
        elif isinstance(statement, tree.AssertStmt):
            self._assert(statement, environment)
        elif isinstance(statement, tree.ForStmt):
            self._not_yet("`for`", statement.span)
        elif isinstance(statement, tree.IfStmt):
            self._not_yet("`if`", statement.span)
        elif isinstance(statement, tree.FromStmt):
            self._not_yet("`from`", statement.span)
        else:
            self._not_yet("`head`", statement.span)

    def _not_yet(self, what: str, span: Span) -> None:
        self._reporter.report("E0290", f"{what} is part of the language and not supported by this version yet", span)
        self._set_current(UNKNOWN)

    def _set_current(self, x: object) -> None:
        self.current = x

    # The flow of the current tensor

    def _flow(self, statement: tree.FlowStmt, environment: Environment) -> None:
        if statement.body is not None:
            last = statement.stages[-1]
            if last.name in LAYERS:
                message = f"`{last.name}` is a layer and takes no body"
                self._reporter.report("E0204", message, last.name_span)
            elif last.name in NOT_YET:
                self._not_yet(f"`{last.name}` with a body", last.name_span)
            else:
                self._placer.unknown_layer(last, environment)
            self._set_current(UNKNOWN)
            return
        x = self._current_tensor(statement.stages[0], environment)
        for stage in statement.stages:
            x = self.stage(stage, x, environment)
        self._set_current(x)

    def _current_tensor(self, stage: tree.Stage, environment: Environment) -> object:
        if self.current is None and not self._is_tensor_name(stage, environment):
            help = "begin the net with an input, such as `input images: float32[N, 224, 224, 3]`"
            message = f"`{stage.name}` has no tensor to work on: no `input` stands before it"
            self._reporter.report("E0205", message, stage.name_span, help=help)
            return UNKNOWN
        return self.current

    def _is_tensor_name(self, stage: tree.Stage, environment: Environment) -> bool:
        binding = environment.find(stage.name)
        return stage.arguments is None and binding is not None and isinstance(binding.value, (Tensor, Unknown))

    def stage(self, stage: tree.Stage, x: object, environment: Environment) -> object:
        """Run one stage of a pipeline; see `evaluate.Flow`."""
        return self._placer.stage(stage, x, environment)

    def _repeat(self, statement: tree.RepeatStmt, environment: Environment) -> None:
        count = self._evaluator.checked(statement.count, environment, _COUNT, "`repeat`")
        if isinstance(count, int) and count > MAX_REPEAT:
            message = f"`repeat {count}`: more than {MAX_REPEAT:,} repetitions"
            self._reporter.report("E0305", message, statement.count.span)
            count = UNKNOWN
        if statement.layer is not None:
            if len(statement.layer.stages) > 1 or statement.layer.body is not None:
                what = "`repeat` of a pipeline or a merge"
                self._not_yet(what, statement.layer.span)
                return
            stage = statement.layer.stages[0]
            x = self._current_tensor(stage, environment)
            self._set_current(self._placer.repeat(stage, count, x, environment))
            return
        assert statement.body is not None
        outer = self._builder.scope
        base = self._placer.group_scope(statement.scope, "Repeat", statement.span, environment)
        prefix = base.rpartition("/")[2] if base is not None and statement.scope is not None else "body"
        errors = self._reporter.error_count
        for number in range(1, (count if isinstance(count, int) else 1) + 1):
            scope = join(base or outer, f"{prefix}_{number}")
            with self._reporter.frame(f"in repeat {number} of {prefix}", statement.span), self._builder.inside(scope):
                self.body(statement.body, Environment(environment))
            if isinstance(self.current, Tensor):
                self._builder.mark_end_point(scope, self.current)
            if self._reporter.error_count > errors:
                break
        self._placer.bind_scope(statement.scope, self.current, environment)

    def _stack(self, statement: tree.StackStmt, environment: Environment) -> None:
        stage = tree.Stage(
            span=statement.layer_span, name=statement.layer, name_span=statement.layer_span, arguments=(), scope=None
        )
        x = self._current_tensor(stage, environment)
        self._set_current(self._placer.stack(statement, x, environment))

    def _with(self, statement: tree.WithStmt, environment: Environment) -> None:
        mark = self._builder.defaults.mark()
        settings = with_settings(statement, environment, self._evaluator, self._reporter)
        self._builder.defaults.push(settings)
        if statement.body is not None:
            self.body(statement.body, Environment(environment))
            self._builder.defaults.release(mark)

    # Names

    def let(self, statement: tree.LetStmt, environment: Environment) -> None:
        """Bind what a `let` says."""
        if statement.params is not None:
            message = "a function (`let f(x) = …`) is part of the language and not supported by this version yet"
            self._reporter.report("E0290", message, statement.span)
            self._bind(statement.pattern, UNKNOWN, environment)
            return
        self._bind(statement.pattern, self._evaluator.value(statement.value, environment), environment)

    def _bind(self, pattern: tree.Pattern, given: object, environment: Environment) -> None:
        if isinstance(pattern, tree.NamePattern):
            if pattern.name == "it":
                self._reporter.report("E0206", "`it` always names the current tensor", pattern.span)
                return
            earlier = environment.bind(pattern.name, given, pattern.span)
            if earlier is not None:
                labels = (Label(earlier.span, "bound here first"),)
                self._reporter.report("E0206", f"`{pattern.name}` is bound already", pattern.span, labels=labels)
            return
        if isinstance(given, Unknown):
            values: tuple[object, ...] = (UNKNOWN,) * len(pattern.items)
        elif isinstance(given, tuple) and len(given) == len(pattern.items):
            values = given
        else:
            found = f"a list of {len(given)}" if isinstance(given, tuple) else kind_of(given)
            message = f"{len(pattern.items)} names cannot be bound to {found}"
            self._reporter.report("E0302", message, pattern.span)
            values = (UNKNOWN,) * len(pattern.items)
        for item, part in zip(pattern.items, values):
            self._bind(item, part, environment)

    def _input(self, statement: tree.InputStmt, environment: Environment) -> None:
        dtype = DTYPES.get(statement.dtype)
        if dtype is None:
            help = did_you_mean(statement.dtype, DTYPES) or f"the element types are {', '.join(DTYPES)}"
            message = f"unknown element type `{statement.dtype}`"
            self._reporter.report("E0201", message, statement.dtype_span, help=help)
        dims = [self._dim(dim, environment) for dim in statement.dims]
        shape = tuple(dim for dim in dims if not isinstance(dim, Unknown))
        value: object = UNKNOWN
        if dtype is not None and len(shape) == len(dims):
            value = Tensor(statement.name, 0, TensorType(dtype=dtype, shape=shape), statement.span)
        earlier = environment.bind(statement.name, value, statement.name_span)
        if self._builder.scope != self._builder.root:
            self._reporter.report("E0207", "an input stands in the net itself, not in a repeat", statement.span)
        elif earlier is not None:
            labels = (Label(earlier.span, "bound here first"),)
            message = f"`{statement.name}` is bound already"
            self._reporter.report("E0206", message, statement.name_span, labels=labels)
        elif statement.name in RESERVED or not self._builder.names.take(statement.name):
            reason = "is a name that the graph needs itself" if statement.name in RESERVED else "is taken already"
            self._reporter.report("E0206", f"the input name `{statement.name}` {reason}", statement.name_span)
        elif isinstance(value, Tensor):
            self._builder.inputs[statement.name] = value
        if self.current is None:
            self._set_current(value)

    def _dim(self, node: tree.Expr, environment: Environment) -> Dim | Unknown:
        if isinstance(node, tree.NameExpr) and environment.find(node.name) is None:
            symbol = SymbolicDim.named(node.name)
            environment.bind(node.name, symbol, node.span)
            return symbol
        given = self._evaluator.value(node, environment)
        if isinstance(given, Unknown):
            return given
        if isinstance(given, SymbolicDim):
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

    def _output(self, statement: tree.OutputStmt, environment: Environment) -> None:
        if self._builder.scope != self._builder.root:
            self._reporter.report("E0207", "an output stands in the net itself, not in a repeat", statement.span)
            return
        given = self.current
        if statement.value is not None:
            given = self._evaluator.value(statement.value, environment)
        if given is None and statement.value is None:
            message = f"there is no tensor for the output `{statement.name}`: no `input` stands before it"
            self._reporter.report("E0205", message, statement.span)
            given = UNKNOWN
        elif not isinstance(given, (Tensor, Unknown)):
            assert statement.value is not None
            message = f"the output `{statement.name}` must be a tensor, not {kind_of(given)}"
            self._reporter.report("E0302", message, statement.value.span)
            given = UNKNOWN
        earlier = self._outputs_at.get(statement.name)
        if earlier is not None:
            labels = (Label(earlier, "first here"),)
            message = f"there are two outputs called `{statement.name}`"
            self._reporter.report("E0206", message, statement.name_span, labels=labels)
            return
        self._outputs_at[statement.name] = statement.name_span
        environment.bind(statement.name, given, statement.name_span)
        if isinstance(given, Tensor):
            self._builder.outputs[statement.name] = given
            output_from_with(statement, given, self._builder, self._reporter)

    # Promises

    def _assert(self, statement: tree.AssertStmt, environment: Environment) -> None:
        truth = self._evaluator.condition(statement.condition, environment, "what is asserted")
        if isinstance(truth, Undecided):
            message = "this cannot be decided while sizes are not known"
            self._reporter.report("W0602", message, statement.condition.span)
        if truth is not False:
            return
        written = statement.condition.span.text
        message = f"the assertion `{written}` does not hold"
        if isinstance(statement.condition, tree.BinaryExpr) and statement.condition.operator not in ("and", "or"):
            left = self._evaluator.value(statement.condition.left, environment)
            right = self._evaluator.value(statement.condition.right, environment)
            message += f": {left} {statement.condition.operator} {right} is false"
        help = ""
        if statement.message is not None:
            given = self._evaluator.value(statement.message, environment)
            help = given if isinstance(given, str) else ""
        self._reporter.report("E0306", message, statement.span, label=help)
