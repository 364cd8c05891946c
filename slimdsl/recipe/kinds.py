"""The kinds of argument that only recipes have."""

from __future__ import annotations

from slimdsl.ops.arguments import Kind, NumberKind
from slimdsl.recipe.base import Schedule
from slimdsl.values import value

_MOST_NUMBERS = 1000


@value
class RateKind(Kind):
    """A number that may change with the steps: a number, or a schedule such as ``exponential(…)``."""

    description: str = "a number or a schedule"
    table: str = "schedule"
    minimum: float | None = 0.0

    def check(self, given: object) -> float | Schedule:
        if isinstance(given, Schedule):
            return given
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise self.refuse(given)
        return NumberKind(minimum=self.minimum).check(given)


@value
class NumbersKind(Kind):
    """A list of numbers."""

    description: str = "a list of numbers"

    def check(self, given: object) -> tuple[float, ...]:
        if not isinstance(given, tuple) or not given or len(given) > _MOST_NUMBERS:
            raise self.refuse(given)
        return tuple(NumberKind().check(number) for number in given)
