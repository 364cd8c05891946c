"""Steps of optimizers for some rows of a table, by the formulas of TensorFlow 1's updates of slices.

They are those of the optimizers that move a weight whose gradient is 0: with them it matters which rows a batch has.
With Adam it does not, which moves all rows in TensorFlow too. Of the kernels for slices XLA has none, and GPUs few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from slimdsl.recipe.base import Optimizer
from slimdsl.recipe.optimizers import Adadelta, Ftrl, Momentum, RmsProp

Tables = Sequence[tf.Tensor]
Step = Callable[[Any, Tables, tf.Tensor, tf.Tensor], Tables]


def row_step(rule: Optimizer) -> Step | None:
    """How an optimizer moves rows; None for those that may take the whole table.

    The function takes the rule, the rows of the weight and of each slot, their gradient and the rate, and gives new
    rows in the same order.
    """
    return next((step for kind, step in _STEPS if type(rule) is kind), None)


def _momentum(rule: Momentum, tables: Tables, gradient: tf.Tensor, rate: tf.Tensor) -> Tables:
    weight, speed = tables
    speed = rule.momentum * speed + gradient
    return weight - rate * (gradient + rule.momentum * speed if rule.nesterov else speed), speed


def _adadelta(rule: Adadelta, tables: Tables, gradient: tf.Tensor, rate: tf.Tensor) -> Tables:
    weight, square, change = tables
    square = rule.rho * square + (1.0 - rule.rho) * tf.square(gradient)
    step = tf.sqrt(change + rule.epsilon) * tf.math.rsqrt(square + rule.epsilon) * gradient
    return weight - rate * step, square, rule.rho * change + (1.0 - rule.rho) * tf.square(step)


def _rmsprop(rule: RmsProp, tables: Tables, gradient: tf.Tensor, rate: tf.Tensor) -> Tables:
    weight, square, speed = tables
    square = rule.decay * square + (1.0 - rule.decay) * tf.square(gradient)
    speed = rule.momentum * speed + rate * gradient * tf.math.rsqrt(square + rule.epsilon)
    return weight - speed, square, speed


def _ftrl(rule: Ftrl, tables: Tables, gradient: tf.Tensor, rate: tf.Tensor) -> Tables:
    weight, before, linear = tables
    squares = before + tf.square(gradient)
    power, old_power = squares**-rule.learning_rate_power, before**-rule.learning_rate_power
    linear += gradient - (power - old_power) / rate * weight
    shrunk = (tf.sign(linear) * rule.l1 - linear) / (power / rate + 2.0 * rule.l2)
    return tf.where(tf.abs(linear) > rule.l1, shrunk, 0.0), squares, linear


_STEPS: tuple[tuple[type[Optimizer], Step], ...] = (
    (Momentum, _momentum),
    (Adadelta, _adadelta),
    (RmsProp, _rmsprop),
    (Ftrl, _ftrl),
)
