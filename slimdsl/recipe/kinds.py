"""The kinds of argument that only recipes have."""

from __future__ import annotations

from slimdsl.ops.arguments import ArgumentError, Kind, NumberKind
from slimdsl.recipe.base import Optimizer, Schedule
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
            if given.problem():
                raise ArgumentError(f"cannot be `{given.name}`: {given.problem()}")
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


@value
class OptimizerKind(Kind):
    """An optimizer such as ``momentum(0.01)``."""

    description: str = "an optimizer such as `momentum(learning_rate=0.01)`"
    table: str = "optimizer"

    def check(self, given: object) -> Optimizer:
        if not isinstance(given, Optimizer):
            raise self.refuse(given)
        return given


@value
class ScopesKind(Kind):
    """A list of scopes, or one scope, as texts; stored as a tuple without strokes at the ends."""

    description: str = 'a list of scopes such as `["logits"]`'

    def check(self, given: object) -> tuple[str, ...]:
        items = given if isinstance(given, tuple) else (given,)
        if len(items) > _MOST_NUMBERS:
            raise self.refuse(given)
        return tuple(self._scope(item, given) for item in items)

    def _scope(self, item: object, given: object) -> str:
        if not isinstance(item, str) or not item.strip("/"):
            raise self.refuse(given)
        return item.strip("/")


@value
class MultipliersKind(Kind):
    """A list of scopes with a factor each; stored as a tuple of pairs."""

    description: str = 'a list of pairs such as `[("logits", 10)]`'

    def check(self, given: object) -> tuple[tuple[str, float], ...]:
        if not isinstance(given, tuple) or len(given) > _MOST_NUMBERS:
            raise self.refuse(given)
        pairs: list[tuple[str, float]] = []
        for pair in given:
            if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str) or not pair[0].strip("/"):
                raise self.refuse(given)
            pairs.append((pair[0].strip("/"), NumberKind().check(pair[1])))
        if len(dict(pairs)) < len(pairs):
            raise ArgumentError("names a scope twice")
        return tuple(pairs)
