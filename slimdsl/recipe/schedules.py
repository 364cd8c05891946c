"""Learning rates that change with the steps. TF-Slim's are those of its training script; steps count from 0."""

from __future__ import annotations

from typing import ClassVar, Union

from slimdsl.ops.arguments import BoolKind, IntKind, NumberKind, arg
from slimdsl.recipe.base import Schedule
from slimdsl.recipe.kinds import NumbersKind, RateKind
from slimdsl.values import value

Rate = Union[float, Schedule]


@value
class Fixed(Schedule):
    """Always the same."""

    name: ClassVar[str] = "fixed"
    rate: float = arg(NumberKind(minimum=0.0), doc="the rate")


@value
class Exponential(Schedule):
    """rate · decay ^ (step / steps). TensorFlow: ``exponential_decay``."""

    name: ClassVar[str] = "exponential"
    rate: float = arg(NumberKind(minimum=0.0), doc="the rate at step 0")
    decay: float = arg(NumberKind(above=0.0), 0.94, doc="the factor after `steps` or `epochs`")
    steps: int | None = arg(IntKind(minimum=1, optional=True), None, doc="steps for one factor; `none`: by `epochs`")
    epochs: float = arg(NumberKind(above=0.0), 2.0, doc="epochs for one factor, where `steps` is none")
    staircase: bool = arg(BoolKind(), True, doc="the exponent is rounded down")


@value
class Polynomial(Schedule):
    """(rate - end) · (1 - step / steps) ^ power + end. TensorFlow: ``polynomial_decay``."""

    name: ClassVar[str] = "polynomial"
    rate: float = arg(NumberKind(minimum=0.0), doc="the rate at step 0")
    end: float = arg(NumberKind(minimum=0.0), 0.0001, doc="the rate from the last step on")
    steps: int | None = arg(IntKind(minimum=1, optional=True), None, doc="the last step; `none`: by `epochs`")
    epochs: float = arg(NumberKind(above=0.0), 2.0, doc="epochs until the last step, where `steps` is none")
    power: float = arg(NumberKind(above=0.0), 1.0, doc="the exponent; 1 is a straight line")
    cycle: bool = arg(BoolKind(), False, doc="begin anew at the last step, each time longer")


@value
class Piecewise(Schedule):
    """One rate after another. TensorFlow: ``piecewise_constant``."""

    name: ClassVar[str] = "piecewise"
    boundaries: tuple[float, ...] = arg(NumbersKind(), doc="the last steps of all rates but the last")
    rates: tuple[float, ...] = arg(NumbersKind(), doc="the rates, one more than the boundaries")

    def problem(self) -> str:
        count = len(self.boundaries)
        if len(self.rates) != count + 1:
            boundaries = "1 boundary" if count == 1 else f"{count} boundaries"
            return f"it needs {count + 1} rates for {boundaries}, not {len(self.rates)}"
        if any(left >= right for left, right in zip(self.boundaries, self.boundaries[1:])):
            return "its boundaries must ascend"
        return "its rates must be at least 0" if min(self.rates) < 0 else ""


@value
class Cosine(Schedule):
    """rate · ((1 - alpha) · (1 + cos(π · step / steps)) / 2 + alpha). TensorFlow: ``cosine_decay``."""

    name: ClassVar[str] = "cosine"
    rate: float = arg(NumberKind(minimum=0.0), doc="the rate at step 0")
    steps: int | None = arg(IntKind(minimum=1, optional=True), None, doc="the last step; `none`: that of the training")
    alpha: float = arg(NumberKind(minimum=0.0), 0.0, doc="the share of the rate that is left at the end")


@value
class WarmUp(Schedule):
    """From `start` to the rate of another schedule in a straight line, then that schedule, whose steps count on.

    As in TF-Slim's training script the other schedule runs from step 0: the line leads to its value at step 0.
    """

    name: ClassVar[str] = "warm_up"
    schedule: Rate = arg(RateKind(), doc="what comes after")
    steps: int = arg(IntKind(minimum=1), doc="steps of the line")
    start: float = arg(NumberKind(minimum=0.0), 0.0, doc="the rate at step 0")


SCHEDULES: tuple[type[Schedule], ...] = (Fixed, Exponential, Polynomial, Piecewise, Cosine, WarmUp)
