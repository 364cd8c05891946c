"""Records are what frozen, slotted dataclasses are."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import pytest

from slimdsl.values import MISSING, Record, Value, field, fields, fields_of, positional, value

T = TypeVar("T")


@value
class Base(Value):
    """A record with a default."""

    kind: ClassVar[str] = "base"
    a: int
    b: int = 2


@value
class Derived(Base):
    """Overrides a default, adds a field that is not compared."""

    b: int = 3
    note: str = field(default="", compare=False, repr=False)


@positional
class Pair(Value):
    """Given by position."""

    left: int
    right: int = 0


@positional
class Entity(Record):
    """Equal to itself alone."""

    name: str


@positional
class Box(Value, Generic[T]):
    """Generic."""

    content: T


def test_fields_come_in_order_with_those_of_the_bases_first() -> None:
    assert fields_of(Derived(a=1)) == ("a", "b", "note")
    assert [f.default for f in fields(Derived)] == [MISSING, 3, ""]
    assert Derived.kind == "base"


def test_defaults_are_those_of_the_class_itself_whichever_is_made_first() -> None:
    assert Base(a=1).b == 2
    assert Derived(a=1).b == 3
    assert Base(a=1).b == 2


def test_keyword_records_take_no_positions_and_positional_ones_do() -> None:
    with pytest.raises(TypeError):
        Base(1)  # type: ignore[misc]
    with pytest.raises(TypeError):
        Base()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Base(a=1, c=2)  # type: ignore[call-arg]
    assert Pair(1, 2) == Pair(left=1, right=2)
    assert Pair(1).right == 0


def test_values_are_compared_and_hashed_by_fields_and_type() -> None:
    assert Derived(a=1, note="x") == Derived(a=1, note="y")
    assert hash(Derived(a=1, note="x")) == hash(Derived(a=1, note="y"))
    assert Base(a=1, b=3) != Derived(a=1)
    assert Base(a=1) != Base(a=2)
    assert Box(1) == Box(1)
    assert len({Entity("a"), Entity("a")}) == 2


def test_records_cannot_be_changed_and_have_no_dictionary() -> None:
    record = Base(a=1)
    with pytest.raises(AttributeError, match="cannot be changed"):
        record.a = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="cannot be changed"):
        del record.a
    with pytest.raises(AttributeError):
        record.other = 2  # type: ignore[attr-defined]
    assert not hasattr(record, "__dict__")


def test_records_print_as_they_are_written() -> None:
    assert repr(Derived(a=1, note="x")) == "Derived(a=1, b=3)"
    assert repr(Pair(1, 2)) == "Pair(left=1, right=2)"
