"""Element types, symbolic dimensions and tensor types: frozen values that every room shares.

A dimension is an `int` where it is known and a `SymbolicDim` where it is not. Symbolic dimensions are polynomials with
integer coefficients over *atoms* (a named size such as ``H``, or the floor of a polynomial divided by an integer), kept
in a normal form, so that ``ceil(ceil(H/2)/2)`` and ``ceil(H/4)`` are the same value. Named sizes stand for integers of
at least one. Must not know of tensors' contents, of the language or of any backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from math import gcd
from typing import Union

from slimdsl.values import Value, positional, value


class DType(Enum):
    """Element type of a tensor; the value is its spelling in the language and in the manifest."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"
    UINT8 = "uint8"
    INT32 = "int32"
    INT64 = "int64"
    BOOL = "bool"
    STRING = "string"

    @property
    def size(self) -> int:
        """Bytes of one element (a string counts as zero: its size is not known)."""
        return _SIZES[self.value]

    @property
    def floating(self) -> bool:
        """True for the four floating-point types."""
        return "float" in self.value


_SIZES = {
    "float32": 4, "float64": 8, "float16": 2, "bfloat16": 2, "int8": 1,
    "uint8": 1, "int32": 4, "int64": 8, "bool": 1, "string": 0,
}  # fmt: skip

DTYPES: dict[str, DType] = {dtype.value: dtype for dtype in DType}


@positional
class Symbol(Value):
    """A named size, such as the batch ``N``: an integer of at least one that is not known yet."""

    name: str

    def __str__(self) -> str:
        return self.name


@positional
class FloorDiv(Value):
    """The floor of a polynomial divided by a positive integer."""

    numerator: SymbolicDim
    divisor: int

    def __str__(self) -> str:
        shifted = self.numerator - (self.divisor - 1)
        if isinstance(shifted, SymbolicDim) and len(shifted.terms) < len(self.numerator.terms):
            return f"ceil({shifted.factor_text()}/{self.divisor})"
        return f"floor({self.numerator.factor_text()}/{self.divisor})"


Atom = Union[Symbol, FloorDiv]
Monomial = tuple[Atom, ...]


def _monomial_key(monomial: Monomial) -> tuple[int, str]:
    return (-len(monomial), "*".join(str(atom) for atom in monomial))


@positional
class SymbolicDim(Value):
    """A polynomial that is not a constant: terms are (monomial, coefficient), sorted, no zero coefficients."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def named(name: str) -> SymbolicDim:
        """Return the dimension that consists of one named size."""
        return SymbolicDim((((Symbol(name),), 1),))

    def __add__(self, other: Dim) -> Dim:
        return _from_terms([*self.terms, *_terms(other)])

    __radd__ = __add__

    def __neg__(self) -> SymbolicDim:
        return SymbolicDim(tuple((monomial, -count) for monomial, count in self.terms))

    def __sub__(self, other: Dim) -> Dim:
        return self + (-other)

    def __rsub__(self, other: Dim) -> Dim:
        return (-self) + other

    def __mul__(self, other: Dim) -> Dim:
        return _from_terms(
            [(tuple(sorted((*left, *right), key=str)), a * b) for left, a in self.terms for right, b in _terms(other)]
        )

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Dim:
        """Floor division by a positive integer, in normal form."""
        whole = [(m, c // divisor) for m, c in self.terms if c // divisor]
        rest = _from_terms([(m, c % divisor) for m, c in self.terms])
        if isinstance(rest, int):
            return _from_terms([*whole, ((), rest // divisor)])
        nested = rest.terms[0][0]
        others = _from_terms(rest.terms[1:])
        if len(nested) == 1 and isinstance(nested[0], FloorDiv) and rest.terms[0][1] == 1 and isinstance(others, int):
            # floor((floor(p/a) + c) / b) is floor((p + c*a) / (a*b)) for positive a and b.
            inner = nested[0]
            return _from_terms(whole) + (inner.numerator + others * inner.divisor) // (inner.divisor * divisor)
        common = gcd(divisor, *(count for monomial, count in rest.terms if monomial))
        if common > 1:
            # floor((g*p + c) / (g*b)) is floor((p + floor(c/g)) / b).
            return _from_terms(whole) + _from_terms([(m, c // common) for m, c in rest.terms]) // (divisor // common)
        return _from_terms([*whole, ((FloorDiv(rest, divisor),), 1)])

    def factor_text(self) -> str:
        """The text of this polynomial as an operand: in parentheses where it has several terms."""
        return f"({self})" if len(self.terms) > 1 else str(self)

    def __str__(self) -> str:
        parts = []
        for monomial, count in self.terms:
            names = "*".join(str(atom) for atom in monomial)
            if not names:
                parts.append(str(count))
            else:
                parts.append(names if count == 1 else f"-{names}" if count == -1 else f"{count}*{names}")
        return " + ".join(parts).replace("+ -", "- ")


Dim = Union[int, SymbolicDim]


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    return (((), dim),) if isinstance(dim, int) else dim.terms


def _from_terms(terms: list[tuple[Monomial, int]] | tuple[tuple[Monomial, int], ...]) -> Dim:
    total: dict[Monomial, int] = {}
    for monomial, count in terms:
        total[monomial] = total.get(monomial, 0) + count
    kept = sorted(((m, c) for m, c in total.items() if c), key=lambda term: _monomial_key(term[0]))
    if not kept:
        return 0
    if len(kept) == 1 and not kept[0][0]:
        return kept[0][1]
    return SymbolicDim(tuple(kept))


def ceil_div(dim: Dim, divisor: int) -> Dim:
    """Divide and round up; the divisor is a positive integer."""
    return (dim + (divisor - 1)) // divisor


def surely_unequal(left: Dim, right: Dim) -> bool:
    """True only where two dimensions differ whatever the named sizes are."""
    difference = left - right
    return isinstance(difference, int) and difference != 0


Shape = tuple[Dim, ...]


@value
class TensorType(Value):
    """The type of a tensor: element type and one dimension for each axis, batch first, channels last."""

    dtype: DType
    shape: Shape

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype.value}{shape_text(self.shape)}"


def shape_text(shape: Shape) -> str:
    """The shape as messages print it: ``[N, 28, 28, 256]``."""
    return f"[{', '.join(str(dim) for dim in shape)}]"


def product(shape: Shape) -> Dim:
    """The product of the dimensions: the number of elements (1 for a scalar)."""
    total: Dim = 1
    for dim in shape:
        total = total * dim
    return total


def symbol_names(dim: Dim) -> set[str]:
    """The named sizes that a dimension depends on."""
    if isinstance(dim, int):
        return set()
    found: set[str] = set()
    for monomial, _ in dim.terms:
        for atom in monomial:
            found |= symbol_names(atom.numerator) if isinstance(atom, FloorDiv) else {atom.name}
    return found


def rounded(dim: Dim) -> bool:
    """True for a dimension with a division in it, which may be equal to another for some sizes alone."""
    return isinstance(dim, SymbolicDim) and any(isinstance(a, FloorDiv) for monomial, _ in dim.terms for a in monomial)


def substitute(dim: Dim, sizes: Mapping[str, int]) -> Dim:
    """The dimension with some named sizes replaced by numbers."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, count in dim.terms:
        term: Dim = count
        for atom in monomial:
            if isinstance(atom, FloorDiv):
                term = term * (substitute(atom.numerator, sizes) // atom.divisor)
            else:
                term = term * sizes.get(atom.name, SymbolicDim((((atom,), 1),)))
        total = total + term
    return total
