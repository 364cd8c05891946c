"""What a `with` sets: every key is checked where it is written, against the layers it is written for."""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.ops.arguments import AnyKind, Kind, argument_specs
from slimdsl.ops.base import Op
from slimdsl.semantics.callables import BlockValue
from slimdsl.semantics.defaults import Default
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.tables import LAYERS, MERGES
from slimdsl.semantics.values import Unknown, kind_of
from slimdsl.syntax import tree


def with_settings(
    statement: tree.WithStmt, environment: Environment, evaluator: Evaluator, reporter: Reporter
) -> dict[str, dict[str, Default]]:
    """Layer -> argument -> default; what was reported is left out.

    A key that only some of the layers have is set for those: that is how one `with` serves `conv` and `fc`.
    """
    layers = _layers(statement, environment, reporter)
    settings: dict[str, dict[str, Default]] = {layer: {} for layer, _ in layers}
    seen: dict[str, Span] = {}
    for argument in statement.defaults:
        if argument.name is None:
            reporter.report("E0303", "a `with` sets arguments by name", argument.span, help="write `name=value`")
            continue
        if argument.name in seen:
            labels = (Label(seen[argument.name], "given here first"),)
            reporter.report("E0303", f"`{argument.name}` is given twice", argument.span, labels=labels)
            continue
        seen[argument.name] = argument.span
        owners = [(layer, specs[argument.name]) for layer, specs in layers if argument.name in specs]
        if not owners:
            if len(layers) == len(statement.targets):
                _unknown_key(argument, layers, reporter)
            continue
        for layer, kind in owners:
            what = f"`{argument.name}` of `{layer.removeprefix('block ')}`"
            given = evaluator.checked(argument.value, environment, kind, what)
            settings[layer][argument.name] = Default(given, argument.span)
            if isinstance(given, Unknown):
                # One complaint is enough; what the layers get is unknown all the same.
                settings.update(
                    {name: {**settings[name], argument.name: Default(given, argument.span)} for name, _ in owners}
                )
                break
    return settings


_ANYTHING = AnyKind()


def _layers(
    statement: tree.WithStmt, environment: Environment, reporter: Reporter
) -> list[tuple[str, dict[str, Kind]]]:
    layers: list[tuple[str, dict[str, Kind]]] = []
    for target in statement.targets:
        op: type[Op] | None = LAYERS.get(target.name)
        binding = environment.find(target.name)
        if binding is not None and isinstance(binding.value, BlockValue):
            layers.append((binding.value.defaults_key, dict.fromkeys(binding.value.parameters, _ANYTHING)))
        elif op is not None:
            layers.append((target.name, {name: spec.kind for name, spec in argument_specs(op).items()}))
        elif target.name in MERGES:
            message = f"`{target.name}` is a merge; `with` sets defaults of layers and blocks"
            reporter.report("E0204", message, target.span)
        elif binding is not None and not isinstance(binding.value, Unknown):
            message = f"`{target.name}` is {kind_of(binding.value)}; `with` sets defaults of layers and blocks"
            reporter.report("E0204", message, target.span, labels=(Label(binding.span, "bound here"),))
        else:
            help = reporter.did_you_mean(target.name, LAYERS)
            reporter.report("E0201", f"unknown layer `{target.name}`", target.span, help=help)
    return layers


def _unknown_key(argument: tree.Argument, layers: list[tuple[str, dict[str, Kind]]], reporter: Reporter) -> None:
    assert argument.name is not None
    names = list(dict.fromkeys(name for _, specs in layers for name in specs))
    one = len(layers) == 1
    called = [f"`{layer.removeprefix('block ')}`" for layer, _ in layers]
    who = f"{called[0]} has" if one else f"none of {', '.join(called)} has"
    message = f"{who} no argument `{argument.name}`" if one else f"{who} an argument `{argument.name}`"
    listed = f"the arguments are {', '.join(f'`{name}`' for name in names)}" if names else ""
    reporter.report("E0202", message, argument.span, help=reporter.did_you_mean(argument.name, names) or listed)
