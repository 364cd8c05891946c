"""Settings from outside, such as ``--set train.batch=8``, that go before what a `train` block says.

Besides the settings of a block these are `optimizer`, its `learning_rate` alone, and `loss` and `metric`: a call, or a
list of calls, in place of all that the block has.
"""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.ir.graph import Graph
from slimdsl.ops.arguments import argument_specs
from slimdsl.ops.base import ShapeError
from slimdsl.recipe.base import Loss, Metric, Optimizer
from slimdsl.recipe.operands import ALIKE, check_term
from slimdsl.recipe.recipe import SETTINGS, LossTerm, MetricTerm
from slimdsl.recipe.schedules import Rate
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.train_block import LENGTHS, OPTIMIZER, Block, BlockReader
from slimdsl.semantics.train_default import DEFAULT_OPTIMIZER, LABELS, class_numbers, default_metrics
from slimdsl.syntax import tree
from slimdsl.types import DType, TensorType

_RATE, _LOSS, _METRIC = "learning_rate", "loss", "metric"

KEYS = (*SETTINGS, OPTIMIZER, _RATE, _LOSS, _METRIC)
"""All that can be set from outside."""


class _WrongSettingError(Exception):
    """A setting cannot be what it is given as.

    Args:
        name: its key.
        message: what is wrong.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"train.{name}: {message}")


def override(
    block: Block, settings: Mapping[str, tree.Expr], reader: BlockReader, reporter: Reporter, graph: Graph | None
) -> tuple[Block, str]:
    """The block with the settings in place of its own, and what is wrong with one of them; "" where nothing is."""
    if not settings or graph is None:
        return block, ""
    try:
        return _Overriding(block, reader, reporter, graph).overridden(settings), ""
    except _WrongSettingError as error:
        return block, str(error)


class _Overriding:
    """Settings on their way into a block."""

    def __init__(self, block: Block, reader: BlockReader, reporter: Reporter, graph: Graph) -> None:
        self._block = block
        self._reader = reader
        self._reporter = reporter
        self._graph = graph
        self._before = len(reporter.diagnostics)
        self._implied = "" if block.inputs or LABELS in (*graph.inputs, *graph.outputs) else LABELS

    def overridden(self, settings: Mapping[str, tree.Expr]) -> Block:
        """The block with all of them."""
        unknown = next((name for name in settings if name not in KEYS), None)
        if unknown is not None:
            hint = did_you_mean(unknown, KEYS) or f"the settings are {', '.join(KEYS)}"
            raise _WrongSettingError(unknown, f"there is no such setting; {hint}")
        if OPTIMIZER in settings and _RATE in settings:
            raise _WrongSettingError(_RATE, "`train.optimizer` says it already; give one of the two")
        block = self._block
        taken = [] if _METRIC in settings else [term.name for term in block.metrics]
        losses = tuple(term for term in self._terms(_LOSS, settings, taken) if isinstance(term, LossTerm))
        taken = [term.name for term in losses or block.losses]
        metrics = tuple(term for term in self._terms(_METRIC, settings, taken) if isinstance(term, MetricTerm))
        made = Block(
            inputs=self._inputs(losses, metrics),
            losses=losses or block.losses,
            optimizer=self._optimizer(settings),
            metrics=metrics or block.metrics,
            settings=self._settings(settings),
        )
        if not losses or metrics or block.losses or block.metrics:
            return made
        # What the block leaves open altogether is TF-Slim's recipe, of which the loss alone is replaced.
        return Block(
            inputs=made.inputs,
            losses=losses,
            optimizer=made.optimizer,
            metrics=default_metrics(made, self._graph),
            settings=made.settings,
        )

    def _settings(self, settings: Mapping[str, tree.Expr]) -> dict[str, object]:
        given = {}
        for name, expression in settings.items():
            if name in SETTINGS:
                given[name] = self._reader.setting(name, expression)
                self._require_no_findings(name)
        lengths = [name for name in LENGTHS if given.get(name) is not None]
        if len(lengths) > 1:
            message = f"`{lengths[0]}` says how long the training is already; give one of the two"
            raise _WrongSettingError(lengths[1], message)
        kept = {name: old for name, old in self._block.settings.items() if not (lengths and name in LENGTHS)}
        return {**kept, **given}

    def _optimizer(self, settings: Mapping[str, tree.Expr]) -> Optimizer | None:
        optimizer = self._block.optimizer
        if OPTIMIZER in settings:
            optimizer = self._reader.optimizer(settings[OPTIMIZER])
            self._require_no_findings(OPTIMIZER)
        if _RATE in settings:
            rate = self._reader.rate(settings[_RATE])
            self._require_no_findings(_RATE)
            assert rate is not None, "what is no rate is reported"
            optimizer = _with_rate(optimizer or DEFAULT_OPTIMIZER, rate)
        return optimizer

    def _terms(
        self, word: str, settings: Mapping[str, tree.Expr], taken: list[str]
    ) -> tuple[LossTerm | MetricTerm, ...]:
        """The losses or the metrics that are given; () for none."""
        if word not in settings:
            return ()
        terms = self._reader.terms(word, settings[word], taken, self._implied)
        self._require_no_findings(word)
        if not terms:
            raise _WrongSettingError(word, f"the list is empty: give a {word}, or leave it as it is")
        return terms

    def _inputs(self, losses: tuple[LossTerm, ...], metrics: tuple[MetricTerm, ...]) -> dict[str, TensorType]:
        """The inputs of the training, with labels that nothing declares and a given loss or metric takes."""
        terms: list[LossTerm | MetricTerm] = [*losses, *metrics]
        taking = [term for term in terms if self._implied in term.operands]
        if not self._implied or not taking:
            return self._block.inputs
        type = None if losses or self._block.losses else class_numbers(self._graph)
        type = type or next((type for term in taking if (type := self._wanted(term)) is not None), None)
        if type is None:
            raise _WrongSettingError(
                _word(taking[0]), f"nothing says what `{LABELS}` are: declare them in a `train` block"
            )
        for term in taking:
            self._check(term, type)
        return {LABELS: type}

    def _wanted(self, term: LossTerm | MetricTerm) -> TensorType | None:
        """What a loss or a metric wants of labels that it takes; None where its other tensor does not say it."""
        other = next((name for name in term.operands if name != LABELS), "")
        types = self._types()
        if other not in types:
            return None
        if _part(term).takes == ALIKE:
            return types[other]
        return TensorType(dtype=DType.INT32, shape=types[other].shape[:-1])

    def _check(self, term: LossTerm | MetricTerm, labels: TensorType) -> None:
        types = {**self._types(), LABELS: labels}
        try:
            part = _part(term)
            elements = part.elements if isinstance(part, Loss) else ""
            check_term(part.takes, elements, term.operands, tuple(types[name] for name in term.operands))
        except ShapeError as error:
            raise _WrongSettingError(_word(term), "; ".join(filter(None, (error.message, error.help)))) from error

    def _types(self) -> dict[str, TensorType]:
        return {name: tensor.type for name, tensor in {**self._graph.inputs, **self._graph.outputs}.items()}

    def _require_no_findings(self, name: str) -> None:
        """Refuse a setting about which something was reported since the block was read."""
        if len(self._reporter.diagnostics) > self._before:
            found = self._reporter.diagnostics[self._before]
            raise _WrongSettingError(name, "; ".join(filter(None, (found.message, found.help))))


def _with_rate(optimizer: Optimizer, rate: Rate) -> Optimizer:
    kept = {name: getattr(optimizer, name) for name in argument_specs(type(optimizer))}
    return type(optimizer)(**{**kept, _RATE: rate})


def _part(term: LossTerm | MetricTerm) -> Loss | Metric:
    return term.loss if isinstance(term, LossTerm) else term.metric


def _word(term: LossTerm | MetricTerm) -> str:
    return _LOSS if isinstance(term, LossTerm) else _METRIC
