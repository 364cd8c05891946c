"""Learning rates as functions of the step, as those of `tf.compat.v1.train`: float32, steps counted from 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from slimdsl.recipe.base import Schedule
from slimdsl.recipe.schedules import Cosine, Exponential, Fixed, Piecewise, Polynomial, Rate, WarmUp
from slimdsl.runtime.epochs import steps_of_epochs
from slimdsl.runtime.errors import EngineError
from slimdsl.values import Value, value


@value
class Length(Value):
    """How long a training is, as far as it is known.

    Attributes:
        steps_per_epoch: steps of one pass over the data, no whole number.
        steps: steps of the whole training.
    """

    steps_per_epoch: float | None
    steps: int | None

    def of_epochs(self, name: str, epochs: float) -> int:
        """As `steps_of_epochs`.

        Raises:
            EngineError: nobody knows how many steps an epoch has.
        """
        if self.steps_per_epoch is None:
            raise EngineError(
                f"the schedule `{name}` counts {epochs:g} epochs, and how many steps an epoch has is not known: "
                "give its `steps`"
            )
        return steps_of_epochs(self.steps_per_epoch, epochs)


def learning_rate(rate: Rate, step: tf.Tensor, length: Length) -> tf.Tensor:
    """The rate at a step.

    Args:
        rate: a number or a schedule.
        step: the step, an int64 scalar.
        length: how long the training is.

    Returns:
        A float32 scalar.

    Raises:
        EngineError: the schedule needs a length that is not known, or its lists do not fit together.
    """
    if not isinstance(rate, Schedule):
        return tf.constant(rate, tf.float32)
    for kind, function in _FUNCTIONS:
        if isinstance(rate, kind):
            return function(rate, step, length)
    raise TypeError(f"no rule for the schedule {rate.name}")


def _fixed(schedule: Fixed, step: tf.Tensor, length: Length) -> tf.Tensor:
    return tf.constant(schedule.rate, tf.float32)


def _exponential(schedule: Exponential, step: tf.Tensor, length: Length) -> tf.Tensor:
    steps = schedule.steps or length.of_epochs(schedule.name, schedule.epochs)
    exponent = tf.cast(step, tf.float32) / tf.constant(steps, tf.float32)
    if schedule.staircase:
        exponent = tf.floor(exponent)
    return schedule.rate * tf.pow(tf.constant(schedule.decay, tf.float32), exponent)


def _polynomial(schedule: Polynomial, step: tf.Tensor, length: Length) -> tf.Tensor:
    steps = tf.constant(schedule.steps or length.of_epochs(schedule.name, schedule.epochs), tf.float32)
    done = tf.cast(step, tf.float32)
    if schedule.cycle:
        steps *= tf.where(done == 0.0, 1.0, tf.math.ceil(done / steps))
    else:
        done = tf.minimum(done, steps)
    return (schedule.rate - schedule.end) * tf.pow(1.0 - done / steps, schedule.power) + schedule.end


def _piecewise(schedule: Piecewise, step: tf.Tensor, length: Length) -> tf.Tensor:
    if len(schedule.rates) != len(schedule.boundaries) + 1:
        raise EngineError(
            f"the schedule `{schedule.name}` has {len(schedule.boundaries)} boundaries "
            f"and {len(schedule.rates)} rates: it takes one rate more than boundaries"
        )
    if list(schedule.boundaries) != sorted(schedule.boundaries):
        raise EngineError(f"the boundaries of the schedule `{schedule.name}` are not in ascending order")
    # A step is at most a boundary where it is at most the integer below it.
    boundaries = tf.constant([math.floor(boundary) for boundary in schedule.boundaries], tf.int64)
    index = tf.reduce_sum(tf.cast(tf.cast(step, tf.int64) > boundaries, tf.int32))
    return tf.gather(tf.constant(schedule.rates, tf.float32), index)


def _cosine(schedule: Cosine, step: tf.Tensor, length: Length) -> tf.Tensor:
    steps = schedule.steps or length.steps
    if steps is None:
        raise EngineError(
            f"the schedule `{schedule.name}` ends with the training, and how many steps that has is not known: "
            "give its `steps`"
        )
    done = tf.minimum(tf.cast(step, tf.float32), float(steps)) / float(steps)
    share = 0.5 * (1.0 + tf.cos(math.pi * done))
    return schedule.rate * ((1.0 - schedule.alpha) * share + schedule.alpha)


def _warm_up(schedule: WarmUp, step: tf.Tensor, length: Length) -> tf.Tensor:
    after = learning_rate(schedule.schedule, step, length)
    goal = learning_rate(schedule.schedule, tf.constant(0, tf.int64), length)
    share = tf.cast(step, tf.float32) / float(schedule.steps)
    return tf.where(step < schedule.steps, schedule.start + (goal - schedule.start) * share, after)


_FUNCTIONS: tuple[tuple[type[Schedule], Callable[[Any, tf.Tensor, Length], tf.Tensor]], ...] = (
    (Fixed, _fixed),
    (Exponential, _exponential),
    (Polynomial, _polynomial),
    (Piecewise, _piecewise),
    (Cosine, _cosine),
    (WarmUp, _warm_up),
)
