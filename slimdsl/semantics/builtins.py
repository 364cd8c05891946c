"""The functions of compile-time expressions: one entry each, in one tuple.

A builtin takes its evaluated arguments and the builder, which `params` and `flops` ask what was built so far; it raises
`ArgumentError` for what it cannot take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from slimdsl.ir.graph import Tensor
from slimdsl.ops.arguments import ArgumentError
from slimdsl.semantics.arithmetic import binary, bounded, is_number
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.scopes import join, prefixes
from slimdsl.semantics.values import UNKNOWN, Quotient, Undecided, kind_of
from slimdsl.types import SymbolicDim, ceil_div, substitute
from slimdsl.values import Value, positional


@positional
class Builtin(Value):
    """A function of the language: its name, how many arguments it takes (the last bound None: any number), its rule."""

    name: str
    least: int
    most: int | None
    apply: Callable[[Sequence[object], GraphBuilder], object]


def _extreme(operator: str) -> Callable[[Sequence[object], GraphBuilder], object]:
    def choose(given: Sequence[object], _: GraphBuilder) -> object:
        items = given[0] if len(given) == 1 and isinstance(given[0], tuple) else given
        assert isinstance(items, Sequence)
        if not items:
            raise ArgumentError("an empty list has no least and no greatest entry")
        best = items[0]
        for item in items:
            better = binary(operator, item, best)
            if isinstance(better, Undecided):
                raise ArgumentError(f"`{item}` and `{best}` cannot be compared while sizes are not known")
            best = item if better else best
        return best

    return choose


def _rounded(to_float: Callable[[float], float], up: bool | None) -> Callable[[Sequence[object], GraphBuilder], object]:
    def apply(given: Sequence[object], _: GraphBuilder) -> object:
        number = given[0]
        if isinstance(number, Quotient) and up is not None:
            return ceil_div(number.numerator, number.divisor) if up else number.numerator // number.divisor
        if isinstance(number, SymbolicDim):
            return number
        if not is_number(number):
            raise ArgumentError(f"needs a number, not {kind_of(number)}")
        return bounded(int(to_float(number)))

    return apply


def _int(given: Sequence[object], builder: GraphBuilder) -> object:
    return int(given[0]) if isinstance(given[0], bool) else _rounded(int, up=False)(given, builder)


def _float(given: Sequence[object], _: GraphBuilder) -> object:
    if not is_number(given[0]):
        raise ArgumentError(f"needs a number, not {kind_of(given[0])}")
    return float(given[0])


def _abs(given: Sequence[object], _: GraphBuilder) -> object:
    if not is_number(given[0]):
        raise ArgumentError(f"needs a number, not {kind_of(given[0])}")
    return abs(given[0])


def _list(given: object) -> tuple[object, ...]:
    if not isinstance(given, tuple):
        raise ArgumentError(f"needs a list, not {kind_of(given)}")
    return given


def _len(given: Sequence[object], _: GraphBuilder) -> object:
    return len(given[0]) if isinstance(given[0], str) else len(_list(given[0]))


def _fold(operator: str, start: int) -> Callable[[Sequence[object], GraphBuilder], object]:
    def apply(given: Sequence[object], _: GraphBuilder) -> object:
        total: object = start
        for item in _list(given[0]):
            total = binary(operator, total, item)
        return total

    return apply


def _enumerate(given: Sequence[object], _: GraphBuilder) -> object:
    start = given[1] if len(given) > 1 else 0
    if not isinstance(start, int):
        raise ArgumentError(f"`start` must be an integer, not {kind_of(start)}")
    return tuple(enumerate(_list(given[0]), start))


def _zip(given: Sequence[object], _: GraphBuilder) -> object:
    lists = [_list(item) for item in given]
    if len({len(items) for items in lists}) > 1:
        raise ArgumentError(f"the lists have different lengths: {', '.join(str(len(items)) for items in lists)}")
    return tuple(zip(*lists))


def _tensor(given: object) -> Tensor:
    if not isinstance(given, Tensor):
        raise ArgumentError(f"needs a tensor, not {kind_of(given)}")
    return given


def _axis(axis: int, name: str) -> Callable[[Sequence[object], GraphBuilder], object]:
    def apply(given: Sequence[object], _: GraphBuilder) -> object:
        shape = _tensor(given[0]).type.shape
        if name != "channels" and len(shape) != 4:
            raise ArgumentError(f"needs a tensor of rank 4, not of rank {len(shape)}")
        if not shape:
            raise ArgumentError("needs a tensor of rank 1 or more, not a scalar")
        return shape[axis]

    return apply


def _rank(given: Sequence[object], _: GraphBuilder) -> object:
    return _tensor(given[0]).type.rank


def _shape(given: Sequence[object], _: GraphBuilder) -> object:
    return _tensor(given[0]).type.shape


def _end_point(given: Sequence[object], builder: GraphBuilder) -> object:
    """The last tensor made so far in a scope: one of that path below the open scope or, outwards, one around it."""
    path = given[0]
    if not isinstance(path, str):
        raise ArgumentError(f"needs a scope as text, not {kind_of(path)}")
    for around in (*prefixes(builder.scope, ""), ""):
        wanted = join(around, path)
        found = builder.end_point(f"/{wanted}")
        if found is not None:
            return found
        if builder.names.is_open(wanted) and not f"{builder.scope}/".startswith(f"{wanted}/"):
            return UNKNOWN  # What was to make it failed, which is reported.
    raise ArgumentError(f"finds no tensor made in the scope `{path}` above")


def _params(_: Sequence[object], builder: GraphBuilder) -> object:
    return builder.parameter_count


def _flops(_: Sequence[object], builder: GraphBuilder) -> object:
    batches = {str(tensor.type.shape[0]): 1 for tensor in builder.inputs.values() if tensor.type.shape}
    return bounded(2 * substitute(builder.macs(), batches))


BUILTINS: tuple[Builtin, ...] = (
    Builtin("abs", 1, 1, _abs),
    Builtin("ceil", 1, 1, _rounded(math.ceil, up=True)),
    Builtin("channels", 1, 1, _axis(-1, "channels")),
    Builtin("end_point", 1, 1, _end_point),
    Builtin("enumerate", 1, 2, _enumerate),
    Builtin("float", 1, 1, _float),
    Builtin("floor", 1, 1, _rounded(math.floor, up=False)),
    Builtin("flops", 0, 0, _flops),  # of one example: the batch counts as 1
    Builtin("height", 1, 1, _axis(1, "height")),
    Builtin("int", 1, 1, _int),
    Builtin("len", 1, 1, _len),
    Builtin("max", 1, None, _extreme(">")),
    Builtin("min", 1, None, _extreme("<")),
    Builtin("params", 0, 0, _params),
    Builtin("product", 1, 1, _fold("*", 1)),
    Builtin("rank", 1, 1, _rank),
    Builtin("round", 1, 1, _rounded(round, up=None)),
    Builtin("shape", 1, 1, _shape),
    Builtin("sum", 1, 1, _fold("+", 0)),
    Builtin("width", 1, 1, _axis(2, "width")),
    Builtin("zip", 1, None, _zip),
)

BUILTIN_NAMES: dict[str, Builtin] = {builtin.name: builtin for builtin in BUILTINS}
