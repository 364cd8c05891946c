"""Arguments of a call to what is called: an op, an initialiser, a regulariser, a block, a function, a net."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.ops.arguments import ArgumentSpec, argument_specs
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.values import Unknown
from slimdsl.syntax import tree
from slimdsl.values import Value, positional

if TYPE_CHECKING:
    from slimdsl.semantics.evaluate import Evaluator


@positional
class Bound(Value):
    """The arguments that were written, by name: their checked values and their places."""

    values: dict[str, object]
    spans: dict[str, Span]


def bind_arguments(
    callee: type[Value],
    name: str,
    arguments: Iterable[tree.Argument],
    name_span: Span,
    environment: Environment,
    evaluator: Evaluator,
    reporter: Reporter,
) -> Bound | None:
    """Match and check what was written in a call; None where something was reported, after all of it was looked at."""
    specs = argument_specs(callee)
    order = list(specs)
    values: dict[str, object] = {}
    spans: dict[str, Span] = {}
    fine = True
    keyword_seen = False
    for position, argument in enumerate(arguments):
        spec: ArgumentSpec | None = None
        if argument.name is not None:
            keyword_seen = True
            spec = specs.get(argument.name)
            if spec is None:
                help = reporter.did_you_mean(argument.name, order) or _listed(order)
                reporter.report("E0202", f"`{name}` has no argument `{argument.name}`", argument.span, help=help)
        elif keyword_seen:
            reporter.report("E0303", "an argument by position cannot follow one by name", argument.span)
        elif position < len(order):
            spec = specs[order[position]]
        elif position == len(order):
            count = f"{len(order)} argument{'' if len(order) == 1 else 's'}"
            message = f"`{name}` takes at most {count}" if order else f"`{name}` takes no arguments"
            reporter.report("E0303", message, argument.span, label="one too many", help=_listed(order))
        if spec is None:
            fine = False
            continue
        if spec.name in spans:
            labels = (Label(spans[spec.name], "given here first"),)
            reporter.report("E0303", f"`{spec.name}` is given twice", argument.span, labels=labels)
            fine = False
            continue
        spans[spec.name] = argument.value.span
        values[spec.name] = evaluator.checked(argument.value, environment, spec.kind, f"`{spec.name}` of `{name}`")
        fine = fine and not isinstance(values[spec.name], Unknown)
    return Bound(values, spans) if fine else None


def _listed(names: list[str]) -> str:
    return f"its arguments are {', '.join(f'`{name}`' for name in names)}" if names else ""


def bind_params(
    name: str,
    params: Sequence[tree.Param],
    arguments: Sequence[tree.Argument],
    environment: Environment,
    evaluator: Evaluator,
    reporter: Reporter,
) -> dict[str, object] | None:
    """Match what was written in a call to the parameters of a block or a function; None where it was reported."""
    names = [param.name for param in params]
    values: dict[str, object] = {}
    spans: dict[str, Span] = {}
    fine, keyword_seen = True, False
    for position, argument in enumerate(arguments):
        key = argument.name
        if key is None and keyword_seen:
            reporter.report("E0303", "an argument by position cannot follow one by name", argument.span)
            return None
        keyword_seen = keyword_seen or key is not None
        if key is None and position >= len(names):
            count = f"{len(names)} argument{'' if len(names) == 1 else 's'}"
            message = f"`{name}` takes at most {count}" if names else f"`{name}` takes no arguments"
            reporter.report("E0303", message, argument.span, label="one too many")
            return None
        key = names[position] if key is None else key
        if key not in names:
            listed = f"its parameters are {', '.join(f'`{known}`' for known in names)}" if names else ""
            help = reporter.did_you_mean(key, names) or listed
            reporter.report("E0202", f"`{name}` has no parameter `{key}`", argument.span, help=help)
            fine = False
        elif key in values:
            labels = (Label(spans[key], "given here first"),)
            reporter.report("E0303", f"`{key}` is given twice", argument.span, labels=labels)
            fine = False
        else:
            values[key] = evaluator.value(argument.value, environment)
            spans[key] = argument.span
            fine = fine and not isinstance(values[key], Unknown)
    return values if fine else None


def param_values(
    name: str,
    params: Sequence[tree.Param],
    given: Mapping[str, object],
    environment: Environment,
    span: Span,
    evaluator: Evaluator,
    reporter: Reporter,
) -> dict[str, object] | None:
    """Values for all parameters: as given, else the default, which may use the parameters before it.

    The parameters are bound in `environment`, which is one of the callee's own; a missing one is reported at `span`.
    None where something was reported.
    """
    values: dict[str, object] = {}
    for param in params:
        if param.name in given:
            values[param.name] = given[param.name]
        elif param.default is not None:
            values[param.name] = evaluator.value(param.default, environment)
        else:
            help = param.doc.strip().partition("\n")[0]
            reporter.report("E0303", f"`{name}` needs `{param.name}`", span, help=help)
            return None
        environment.bind(param.name, values[param.name], param.span)
    return None if any(isinstance(value, Unknown) for value in values.values()) else values
