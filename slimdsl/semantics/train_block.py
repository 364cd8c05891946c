"""What the statements of a `train` block say: inputs, losses, an optimizer, metrics and settings."""

from __future__ import annotations

from collections.abc import Iterable

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Tensor
from slimdsl.recipe.base import Optimizer
from slimdsl.recipe.kinds import OptimizerKind, RateKind
from slimdsl.recipe.recipe import SETTINGS, LossTerm, MetricTerm
from slimdsl.recipe.schedules import Rate
from slimdsl.recipe.scopes import in_scope
from slimdsl.semantics.analyze import Analysis
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.statements import Statements
from slimdsl.semantics.train_terms import TermReader
from slimdsl.semantics.values import Unknown
from slimdsl.syntax import tree
from slimdsl.types import TensorType, surely_unequal
from slimdsl.values import Value, value

OPTIMIZER = "optimizer"
DIRECTIVES = ("loss", OPTIMIZER, "metric")
LENGTHS = ("steps", "epochs")
"""The settings that say how long a training is; one excludes the other."""

_OPTIMIZER_KIND, _RATE_KIND = OptimizerKind(), RateKind()


@value
class Block(Value):
    """What a block says; what it does not say is missing or empty."""

    inputs: dict[str, TensorType]
    losses: tuple[LossTerm, ...]
    optimizer: Optimizer | None
    metrics: tuple[MetricTerm, ...]
    settings: dict[str, object]


class BlockReader:
    """Reads a block, and single values for it, for one net."""

    def __init__(
        self, reporter: Reporter, statements: Statements, environment: Environment, analysis: Analysis
    ) -> None:
        self._reporter = reporter
        self._statements = statements
        self._environment = environment
        self._analysis = analysis
        self._declared: list[str] = []
        self._inputs: dict[str, TensorType] = {}
        self._optimizer: Optimizer | None = None
        self._settings: dict[str, object] = {}
        self._set_at: dict[str, Span] = {}
        self._terms: list[LossTerm | MetricTerm] = []

    def read(self, train: tree.TrainItem | None) -> Block:
        """Read a whole block, all of it, whatever is wrong."""
        written = train.statements if train is not None else ()
        for statement in written:
            if isinstance(statement, tree.InputStmt):
                self._input(statement)
        terms = self._term_reader({})
        for statement in written:
            if isinstance(statement, tree.TrainSetting):
                self._setting(statement)
            elif isinstance(statement, tree.TrainDirective):
                self._directive(statement, terms)
        return Block(
            inputs=self._inputs,
            losses=tuple(term for term in self._terms if isinstance(term, LossTerm)),
            optimizer=self._optimizer,
            metrics=tuple(term for term in self._terms if isinstance(term, MetricTerm)),
            settings=self._settings,
        )

    def optimizer(self, node: tree.Expr) -> Optimizer | None:
        """The optimizer that an expression means; None where something was reported."""
        given = self._statements.evaluator.checked(node, self._environment, _OPTIMIZER_KIND, "`optimizer`")
        return given if isinstance(given, Optimizer) else None

    def rate(self, node: tree.Expr) -> Rate | None:
        """The learning rate that an expression means; None where something was reported."""
        given = self._statements.evaluator.checked(node, self._environment, _RATE_KIND, "`learning_rate`")
        return None if isinstance(given, Unknown) else _RATE_KIND.check(given)

    def terms(
        self, word: str, node: tree.Expr, taken: Iterable[str], implied: str
    ) -> tuple[LossTerm | MetricTerm, ...] | None:
        """The losses or the metrics of a list of calls, or of one call; None where something was reported.

        Args:
            word: ``loss`` or ``metric``.
            node: the list or the call.
            taken: names of other terms.
            implied: a tensor that may be named though nothing declares it; "" for none.
        """
        reader = self._term_reader({implied: None} if implied else {})
        names, found = list(taken), []
        for call in node.items if isinstance(node, tree.ListExpr) else (node,):
            term = reader.read(word, call, names)
            if term is None:
                return None
            names.append(term.name)
            found.append(term)
        return tuple(found)

    def setting(self, name: str, node: tree.Expr) -> object:
        """The value of a setting that there is; UNKNOWN where something was reported."""
        given = self._statements.evaluator.checked(node, self._environment, SETTINGS[name].kind, f"`{name}`")
        if name == "trainable" and isinstance(given, tuple):
            self._check_scopes(given, node.span)
        if name == "multipliers" and isinstance(given, tuple):
            self._check_scopes(tuple(scope for scope, _ in given), node.span)
        if name == "batch" and isinstance(given, int):
            self._check_batch(given, node.span)
        return given

    def _term_reader(self, implied: dict[str, TensorType | None]) -> TermReader:
        tensors = {**implied, **self._tensors()}
        complete = self._analysis.complete
        return TermReader(self._reporter, self._statements.evaluator, self._environment, tensors, complete)

    def _tensors(self) -> dict[str, TensorType | None]:
        return {**dict.fromkeys(self._declared), **self._analysis.tensors, **self._inputs}

    def _input(self, statement: tree.InputStmt) -> None:
        self._declared.append(statement.name)
        given = self._statements.ports.input(statement, self._environment)
        if not isinstance(given, Tensor):
            return
        if statement.name in self._analysis.tensors:
            message = f"the net has an input or an output called `{statement.name}` already"
            self._reporter.report("E0206", message, statement.name_span)
            return
        if not given.type.rank:
            help = f"the first dimension is the batch: `input {statement.name}: {statement.dtype}[N]`"
            self._reporter.report("E0403", f"`{statement.name}` has no dimensions", statement.name_span, help=help)
            return
        self._inputs[statement.name] = given.type
        for name, tensor in self._analysis.graph.inputs.items() if self._analysis.graph is not None else ():
            if tensor.type.rank and surely_unequal(tensor.type.shape[0], given.type.shape[0]):
                message = f"`{statement.name}` has {given.type.shape[0]} examples, `{name}` has {tensor.type.shape[0]}"
                labels = (Label(tensor.span, f"the input `{name}`"),) if tensor.span is not None else ()
                help = "the first dimension of every input is the batch"
                self._reporter.report("E0401", message, statement.dims[0].span, labels=labels, help=help)

    def _setting(self, statement: tree.TrainSetting) -> None:
        name, span = statement.name, _first_word(statement)
        if name not in SETTINGS:
            help = self._reporter.did_you_mean(name, SETTINGS)
            if name in DIRECTIVES:
                help = f"write `{name} …`, without `=`"
            elif name == "learning_rate":
                help = "it is an argument of the optimizer: `optimizer sgd(learning_rate=0.01)`"
            self._reporter.report("E0201", f"unknown setting `{name}`", span, help=help)
            return
        if self._doubled(name, span):
            return
        given = self.setting(name, statement.value)
        others = [other for other in LENGTHS if other != name and self._settings.get(other) is not None]
        if name in LENGTHS and others and given is not None:
            labels = (Label(self._set_at[others[0]], "set here"),)
            message = f"`{others[0]}` says how long the training is already"
            self._reporter.report("E0217", message, span, labels=labels, help="leave one of the two out")
        if not isinstance(given, Unknown):
            self._settings[name] = given
        self._set_at[name] = span

    def _directive(self, statement: tree.TrainDirective, terms: TermReader) -> None:
        name, span = statement.name, _first_word(statement)
        if name == OPTIMIZER:
            if not self._doubled(name, span):
                self._set_at[name] = span
                self._optimizer = self.optimizer(statement.value)
        elif name in DIRECTIVES:
            term = terms.read(name, statement.value, [other.name for other in self._terms])
            if term is not None:
                self._terms.append(term)
        else:
            help = self._reporter.did_you_mean(name, DIRECTIVES)
            help = f"write `{name} = …`" if name in SETTINGS else help
            self._reporter.report("E0201", f"unknown directive `{name}`", span, help=help)

    def _doubled(self, name: str, span: Span) -> bool:
        if name in self._set_at:
            labels = (Label(self._set_at[name], "first here"),)
            self._reporter.report("E0206", f"`{name}` is set twice", span, labels=labels)
        return name in self._set_at

    def _check_scopes(self, scopes: tuple[str, ...], span: Span) -> None:
        graph = self._analysis.graph
        if graph is None:
            return
        for scope in scopes:
            if not any(in_scope(variable.name, scope) for variable in graph.variables):
                known = [part for variable in graph.variables for part in _scopes(variable.name)]
                message = f"the net `{graph.name}` has no variables in the scope `{scope}`"
                self._reporter.report("E0201", message, span, help=self._reporter.did_you_mean(scope, known))

    def _check_batch(self, batch: int, span: Span) -> None:
        graph = self._analysis.graph
        inputs = {name: tensor.type for name, tensor in graph.inputs.items()} if graph is not None else {}
        for name, type in {**inputs, **self._inputs}.items():
            first = type.shape[0] if type.rank else batch
            if isinstance(first, int) and first != batch:
                message = f"`batch` must be {first}, not {batch}: the input `{name}` has {first} examples"
                self._reporter.report("E0302", message, span)
                return


def _scopes(name: str) -> list[str]:
    """All scopes that a variable stands in, with the root and without."""
    parts = name.split("/")
    return ["/".join(parts[first:last]) for first in (0, 1) for last in range(first + 1, len(parts))]


def _first_word(statement: tree.TrainSetting | tree.TrainDirective) -> Span:
    start = statement.span.start
    return Span(statement.span.source, start, start + len(statement.name))
