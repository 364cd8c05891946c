"""What an expression can be worth, besides Python's int, float, bool, str, None and tuple.

Tensors are `ir.graph.Tensor`, layers `ops.base.LayerValue`, kernels `ops.arguments.Kernel`, sizes that are not known
`types.SymbolicDim`.
"""

from __future__ import annotations

from slimdsl.ir.graph import Tensor
from slimdsl.ops.arguments import describe
from slimdsl.types import SymbolicDim
from slimdsl.values import Value, positional

MAX_INT = 2**63 - 1
MAX_LIST = 100_000
MAX_STRING = 10_000


class Unknown:
    """The worth of what was reported already; everything made of it is unknown too, silently."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class Undecided:
    """The worth of a comparison that depends on sizes which are not known yet."""

    def __repr__(self) -> str:
        return "UNDECIDED"


UNDECIDED = Undecided()


@positional
class Quotient(Value):
    """A size that is not known, divided by an integer: only `ceil`, `floor` and `int` make something of it."""

    numerator: SymbolicDim
    divisor: int

    def __str__(self) -> str:
        return f"{self.numerator.factor_text()}/{self.divisor}"


@positional
class ItemName(Value):
    """A net or a block by its name; `kind` is ``net`` or ``block``."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.name


def shown(given: object) -> str:
    """A value by itself, as one writes it; a tensor by its type."""
    if isinstance(given, Tensor):
        return str(given.type)
    return describe(given, bare=True)


def kind_of(given: object) -> str:
    """A value as messages name it: "the number 3", "a tensor [N, 7, 7, 512]"."""
    if isinstance(given, Tensor):
        return f"a tensor {given.type}"
    if isinstance(given, (SymbolicDim, Quotient)):
        return f"the size `{given}`"
    if isinstance(given, ItemName):
        return f"the {given.kind} `{given.name}`"
    return describe(given)
