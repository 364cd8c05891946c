"""Statements to nodes: the current tensor flows down a body and each statement says what becomes of it."""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Tensor
from slimdsl.ops.arguments import IntKind
from slimdsl.semantics.blocks import BlockCaller
from slimdsl.semantics.callables import FunctionValue
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.layers import LayerPlacer
from slimdsl.semantics.limits import Budget, Limits
from slimdsl.semantics.merges import Branch, MergeRunner
from slimdsl.semantics.ports import Ports
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scope_paths import ScopeOpener
from slimdsl.semantics.scopes import join
from slimdsl.semantics.tables import LAYERS, MERGES
from slimdsl.semantics.values import UNKNOWN, Undecided, Unknown, kind_of, shown
from slimdsl.semantics.withs import with_settings
from slimdsl.syntax import tree

MAX_REPEAT = 10_000
_COUNT = IntKind(description="a number of repetitions", minimum=0)


class Statements:
    """Runs the statements of one net; `current` is the tensor that flows."""

    def __init__(self, reporter: Reporter, builder: GraphBuilder, budget: Budget) -> None:
        self.current: object = None
        self._reporter = reporter
        self._builder = builder
        self._limits = Limits(reporter, budget)
        self._evaluator = Evaluator(reporter, builder, self, self._limits)
        self.opener = ScopeOpener(reporter, builder, self._evaluator)
        blocks = BlockCaller(reporter, builder, self._evaluator, self.opener, self._limits, self)
        self._placer = LayerPlacer(reporter, builder, self._evaluator, self.opener, blocks, self._limits)
        self._merges = MergeRunner(reporter, builder, self._evaluator, self.opener, self)
        self._ports = Ports(reporter, builder, self._evaluator)
        self._branches: list[Branch] | None = None
        builder.apply_other = blocks.apply
        builder.count_node = self._limits.node

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of this net's expressions."""
        return self._evaluator

    @property
    def has_outputs(self) -> bool:
        """True once an output or a head was made."""
        return self._ports.has_outputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """The outputs that were made so far, whether or not their tensors are known."""
        return self._ports.output_names

    @property
    def ports(self) -> Ports:
        """What makes inputs and outputs."""
        return self._ports

    # Bodies

    def net(self, body: tree.Body, environment: Environment) -> None:
        """Run the body of the net."""
        self._body(body, environment)

    def run(self, body: tree.Body, x: object, environment: Environment) -> object:
        """Run a body on a tensor and return what flows out of it; the current tensor here stays as it is."""
        outer, outer_branches = self.current, self._branches
        self.current, self._branches = x, None
        try:
            self._body(body, environment)
            return self.current
        finally:
            self.current, self._branches = outer, outer_branches

    def branches(self, body: tree.Body, x: object, environment: Environment) -> list[Branch]:
        """The branches of a merge; see `merges.BranchRunner`."""
        outer, outer_branches = self.current, self._branches
        self.current, self._branches = x, []
        try:
            self._body(body, environment)
            return self._branches
        finally:
            self.current, self._branches = outer, outer_branches

    def _body(self, body: tree.Body, environment: Environment) -> None:
        """Run the statements in order; what `with` set in them is forgotten at the end."""
        mark = self._builder.defaults.mark()
        self._limits.enter(body.span)
        for statement in body.statements:
            self._limits.statement(statement.span)
            self._statement(statement, environment)
        self._limits.leave()
        self._builder.defaults.release(mark)

    def _statement(self, statement: tree.Stmt, environment: Environment) -> None:
        if isinstance(statement, tree.FlowStmt):
            self._flow(statement, environment)
        elif isinstance(statement, tree.RepeatStmt):
            self._flowed(self._repeat(statement, environment), statement.span)
        elif isinstance(statement, tree.StackStmt):
            x = self._taken(statement.layer, statement.layer_span)
            self._flowed(self._placer.stack(statement, x, environment), statement.span)
        elif isinstance(statement, tree.WithStmt):
            self._with(statement, environment)
        elif isinstance(statement, tree.LetStmt):
            self.let(statement, environment)
        elif isinstance(statement, tree.ForStmt):
            self._for(statement, environment)
        elif isinstance(statement, tree.IfStmt):
            self._if(statement, environment)
        elif isinstance(statement, tree.FromStmt):
            self._from(statement, environment)
        elif isinstance(statement, tree.AssertStmt):
            self._assert(statement, environment)
        else:
            self._port(statement, environment)

    # The flow of the current tensor

    def _flow(self, statement: tree.FlowStmt, environment: Environment) -> None:
        first, *_rest = statement.stages
        names_tensor = self._placer.named_tensor(first, UNKNOWN, environment) is not None
        of_tensors = first.name in MERGES and first.arguments and statement.body is None
        x = self.current if names_tensor or of_tensors else self._taken(first.name, first.name_span)
        self._flowed(self._flow_through(statement, x, environment), statement.span)

    def _flowed(self, result: object, span: Span) -> None:
        """What a statement made becomes the current tensor, or a branch where the statement stands in a merge."""
        if self._branches is not None:
            self._branches.append((result, span))
        else:
            self.current = result

    def _flow_through(self, statement: tree.FlowStmt, x: object, environment: Environment) -> object:
        body = statement.body
        for stage in statement.stages if body is None else statement.stages[:-1]:
            x = self.stage(stage, x, environment)
        return x if body is None else self._with_braces(statement.stages[-1], body, x, environment)

    def stage(self, stage: tree.Stage, x: object, environment: Environment) -> object:
        """Run one stage of a pipeline; see `evaluate.Flow`."""
        if stage.name in MERGES and stage.arguments and environment.find(stage.name) is None:
            return self._merges.of_tensors(stage, environment)
        return self._placer.stage(stage, x, environment)

    def _with_braces(self, stage: tree.Stage, body: tree.Body, x: object, environment: Environment) -> object:
        if stage.name == "branch":
            return self._branch(stage, body, x, environment)
        if stage.name in MERGES or stage.name == "residual":
            return self._merges.with_body(stage, body, x, environment)
        if stage.name in LAYERS:
            self._reporter.report("E0204", f"`{stage.name}` is a layer and takes no body", stage.name_span)
        else:
            self._placer.unknown_layer(stage, environment)
        return UNKNOWN

    def _branch(self, stage: tree.Stage, body: tree.Body, x: object, environment: Environment) -> object:
        if self._branches is None:
            self._placer.unknown_layer(stage, environment)
            return UNKNOWN
        if stage.arguments:
            self._reporter.report("E0303", "`branch` takes no arguments", stage.arguments[0].span)
        path = self._builder.scope if stage.scope is None else self.opener.open(stage.scope, environment)
        if isinstance(path, Unknown):
            return UNKNOWN
        with self._builder.inside(path):
            result = self.run(body, x, Environment(environment))
        if isinstance(result, Tensor) and stage.scope is not None:
            self._builder.mark_end_point(path, result)
        self.opener.bind(stage.scope, result, environment)
        return result

    def _taken(self, name: str, span: Span) -> object:
        """The current tensor for a layer that takes it."""
        if self.current is None:
            help = "begin the net with an input, such as `input images: float32[N, 224, 224, 3]`"
            message = f"`{name}` has no tensor to work on: no `input` stands before it"
            self._reporter.report("E0205", message, span, help=help)
            return UNKNOWN
        return self.current

    def _repeat(self, statement: tree.RepeatStmt, environment: Environment) -> object:
        count = self._evaluator.checked(statement.count, environment, _COUNT, "`repeat`")
        if isinstance(count, int) and count > MAX_REPEAT:
            message = f"`repeat {count}`: more than {MAX_REPEAT:,} repetitions"
            self._reporter.report("E0305", message, statement.count.span)
            count = UNKNOWN
        layer = statement.layer
        if layer is not None and len(layer.stages) == 1 and layer.body is None:
            stage = layer.stages[0]
            return self._placer.repeat(stage, count, self._taken(stage.name, stage.name_span), environment)
        if layer is not None:
            help = "put it in braces: `repeat 3 as s { … }`"
            message = "`repeat` takes one layer or block, or braces"
            self._reporter.report("E0204", message, layer.span, help=help)
            return UNKNOWN
        return self._repeat_body(statement, count, environment)

    def _repeat_body(self, statement: tree.RepeatStmt, count: object, environment: Environment) -> object:
        assert statement.body is not None
        base = self.opener.group(statement.scope, "Repeat", environment)
        if isinstance(base, Unknown) or not isinstance(count, int):
            return UNKNOWN
        prefix = base.rpartition("/")[2] if statement.scope is not None else "body"
        x = self.current
        errors = self._reporter.error_count
        for number in range(1, count + 1):
            self._limits.statement(statement.span)
            scope = join(base, f"{prefix}_{number}")
            with self._reporter.frame(f"in repeat {number} of {prefix}", statement.span), self._builder.inside(scope):
                x = self.run(statement.body, x, Environment(environment))
            if isinstance(x, Tensor):
                self._builder.mark_end_point(scope, x)
            if self._reporter.error_count > errors:
                x = UNKNOWN
                break
        self.opener.bind(statement.scope, x, environment)
        return x

    def _for(self, statement: tree.ForStmt, environment: Environment) -> None:
        items = self._evaluator.value(statement.iterable, environment)
        if isinstance(items, Unknown):
            self.current = UNKNOWN
            return
        if not isinstance(items, tuple):
            message = f"`for` goes over a list or a range, not {kind_of(items)}"
            self._reporter.report("E0302", message, statement.iterable.span)
            self.current = UNKNOWN
            return
        errors = self._reporter.error_count
        for number, item in enumerate(items, 1):
            self._limits.statement(statement.span)
            inner = Environment(environment)
            branches = len(self._branches or ())
            with self._reporter.frame(f"in round {number} of the `for`", statement.pattern.span):
                self._bind(statement.pattern, item, inner)
                path: str | Unknown = self._builder.scope
                if statement.scope is not None:
                    path = self.opener.open(statement.scope, inner)
                if not isinstance(path, Unknown):
                    with self._builder.inside(path):
                        self._body(statement.body, Environment(inner))
                made = self._made_since(branches)
                if isinstance(made, Tensor) and statement.scope is not None and not isinstance(path, Unknown):
                    self._builder.mark_end_point(path, made)
            if self._reporter.error_count > errors:
                self.current = UNKNOWN
                break

    def _made_since(self, branches: int) -> object:
        """What a round of a loop made: the current tensor, or in a merge its last branch, None where it has none."""
        if self._branches is None:
            return self.current
        return self._branches[-1][0] if len(self._branches) > branches else None

    def _if(self, statement: tree.IfStmt, environment: Environment) -> None:
        truth = self._evaluator.condition(statement.condition, environment, "the condition")
        if isinstance(truth, Undecided):
            message = "the condition depends on sizes that are not known"
            self._reporter.report("E0304", message, statement.condition.span)
        if isinstance(truth, (Unknown, Undecided)):
            self.current = UNKNOWN
            return
        body = statement.body if truth else statement.otherwise
        if body is not None:
            self._body(body, Environment(environment))

    def _from(self, statement: tree.FromStmt, environment: Environment) -> None:
        given = self._evaluator.value(statement.value, environment)
        if not isinstance(given, (Tensor, Unknown)):
            self._reporter.report("E0302", f"`from` needs a tensor, not {kind_of(given)}", statement.value.span)
            given = UNKNOWN
        self.current = given

    def _with(self, statement: tree.WithStmt, environment: Environment) -> None:
        mark = self._builder.defaults.mark()
        self._builder.defaults.push(with_settings(statement, environment, self._evaluator, self._reporter))
        if statement.body is not None:
            self._body(statement.body, Environment(environment))
            self._builder.defaults.release(mark)

    def _port(self, statement: tree.InputStmt | tree.OutputStmt | tree.HeadStmt, environment: Environment) -> None:
        if self._builder.scope != self._builder.root:
            noun = {tree.InputStmt: "an input", tree.OutputStmt: "an output"}.get(type(statement), "a head")
            message = f"{noun} stands in the net itself, not in a repeat, a block or a scope"
            self._reporter.report("E0207", message, statement.span)
        elif isinstance(statement, tree.InputStmt):
            value = self._ports.input(statement, environment)
            if self.current is None:
                self.current = value
        elif isinstance(statement, tree.OutputStmt):
            self._ports.output(statement, self.current, environment)
        else:
            self._head(statement, environment)

    def _head(self, statement: tree.HeadStmt, environment: Environment) -> None:
        x = self._taken("head", statement.name_span)
        path = self._builder.scope if statement.scope is None else self.opener.open(statement.scope, environment)
        result: object = UNKNOWN
        if not isinstance(path, Unknown):
            with self._builder.inside(path):
                result = self.run(statement.body, x, Environment(environment))
            if isinstance(result, Tensor) and statement.scope is not None:
                self._builder.mark_end_point(path, result)
        self._ports.make(statement.name, statement.name_span, result, environment)

    # Names and promises

    def let(self, statement: tree.LetStmt, environment: Environment) -> None:
        """Bind what a `let` says."""
        given: object
        if statement.params is None:
            given = self._evaluator.value(statement.value, environment)
        else:
            name = statement.pattern.name if isinstance(statement.pattern, tree.NamePattern) else "function"
            given = FunctionValue(name, statement.params, statement.value, environment)
            for param in statement.params:
                if param.name == "it":
                    self._reporter.report("E0206", "`it` always names the current tensor", param.span)
        self._bind(statement.pattern, given, environment)

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

    def _assert(self, statement: tree.AssertStmt, environment: Environment) -> None:
        truth = self._evaluator.condition(statement.condition, environment, "what is asserted")
        if isinstance(truth, Undecided):
            message = "this cannot be decided while sizes are not known"
            self._reporter.report("W0602", message, statement.condition.span)
        if truth is not False:
            return
        condition = statement.condition
        message = f"the assertion `{condition.span.text}` does not hold"
        if isinstance(condition, tree.BinaryExpr) and condition.operator not in ("and", "or"):
            left = self._evaluator.value(condition.left, environment)
            right = self._evaluator.value(condition.right, environment)
            message += f": {shown(left)} {condition.operator} {shown(right)} is false"
        why = self._evaluator.value(statement.message, environment) if statement.message is not None else ""
        if statement.message is not None and not isinstance(why, (str, Unknown)):
            complaint = f"the message of an assertion must be a string, not {kind_of(why)}"
            self._reporter.report("E0302", complaint, statement.message.span)
        self._reporter.report("E0306", message, statement.span, label=why if isinstance(why, str) else "")
