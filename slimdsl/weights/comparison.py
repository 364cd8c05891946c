"""A network's variables beside the tensors of a file: what fits, what is missing, what is left over, what differs."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.ir.graph import Variable
from slimdsl.values import Value, positional, value
from slimdsl.weights.selection import EVERYTHING, Selection, select
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
    excepted = {v.name: v for v in variables if v.name in selected.exceptions}
    unread = {name: problem for name, problem in file.problems.items() if name not in selected.exceptions}
    matching, wrong_shape, wrong_dtype, missing = [], [], [], []
    for variable in variables:
        if variable.name in excepted:
            continue
        origin = selected.names.get(variable.name)
        stored = None if origin is None else file.tensors[origin]
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
        # A moving average that is taken in place of a value is judged as that value.
        kind = "" if name in selected.averaged else training_state(origin, file.tensors)
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
        excepted=tuple(excepted.values()),
        left_out=selected.excepted,
        state=tuple(state),
        averaged=sum(pair.variable.name in selected.averaged for pair in matching),
        problems=(*unread.values(), *selected.problems),
    )
