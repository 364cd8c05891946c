"""What stands in a graph as plain data, and back: arguments, element types, dimensions.

Shared by the textual form and by JSON. Nothing is ever evaluated: dimensions have a small parser of their own, which
reads what `types` prints, and arguments are held against the kinds that their ops declare.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeVar

from slimdsl.ops.arguments import ArgumentError, argument_specs
from slimdsl.ops.base import Initializer, Op, Primitive, Regularizer
from slimdsl.ops.initializers import INITIALIZERS
from slimdsl.ops.registry import ALL_OPS
from slimdsl.ops.regularizers import REGULARIZERS
from slimdsl.types import DTYPES, Dim, DType, SymbolicDim, ceil_div
from slimdsl.values import fields_of

PRIMITIVES: dict[str, type[Primitive]] = {op.name: op for op in ALL_OPS if issubclass(op, Primitive)}
INITIALIZERS_BY_NAME: dict[str, type[Initializer]] = {initializer.name: initializer for initializer in INITIALIZERS}
REGULARIZERS_BY_NAME: dict[str, type[Regularizer]] = {regularizer.name: regularizer for regularizer in REGULARIZERS}

Written = TypeVar("Written", Primitive, Initializer, Regularizer)

_DEEPEST = 4
"""Lists within each other; no argument has more than two."""

_SPECIAL_FLOATS = ("inf", "-inf", "nan")


def encode_arguments(record: Op | Initializer | Regularizer) -> dict[str, object]:
    """All arguments by name, as plain data."""
    return {name: encode(getattr(record, name)) for name in fields_of(record)}


def encode(given: object) -> object:
    """An argument as plain data: tuples, texts, numbers, truth values, none; all else as a marked object."""
    if isinstance(given, tuple):
        return tuple(encode(item) for item in given)
    if isinstance(given, DType):
        return {"dtype": given.value}
    if isinstance(given, SymbolicDim):
        return {"dim": str(given)}
    if isinstance(given, float) and not math.isfinite(given):
        return {"float": str(given)}
    if given is None or isinstance(given, (bool, int, float, str)):
        return given
    raise TypeError(f"{given!r} has no textual form")


def decode(given: object, depth: int = 0) -> object:
    """The argument that `encode` made this of; a list stands for a tuple.

    Raises:
        ValueError: it is none.
    """
    if isinstance(given, (list, tuple)):
        if depth == _DEEPEST:
            raise ValueError("there are too many lists within each other")
        return tuple(decode(item, depth + 1) for item in given)
    if isinstance(given, dict):
        return _decode_marked(given)
    if given is None or isinstance(given, (bool, int, float, str)):
        return given
    raise ValueError(f"a {type(given).__name__} is no argument")


def _decode_marked(given: Mapping[object, object]) -> object:
    ((mark, text),) = given.items() if len(given) == 1 else (("", ""),)
    if isinstance(text, str):
        if mark == "dtype":
            return read_dtype(text)
        if mark == "dim":
            return read_dim(text)
        if mark == "float" and text in _SPECIAL_FLOATS:
            return float(text)
    raise ValueError('an object is {"dtype": …}, {"dim": …} or {"float": "inf", "-inf" or "nan"}')


def build(kind: type[Written], arguments: Mapping[str, object]) -> Written:
    """An op, an initialiser or a regulariser with decoded arguments, each of which suits its kind.

    Raises:
        ValueError: one does not, is not known, or is missing.
    """
    specs = argument_specs(kind)
    checked = {}
    for name, given in arguments.items():
        if name not in specs:
            raise ValueError(f"`{kind.name}` has no argument `{name[:80]}`")
        try:
            checked[name] = specs[name].kind.coerce(given)
        except ArgumentError as error:
            raise ValueError(f"`{name}` of `{kind.name}` {error.message}") from None
    for name, spec in specs.items():
        if spec.required and name not in checked:
            raise ValueError(f"`{kind.name}` lacks the argument `{name}`")
    return kind(**checked)


def read_dtype(text: str) -> DType:
    """An element type.

    Raises:
        ValueError: there is none of this name.
    """
    if text not in DTYPES:
        raise ValueError(f"there is no element type `{text[:80]}`")
    return DTYPES[text]


def read_dim(text: str) -> Dim:
    """A dimension as `str` prints it: ``224``, ``N``, ``2*floor((H + 1)/4) - 1``.

    Raises:
        ValueError: it is none, or not in the form in which dimensions are printed.
    """
    reader = _DimReader(text)
    found = reader.polynomial()
    reader.expect("")
    return found


class _DimReader:
    """Reads a polynomial: sums of products of numbers, names and rounded quotients.

    Sums are never multiplied, because their product may have any number of terms; `str` never prints such a product.
    """

    _TOKEN = re.compile(r"\s*(?:([^\W\d]\w*)|([0-9]+)|([-+*/()]))")
    _LONGEST = 2000
    _LONGEST_NUMBER = 20
    _DEEPEST = 32

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._depth = 0
        if len(text) > self._LONGEST:
            raise ValueError(f"a dimension of {len(text):,} characters is too long")

    def polynomial(self) -> Dim:
        """Terms, added and subtracted."""
        total = -self._term() if self._take("-") else self._term()
        while True:
            if self._take("+"):
                total = total + self._term()
            elif self._take("-"):
                total = total - self._term()
            else:
                return total

    def expect(self, token: str) -> None:
        """Take this token; "" is the end of the text."""
        if not (self._take(token) if token else not self._text[self._position :].strip()):
            raise self._error()

    def _term(self) -> Dim:
        total = self._factor()
        while self._take("*"):
            factor = self._factor()
            for part in (total, factor):
                if isinstance(part, SymbolicDim) and len(part.terms) > 1:
                    raise self._error()
            total = total * factor
        return total

    def _factor(self) -> Dim:
        found = self._TOKEN.match(self._text, self._position)
        if found is None or found.group(3):
            raise self._error()
        self._position = found.end()
        name, number = found.group(1), found.group(2)
        if number:
            return self._number(number)
        if name in ("floor", "ceil") and self._take("("):
            return self._quotient(name)
        return SymbolicDim.named(name)

    def _quotient(self, name: str) -> Dim:
        """What stands behind ``floor(``."""
        self._depth += 1
        if self._depth > self._DEEPEST:
            raise self._error()
        if self._take("("):
            numerator = self.polynomial()
            self.expect(")")
        else:
            numerator = -self._term() if self._take("-") else self._term()
        self.expect("/")
        found = self._TOKEN.match(self._text, self._position)
        divisor = self._number(found.group(2)) if found and found.group(2) else 0
        if found is None or divisor < 1:
            raise self._error()
        self._position = found.end()
        self.expect(")")
        self._depth -= 1
        return ceil_div(numerator, divisor) if name == "ceil" else numerator // divisor

    def _number(self, digits: str) -> int:
        if len(digits) > self._LONGEST_NUMBER:
            raise self._error()
        return int(digits)

    def _take(self, token: str) -> bool:
        found = self._TOKEN.match(self._text, self._position)
        if found is None or found.group(3) != token:
            return False
        self._position = found.end()
        return True

    def _error(self) -> ValueError:
        return ValueError(f"`{self._text[:80]}` is no dimension")
