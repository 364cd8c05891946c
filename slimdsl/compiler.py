"""The driver: a source and options to a graph and all diagnostics, phase by phase and each only once.

Reads files and asks the rooms below; holds no rule of the language.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from slimdsl.diagnostics.diagnostic import Diagnostic, has_errors, sort_diagnostics
from slimdsl.diagnostics.source import Source
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.ir.graph import Graph
from slimdsl.library import Library, Loaded, read_source
from slimdsl.semantics.analyze import Analysis, NetInfo, analyze, survey
from slimdsl.semantics.limits import Budget
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.train_init import InitSource
from slimdsl.syntax import tree
from slimdsl.syntax.parser import parse_expression

if TYPE_CHECKING:
    from slimdsl.recipe.recipe import Recipe
    from slimdsl.semantics.train import Training

__all__ = ["Compilation", "UsageError", "read_source"]


class UsageError(Exception):
    """What was asked for cannot be asked of this file: an unknown net, an unknown parameter, none or several nets."""


class Compilation:
    """One source on its way to a graph.

    Args:
        source: the text.
        net: the net to compile; None for the only one.
        parameters: parameter of the net -> expression, as text of the language.
        training: build the training graph instead of the one for inference.
        read_diagnostics: what `read_source` had to say; the text is not parsed where that was an error.
        library: the files that were read already, to share them among compilations.

    Raises:
        UsageError: by any attribute, where net or parameters do not fit the file.
    """

    def __init__(
        self,
        source: Source,
        *,
        net: str | None = None,
        parameters: Mapping[str, str] | None = None,
        training: bool = False,
        read_diagnostics: tuple[Diagnostic, ...] = (),
        library: Library | None = None,
    ) -> None:
        self.source = source
        self.training = training
        self._net = net
        self._parameters = dict(parameters or {})
        self._read_diagnostics = read_diagnostics
        self._library = library or Library()

    def for_inference(self) -> Compilation:
        """The same net and parameters, compiled for inference."""
        return Compilation(
            self.source,
            net=self._net,
            parameters=self._parameters,
            read_diagnostics=self._read_diagnostics,
            library=self._library,
        )

    @cached_property
    def _loaded(self) -> Loaded:
        return self._library.load(self.source, self._read_diagnostics)

    @property
    def module(self) -> tree.Module:
        """The tree; of what could be parsed where there are errors."""
        return self._loaded.parsed.module

    @cached_property
    def _survey(self) -> tuple[tuple[NetInfo, ...], tuple[Diagnostic, ...]]:
        reporter = Reporter()
        nets = survey(self._loaded.items, reporter)
        return nets, tuple(reporter.diagnostics)

    @property
    def net_names(self) -> tuple[str, ...]:
        """The nets of the file, aliases included, in their order."""
        return tuple(net.name for net in self._survey[0])

    @property
    def used_files(self) -> tuple[str, ...]:
        """The paths of all files that the source uses, as they are written, from the root of the file system."""
        return tuple(self._loaded.used)

    @property
    def used_sources(self) -> dict[str, Source]:
        """The same paths -> what was read there."""
        return dict(self._loaded.used)

    @property
    def parameters(self) -> dict[str, str]:
        """The values that were given for parameters, as text of the language."""
        return dict(self._parameters)

    @property
    def init(self) -> InitSource | None:
        """Where the file's `train` block takes first values from; None where it does not say."""
        return self._loaded.items.init

    @property
    def checked_names(self) -> tuple[str, ...]:
        """The nets that were looked at: the one that was named, or all."""
        return tuple(self._analyses) if self._loaded.readable else ()

    @property
    def complete_names(self) -> tuple[str, ...]:
        """The nets that have a graph: those whose parameters all have a value."""
        return tuple(net.name for net in self._chosen if not self._missing(net)) if self._loaded.readable else ()

    @cached_property
    def _arguments(self) -> dict[str, tree.Expr]:
        arguments: dict[str, tree.Expr] = {}
        for name, text in self._parameters.items():
            expression, findings = parse_expression(Source(f"-D {name}", text))
            if expression is None or findings:
                reason = findings[0].message if findings else "it is empty"
                raise UsageError(f"the value of the parameter `{name}` cannot be read: {reason}")
            arguments[name] = expression
        known = [p for net in self._survey[0] if self._net in (None, net.name) for p in net.parameters]
        for name in arguments:
            if name not in known:
                there = f"there are {', '.join(f'`{each}`' for each in dict.fromkeys(known))}" if known else ""
                hint = did_you_mean(name, known) or there
                raise UsageError(f"no net here has a parameter `{name}`{hint and f'; {hint}'}")
        return arguments

    @cached_property
    def _chosen(self) -> tuple[NetInfo, ...]:
        nets = self._survey[0]
        if self._net is None:
            return nets
        for net in nets:
            if net.name == self._net:
                missing = self._missing(net)
                if missing:
                    raise UsageError(f"the net `{net.name}` needs a value for `{missing}`: -D {missing}=…")
                return (net,)
        if has_errors(self._survey[1]):
            return ()
        listed = f"the nets are {', '.join(self.net_names)}" if nets else "the file has no net"
        raise UsageError(f"there is no net `{self._net}`; {did_you_mean(self._net, self.net_names) or listed}")

    def _missing(self, net: NetInfo) -> str:
        """The first parameter of a net that has no value; empty where there is none."""
        return next((name for name in net.required if name not in self._arguments), "")

    @cached_property
    def _analyses(self) -> dict[str, Analysis]:
        budget = Budget()
        analyses = {}
        for net in self._chosen:
            analyses[net.name] = self._analyzed(net, budget, training=self.training)
        return analyses

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings of all phases, in the order of the text; where no net was chosen, about every net."""
        found = list(self._loaded.diagnostics)
        if not self._loaded.readable:
            # What a skipped statement would have made is missing below it: nothing more can be said with certainty.
            return sort_diagnostics(found)
        found += self._survey[1]
        for analysis in self._analyses.values():
            found += analysis.diagnostics
        found += self._train_diagnostics()
        return sort_diagnostics(found)

    @property
    def graph(self) -> Graph | None:
        """The graph of the chosen net; None where there are errors.

        Raises:
            UsageError: no net was named and the file has none, or several.
        """
        return None if has_errors(self.diagnostics) else self._analyses[self._choice()].graph

    def _choice(self) -> str:
        """The one net that is meant; see `graph`."""
        # A net that lacks an argument and is what an alias stands for is no choice of its own.
        bases = {net.base for net in self._chosen if net.name != net.base}
        choices = [net for net in self._chosen if not (self._missing(net) and net.name in bases)]
        if not choices:
            raise UsageError("the file has no net")
        if len(choices) > 1:
            raise UsageError(f"the file has several nets; choose one: {', '.join(net.name for net in choices)}")
        missing = self._missing(choices[0])
        if missing:
            raise UsageError(f"the net `{choices[0].name}` needs a value for `{missing}`")
        return choices[0].name

    # Training

    def recipe(self, settings: Mapping[str, str] | None = None) -> Recipe | None:
        """How the chosen net is trained, as its `train` block says; TF-Slim's recipe for classifiers without one.

        Args:
            settings: setting, as ``batch`` or ``train.batch`` -> expression, as text of the language; they go before
                the block's. Besides those of a block: ``optimizer``, ``learning_rate``, ``loss`` and ``metric``.

        Returns:
            The recipe; None where there are errors, in `diagnostics` or in those of the training graph.

        Raises:
            UsageError: as `graph`; a setting is unknown or wrong; the block does not suit the net; or there is no block
                and the net is no classifier.
        """
        if has_errors(self.diagnostics):
            return None
        overrides = {name.removeprefix("train."): _expression(name, text) for name, text in (settings or {}).items()}
        name = self._choice()
        analysis = self._training_analyses[name]
        if analysis.graph is None:
            return None
        training = self._training(name, analysis, overrides)
        if training.problem:
            raise UsageError(training.problem)
        if has_errors(training.diagnostics):
            raise UsageError(f"the `train` block does not suit the net `{name}`: {training.diagnostics[0].message}")
        if training.recipe is not None:
            self._check_metrics(name, training.recipe)
        return training.recipe

    def _check_metrics(self, name: str, recipe: Recipe) -> None:
        """Metrics are those of the network as it predicts, which may lack what only training has."""
        (net,) = (net for net in self._chosen if net.name == name)
        analysis = self._analyzed(net, Budget(), training=False) if self.training else self._analyses[name]
        for term in recipe.metrics:
            for operand in term.operands:
                if analysis.complete and operand not in analysis.tensors and operand not in recipe.inputs:
                    raise UsageError(f"the metric `{term.name}` takes `{operand}`, which `{name}` has in training only")

    @cached_property
    def _training_analyses(self) -> dict[str, Analysis]:
        """The nets as they are trained, whatever is compiled: losses may take what inference has not."""
        if self.training:
            return self._analyses
        budget = Budget()
        return {net.name: self._analyzed(net, budget, training=True) for net in self._chosen}

    def _analyzed(self, net: NetInfo, budget: Budget, *, training: bool) -> Analysis:
        arguments = {name: value for name, value in self._arguments.items() if name in net.parameters}
        return analyze(self._loaded.items, net.name, arguments, budget, training=training)

    def _training(self, name: str, analysis: Analysis, overrides: Mapping[str, tree.Expr]) -> Training:
        # Loaded only where something is trained: most checks need none of it.
        from slimdsl.semantics.train import resolve_training

        (net,) = (net for net in self._survey[0] if net.name == name)
        arguments = {key: value for key, value in self._arguments.items() if key in net.parameters}
        return resolve_training(self._loaded.items, name, arguments, analysis, Budget(), overrides)

    def _train_diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the `train` block: nothing, where it suits one net of the file."""
        if self._loaded.items.train is None or not self._chosen:
            return ()
        found = []
        for name, analysis in self._training_analyses.items():
            found.append(self._training(name, analysis, {}).diagnostics)
            if not found[-1]:
                return ()
        budget = Budget()
        for net in self._survey[0]:
            if net.name not in self._training_analyses:
                analysis = self._analyzed(net, budget, training=True)
                if not self._training(net.name, analysis, {}).diagnostics:
                    return ()
        return min(found, key=len)


def _expression(name: str, text: str) -> tree.Expr:
    expression, findings = parse_expression(Source(f"--set {name}", text))
    if expression is None or findings:
        reason = findings[0].message if findings else "it is empty"
        raise UsageError(f"the value of the setting `{name}` cannot be read: {reason}")
    return expression
