"""Arguments of a call to what an op, an initialiser or a regulariser declares: names, order, kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.ops.arguments import ArgumentSpec, argument_specs
from slimdsl.ops.base import Initializer, Op, Regularizer
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
    callee: type[Op] | type[Initializer] | type[Regularizer],
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
                help = did_you_mean(argument.name, order) or _listed(order)
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
