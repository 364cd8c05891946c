"""A network's variables beside the tensors of a file: what fits, what is missing, what is left over, what differs."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.ir.graph import Variable
from slimdsl.types import DType, shape_text
from slimdsl.values import Value, positional, value
from slimdsl.weights.guesses import most_alike
from slimdsl.weights.selection import EVERYTHING, Selection, in_scope, select
from slimdsl.weights.stored import StoredTensor, WeightsFile
from slimdsl.weights.training_state import training_state


@positional
class Pair(Value):
    """A variable and the tensor of its name."""

    variable: Variable
    stored: StoredTensor


@positional
class Extra(Value):
    """A tensor that no variable is called like: the name that it would have in the network, and itself."""

    name: str
    stored: StoredTensor


@value
class Comparison(Value):
    """What came out.

    Attributes:
        file: the file.
        variables: all variables of the network.
        matching: what fits.
        wrong_shape: pairs of different shapes.
        wrong_dtype: pairs of the same shape and different element types.
        missing: variables that the file has nothing for.
        extra: tensors that no variable is called like and that are no state of training.
        excepted: variables that were not to be loaded.
        left_out: names of the file that were not to be loaded, as the network has them.
        state: the state of training, with what it is.
        averaged: how many of `matching` are moving averages.
        problems: entries that cannot be read, and parts of the selection that fit nothing.
    """

    file: WeightsFile
    variables: tuple[Variable, ...]
    matching: tuple[Pair, ...]
    wrong_shape: tuple[Pair, ...]
    wrong_dtype: tuple[Pair, ...]
    missing: tuple[Variable, ...]
    extra: tuple[Extra, ...]
    excepted: tuple[Variable, ...]
    left_out: tuple[str, ...]
    state: tuple[tuple[Extra, str], ...]
    averaged: int
    problems: tuple[Diagnostic, ...]

    @property
    def loads_whole(self) -> bool:
        """True where every variable that is wanted has its value in the file, and nothing is left over."""
        return not (self.wrong_shape or self.wrong_dtype or self.missing or self.extra or self.problems)


def compare(variables: Sequence[Variable], file: WeightsFile, selection: Selection = EVERYTHING) -> Comparison:
    """Compare a network with a file.

    Args:
        variables: of the network, in their order.
        file: the file, open.
        selection: what of it is taken, and under which names.
    """
    names = {variable.name for variable in variables}
    selected = select(selection, file, names)
    excepted = [v for v in variables if any(in_scope(v.name, scope) for scope in selection.excepted)]
    matching, wrong_shape, wrong_dtype, missing = [], [], [], []
    for variable in variables:
        if variable in excepted:
            continue
        stored = file.tensors.get(selected.names.get(variable.name, ""))
        if stored is None or (selection.ema and variable.trainable and variable.name not in selected.averaged):
            # A member that cannot be read is reported as such, not as missing.
            if variable.name not in file.problems:
                missing.append(variable)
        elif stored.shape != variable.shape:
            wrong_shape.append(Pair(variable, stored))
        elif stored.dtype is not variable.tensor.type.dtype:
            wrong_dtype.append(Pair(variable, stored))
        else:
            matching.append(Pair(variable, stored))
    extra, state = [], []
    missed = {variable.name for variable in missing}
    for name, origin in selected.names.items():
        if name in names and name not in missed:
            continue
        kind = training_state(origin, file.tensors)
        if kind:
            state.append((Extra(name, file.tensors[origin]), kind))
        elif name not in names:
            extra.append(Extra(name, file.tensors[origin]))
    return Comparison(
        file=file,
        variables=tuple(variables),
        matching=tuple(matching),
        wrong_shape=tuple(wrong_shape),
        wrong_dtype=tuple(wrong_dtype),
        missing=tuple(missing),
        extra=tuple(extra),
        excepted=tuple(excepted),
        left_out=selected.excepted,
        state=tuple(state),
        averaged=sum(pair.variable.name in selected.averaged for pair in matching),
        problems=(*file.problems.values(), *selected.problems),
    )


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
        _left_over(comparison.file, extra, missing_of_shape.get(extra.stored.shape, []))
        for extra in comparison.extra
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
    return Diagnostic(
        code="E0502",
        message=f"`{file.path}` has {article} {file.entry} `{extra.name}`, which no variable is called",
        span=None,
        help=f"did you mean `{similar}`?" if similar else f"`--except {extra.name}` leaves it out",
    )


def _mismatches(file: WeightsFile, pair: Pair) -> list[Diagnostic]:
    variable, stored = pair.variable, pair.stored
    found = []
    if stored.shape != variable.shape:
        message = (
            f"`{file.path}`: the {file.entry} `{stored.name}` is {shape_text(stored.shape)}, "
            f"the variable is {shape_text(variable.shape)}"
        )
        help_text = _layout_help(stored.shape, variable.shape)
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
