"""The operators of compile-time values, with bounds that keep every result small. Raises `ArgumentError` only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from slimdsl.ops.arguments import ArgumentError, Kernel
from slimdsl.semantics.values import MAX_INT, MAX_LIST, MAX_STRING, UNDECIDED, Quotient, Undecided, kind_of
from slimdsl.types import Dim, SymbolicDim

if TYPE_CHECKING:
    from typing import TypeGuard


def is_number(given: object) -> TypeGuard[int | float]:
    """True for an int or a float, not for a bool."""
    return isinstance(given, (int, float)) and not isinstance(given, bool)


def is_dim(given: object) -> TypeGuard[Dim]:
    """True for an int or a size that is not known."""
    return isinstance(given, SymbolicDim) or (isinstance(given, int) and not isinstance(given, bool))


def binary(operator: str, left: object, right: object) -> object:
    """The value of an arithmetic or comparison operator.

    Raises:
        ArgumentError: the operands are of the wrong kind, or the result is out of bounds.
    """
    if operator in ("==", "!="):
        return _equal(left, right) if operator == "==" else _negate(_equal(left, right))
    if operator in ("<", "<=", ">", ">="):
        return _ordered(operator, left, right)
    if operator == "in":
        if not isinstance(right, tuple):
            raise ArgumentError(f"`in` needs a list on its right, not {kind_of(right)}")
        found = [_equal(left, item) for item in right]
        return True if True in found else UNDECIDED if any(isinstance(f, Undecided) for f in found) else False
    if operator == "..":
        return _range(left, right)
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return bounded(left + right)
    if operator == "+" and isinstance(left, tuple) and isinstance(right, tuple):
        return bounded((*left, *right))
    if isinstance(left, SymbolicDim) or isinstance(right, SymbolicDim):
        return _symbolic(operator, left, right)
    if not is_number(left) or not is_number(right):
        wrong = right if is_number(left) else left
        raise ArgumentError(f"`{operator}` needs numbers, not {kind_of(wrong)}")
    return bounded(_numeric(operator, left, right))


def bounded(given: object) -> object:
    """The value itself where it is within bounds.

    Raises:
        ArgumentError: the number, list or text is too large.
    """
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) > MAX_INT:
        raise ArgumentError("the result is beyond 64 bits")
    if isinstance(given, float) and not math.isfinite(given):
        raise ArgumentError("the result is not a finite number")
    if isinstance(given, tuple) and entry_count(given) > MAX_LIST:
        raise ArgumentError(f"the list has more than {MAX_LIST:,} entries, those of the lists in it counted")
    if isinstance(given, str) and len(given) > MAX_STRING:
        raise ArgumentError(f"the text has {len(given):,} characters; {MAX_STRING:,} are the limit")
    if isinstance(given, SymbolicDim) and (len(given.terms) > 100 or any(abs(c) > MAX_INT for _, c in given.terms)):
        raise ArgumentError("the size is too long an expression")
    return given


def entry_count(given: object) -> int:
    """The entries of a list and of the lists in it, counted no further than past the limit; 0 for what is no list."""
    count = 0
    lists = [given] if isinstance(given, tuple) else []
    while lists and count <= MAX_LIST:
        items = lists.pop()
        count += len(items)
        lists += [item for item in items if isinstance(item, tuple)]
    return count


def _numeric(operator: str, left: float, right: float) -> object:
    if operator in ("/", "//", "%") and right == 0:
        raise ArgumentError(f"division by zero: {left} {operator} {right}")
    if operator == "**":
        return _power(left, right)
    try:
        if operator == "+":
            return left + right
        if operator == "-":
            return left - right
        if operator == "*":
            return left * right
        if operator == "/":
            return left / right
        return left // right if operator == "//" else left % right
    except OverflowError:
        raise ArgumentError("the result is not a finite number") from None


def _power(left: float, right: float) -> object:
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and right > 63:
        raise ArgumentError("the result is beyond 64 bits")
    if left == 0 and right < 0:
        raise ArgumentError(f"division by zero: {left} ** {right}")
    if left < 0 and right != int(right):
        raise ArgumentError(f"{left} ** {right} is not a real number")
    try:
        result: object = left**right
    except OverflowError:
        raise ArgumentError("the result is not a finite number") from None
    return result


def _symbolic(operator: str, left: object, right: object) -> object:
    if not is_dim(left) or not is_dim(right):
        wrong = right if is_dim(left) else left
        raise ArgumentError(f"`{operator}` with a size that is not known needs integers, not {kind_of(wrong)}")
    if operator == "+":
        return bounded(left + right)
    if operator == "-":
        return bounded(left - right)
    if operator == "*":
        return bounded(left * right)
    if operator in ("/", "//", "%") and isinstance(left, SymbolicDim) and isinstance(right, int):
        if right == 0:
            raise ArgumentError(f"division by zero: {left} {operator} 0")
        if right < 0:
            raise ArgumentError(f"`{left}` can only be divided by a positive integer, not {right}")
        if operator == "/":
            return Quotient(left, right)
        return bounded(left // right if operator == "//" else left - (left // right) * right)
    raise ArgumentError(f"`{operator}` cannot be worked out for `{left}` and `{right}` while sizes are not known")


def _equal(left: object, right: object) -> bool | Undecided:
    if is_dim(left) and is_dim(right):
        difference = left - right
        return difference == 0 if isinstance(difference, int) else UNDECIDED
    if is_number(left) and is_number(right):
        return left == right
    if isinstance(left, tuple) and isinstance(right, tuple):
        if len(left) != len(right):
            return False
        pairs = [_equal(a, b) for a, b in zip(left, right)]
        return False if False in pairs else UNDECIDED if any(isinstance(p, Undecided) for p in pairs) else True
    if isinstance(left, Kernel) and isinstance(right, tuple):
        return left.sizes == right
    return type(left) is type(right) and left == right


def _negate(given: bool | Undecided) -> bool | Undecided:
    return given if isinstance(given, Undecided) else not given


def _ordered(operator: str, left: object, right: object) -> bool | Undecided:
    difference: int | float | SymbolicDim
    if is_dim(left) and is_dim(right):
        difference = left - right
    elif is_number(left) and is_number(right):
        difference = (left > right) - (left < right)
    else:
        wrong = right if is_number(left) else left
        raise ArgumentError(f"`{operator}` needs numbers, not {kind_of(wrong)}")
    if isinstance(difference, SymbolicDim):
        return UNDECIDED
    if operator == "<":
        return difference < 0
    if operator == "<=":
        return difference <= 0
    return difference > 0 if operator == ">" else difference >= 0


def _range(left: object, right: object) -> object:
    for bound in (left, right):
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise ArgumentError(f"a range needs integers, not {kind_of(bound)}")
    assert isinstance(left, int)
    assert isinstance(right, int)
    if right - left + 1 > MAX_LIST:
        raise ArgumentError(f"the range has {right - left + 1:,} entries; {MAX_LIST:,} are the limit")
    return tuple(range(left, right + 1))
