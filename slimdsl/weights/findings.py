"""What keeps a file from being the weights of a network, as diagnostics."""

from __future__ import annotations

from collections import Counter

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.ir.graph import Variable
from slimdsl.types import DType, shape_text
from slimdsl.values import fields_of
from slimdsl.weights.comparison import Comparison, Extra, Pair
from slimdsl.weights.guesses import guess_renames, most_alike, rename_rules
from slimdsl.weights.stored import WeightsFile
from slimdsl.weights.training_state import SHADOW

MOST_OF_A_CODE = 10
"""Findings of one code that `first_findings` gives."""


def first_findings(comparison: Comparison) -> tuple[Diagnostic, ...]:
    """As `findings`, without what follows from something else, and at most `MOST_OF_A_CODE` of a code.

    A file of another network gives hundreds; `slimdsl weights diff` lists them all.
    """
    if comparison.problems:
        # What cannot be read or is called by a wrong name is missing below: that says nothing new.
        return comparison.problems
    found = findings(comparison)
    counts: Counter[str] = Counter()
    kept = []
    totals = Counter(diagnostic.code for diagnostic in found)
    for diagnostic in found:
        counts[diagnostic.code] += 1
        if counts[diagnostic.code] < MOST_OF_A_CODE or totals[diagnostic.code] <= MOST_OF_A_CODE:
            kept.append(diagnostic)
        elif counts[diagnostic.code] == MOST_OF_A_CODE:
            more = totals[diagnostic.code] - MOST_OF_A_CODE
            advice = f"(and {more} more like this; `slimdsl weights diff` lists them)"
            kept.append(_with_help(diagnostic, f"{diagnostic.help} {advice}".lstrip()))
    return _with_renames(comparison, kept)


def findings(comparison: Comparison) -> tuple[Diagnostic, ...]:
    """Everything that keeps the file from being the weights of these variables; empty where it is."""
    found = list(comparison.problems)
    mismatches = {pair.variable: pair for pair in (*comparison.wrong_shape, *comparison.wrong_dtype)}
    extra_of_shape: dict[tuple[int, ...], list[str]] = {}
    for extra in comparison.extra:
        extra_of_shape.setdefault(extra.stored.shape, []).append(extra.name)
    missing = set(comparison.missing)
    for variable in comparison.variables:
        if variable in mismatches:
            found.extend(_mismatches(comparison.file, mismatches[variable]))
        elif variable in missing:
            found.append(_missing(comparison.file, variable, extra_of_shape.get(variable.shape, [])))
    missing_of_shape: dict[tuple[int, ...], list[str]] = {}
    for variable in comparison.missing:
        missing_of_shape.setdefault(variable.shape, []).append(variable.name)
    found.extend(
        _left_over(comparison.file, extra, missing_of_shape.get(extra.stored.shape, [])) for extra in comparison.extra
    )
    return tuple(found)


def _missing(file: WeightsFile, variable: Variable, candidates: list[str]) -> Diagnostic:
    similar = most_alike(variable.name, candidates)
    return Diagnostic(
        code="E0501",
        message=f"`{file.path}` has no {file.entry} for the variable `{variable.name}`, {shape_text(variable.shape)}",
        span=variable.span,
        help=f"the file has `{similar}` of that shape" if similar else "",
    )


def _left_over(file: WeightsFile, extra: Extra, candidates: list[str]) -> Diagnostic:
    similar = most_alike(extra.name, candidates)
    article = "an" if file.entry[0] in "aeiou" else "a"
    leave_out = f"`--except {extra.name}` leaves it out" if extra.name else ""
    return Diagnostic(
        code="E0502",
        message=f"`{file.path}` has {article} {file.entry} `{extra.name}`, which no variable is called",
        span=None,
        help=f"did you mean `{similar}`?" if similar else leave_out,
    )


def _mismatches(file: WeightsFile, pair: Pair) -> list[Diagnostic]:
    variable, stored = pair.variable, pair.stored
    found = []
    if stored.shape != variable.shape:
        message = (
            f"`{file.path}`: the {file.entry} `{stored.name}` is {shape_text(stored.shape)}, "
            f"the variable is {shape_text(variable.shape)}"
        )
        scope = variable.name.rpartition("/")[0] or variable.name
        help_text = _layout_help(stored.shape, variable.shape) or f"`--except {scope}` leaves that scope out"
        found.append(Diagnostic(code="E0503", message=message, span=variable.span, help=help_text))
    dtype = variable.tensor.type.dtype
    if stored.dtype is not dtype:
        message = (
            f"`{file.path}`: the {file.entry} `{stored.name}` is of the type {stored.type_text}, "
            f"the variable is {dtype.value}"
        )
        spelling = "ml_dtypes.bfloat16" if dtype is DType.BFLOAT16 else f'"{dtype.value}"'
        help_text = f"convert it with `.astype({spelling})` before saving it"
        found.append(Diagnostic(code="E0504", message=message, span=variable.span, help=help_text))
    return found


def _layout_help(given: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if len(given) == 4 and (given[2], given[3], given[1], given[0]) == wanted:
        return "this is PyTorch's order; `.transpose(2, 3, 1, 0)` gives TensorFlow's"
    if len(given) == 2 and given[::-1] == wanted:
        return "the matrix is transposed; `.T` turns it round"
    return ""


def _with_renames(comparison: Comparison, found: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The first missing variable says how everything was perhaps renamed."""
    guessed = guess_renames(
        {variable.name: variable.shape for variable in comparison.missing},
        {extra.stored.name.removesuffix(SHADOW): extra.stored.shape for extra in comparison.extra},
    )
    rules = [(old, new) for old, new in rename_rules(guessed, len(comparison.missing)) if len(guessed) > 1][:1]
    result = []
    for diagnostic in found:
        if rules and diagnostic.code == "E0501":
            ((old, new),) = rules
            advice = f"perhaps the scope was renamed: --rename {old}={new}"
            result.append(_with_help(diagnostic, advice))
            rules = []
        else:
            result.append(diagnostic)
    return tuple(result)


def _with_help(diagnostic: Diagnostic, help: str) -> Diagnostic:
    given = {name: getattr(diagnostic, name) for name in fields_of(diagnostic)}
    return Diagnostic(**{**given, "help": help})
