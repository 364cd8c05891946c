"""The kinds of argument: what they store and what they refuse, in which words."""

from __future__ import annotations

import pytest

from slimdsl.ops.arguments import (
    ArgumentError,
    BoolKind,
    IntKind,
    IntsKind,
    Kernel,
    Kind,
    NumberKind,
    PairsKind,
    WindowKind,
    WordKind,
)

PADDING = WordKind(description="`same` or `valid`", words=("same", "valid"))
PAIRS = "a list of pairs such as `[(0, 0), (1, 1), (1, 1), (0, 0)]`"


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        (IntKind(minimum=1), 3, 3),
        (IntKind(optional=True), None, None),
        (NumberKind(), 3, 3.0),
        (BoolKind(), True, True),
        (PADDING, "same", "same"),
        (WindowKind(), 3, (3,)),
        (WindowKind(), Kernel((3, 5)), (3, 5)),
        (WindowKind(), (1, 2, 3), (1, 2, 3)),
        (WindowKind(), 99_999, (99_999,)),
        (IntsKind(), 2, (2,)),
        (IntsKind(), (1, -1), (1, -1)),
        (PairsKind(), ((0, 0), (1, 2)), ((0, 0), (1, 2))),
    ],
)
def test_values_are_stored_in_one_form(kind: Kind, given: object, stored: object) -> None:
    assert kind.coerce(given) == stored
    assert type(kind.coerce(given)) is type(stored)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (IntKind(), 3.0, "must be an integer, not the float 3.0"),
        (IntKind(), 3.5, "must be an integer, not the number 3.5"),
        (IntKind(), float("inf"), "must be an integer, not the number inf"),
        (IntKind(), True, "must be an integer, not true"),
        (IntKind(), None, "must be an integer, not none"),
        (IntKind(optional=True), "a", 'must be an integer or `none`, not the string "a"'),
        (IntKind(minimum=1), 0, "must be at least 1, not 0"),
        (IntKind(maximum=2**31 - 1), 2**31, "must be at most 2,147,483,647, not 2147483648"),
        (NumberKind(above=0.0, maximum=1.0), 0, "must be more than 0, not 0"),
        (NumberKind(above=0.0, maximum=1.0), 1.5, "must be at most 1, not 1.5"),
        (NumberKind(minimum=0.0), -1, "must be at least 0, not -1"),
        (NumberKind(), False, "must be a number, not false"),
        (BoolKind(), 1, "must be `true` or `false`, not the number 1"),
        (PADDING, "full", 'must be `same` or `valid`, not the string "full"'),
        (WindowKind(), 1.5, "must be a window such as `3x3`, or an integer, not the number 1.5"),
        (WindowKind(), (), "must be a window such as `3x3`, or an integer, not the list []"),
        (WindowKind(), Kernel((0, 3)), "must be at least 1 on every axis, not 0x3"),
        (WindowKind(), 100_000, "must be at most 99,999 on every axis, not 100000"),
        (IntsKind(minimum=1), (1, 0), "must have no entry below 1, not [1, 0]"),
        (IntsKind(), (1, "a"), 'must be a list of integers, not the list [1, "a"]'),
        (PairsKind(), 3, f"must be {PAIRS}, not the number 3"),
        (PairsKind(), ((1, 2), 3), f"must be {PAIRS}, not the list [[1, 2], 3]"),
        (PairsKind(), ((1, 2, 3),), f"must be {PAIRS}, not the list [[1, 2, 3]]"),
        (PairsKind(), ((1, -2),), "must have no entry below 0, not [[1, -2]]"),
    ],
)
def test_other_values_are_refused(kind: Kind, given: object, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        kind.coerce(given)
    assert caught.value.message == message
