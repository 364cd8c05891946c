"""The one way this project declares an immutable record.

`@value` is `dataclass(frozen=True, slots=True, kw_only=True)` with equality, hash and repr taken from `Value` in place
of generated code: a hundred records are declared at start-up, and generating three methods for each costs 20 ms of a
check that has 120. Knows nothing else of slimdsl.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:
        """Stand in for the typing marker, which Python 3.10 lacks."""
        return lambda function: function


T = TypeVar("T")


class Value:
    """Base of every record: compared, hashed and printed by its fields."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(
            getattr(self, f.name) == getattr(other, f.name)
            for f in fields(self)  # type: ignore[arg-type]  # every subclass is a dataclass
            if f.compare
        )

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, f.name) for f in fields(self) if f.compare)))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)  # type: ignore[arg-type]
        return f"{type(self).__name__}({shown})"


def fields_of(record: Value) -> tuple[str, ...]:
    """The names of a record's fields, in their order."""
    return tuple(f.name for f in fields(record))  # type: ignore[arg-type]  # every subclass is a dataclass


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Declare a frozen, slotted, keyword-only record; the class must derive from `Value`."""
    return dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=False, eq_default=False, field_specifiers=(field,))
def positional(cls: type[T]) -> type[T]:
    """Declare a record whose few fields may be given by position."""
    return dataclass(frozen=True, slots=True, eq=False, repr=False)(cls)
