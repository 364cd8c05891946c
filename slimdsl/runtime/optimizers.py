"""Optimizers: the seven of TF-Slim's script by TensorFlow's own kernels, three of today by their formulas.

What they keep of a variable is named as TensorFlow 1 names it. Keras' optimizers are other algorithms (of momentum and
RMSprop the learning rate enters elsewhere), so they are not used. Of a table of which a batch has some rows alone, as
an embedding's, TensorFlow 1's move no others (`row_updates`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from slimdsl.recipe.base import Optimizer
from slimdsl.recipe.optimizers import Adadelta, Adagrad, Adam, AdamW, Ftrl, Lamb, Lion, Momentum, RmsProp, Sgd
from slimdsl.runtime.row_updates import Step, row_step
from slimdsl.runtime.rows import Rows
from slimdsl.values import Record, positional

_ops = tf.raw_ops


@positional
class _Target(Record):
    """What one update works on: the variable, its slots, its gradient and the rate, in the variable's element type."""

    variable: tf.Variable
    slots: tuple[tf.Variable, ...]
    gradient: tf.Tensor
    rate: tf.Tensor
    powers: tuple[tf.Tensor, ...]

    @property
    def value(self) -> tf.Tensor:
        return read(self.variable)

    def constant(self, number: float) -> tf.Tensor:
        return tf.constant(number, self.variable.dtype)


def read(variable: tf.Variable) -> tf.Tensor:
    """The value of a variable; under a strategy, of this replica's copy."""
    return _ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)


def assign(variable: tf.Variable, value: tf.Tensor) -> None:
    """Give a variable a value; under a strategy, this replica's copy."""
    _ops.AssignVariableOp(resource=variable.handle, value=value)


def _sgd(rule: Sgd, on: _Target) -> None:
    _ops.ResourceApplyGradientDescent(var=on.variable.handle, alpha=on.rate, delta=on.gradient)


def _momentum(rule: Momentum, on: _Target) -> None:
    _ops.ResourceApplyMomentum(
        var=on.variable.handle,
        accum=on.slots[0].handle,
        lr=on.rate,
        grad=on.gradient,
        momentum=on.constant(rule.momentum),
        use_nesterov=rule.nesterov,
    )


def _adadelta(rule: Adadelta, on: _Target) -> None:
    _ops.ResourceApplyAdadelta(
        var=on.variable.handle,
        accum=on.slots[0].handle,
        accum_update=on.slots[1].handle,
        lr=on.rate,
        rho=on.constant(rule.rho),
        epsilon=on.constant(rule.epsilon),
        grad=on.gradient,
    )


def _adagrad(rule: Adagrad, on: _Target) -> None:
    _ops.ResourceApplyAdagrad(var=on.variable.handle, accum=on.slots[0].handle, lr=on.rate, grad=on.gradient)


def _adam(rule: Adam | AdamW, on: _Target) -> None:
    _ops.ResourceApplyAdam(
        var=on.variable.handle,
        m=on.slots[0].handle,
        v=on.slots[1].handle,
        beta1_power=on.powers[0],
        beta2_power=on.powers[1],
        lr=on.rate,
        beta1=on.constant(rule.beta1),
        beta2=on.constant(rule.beta2),
        epsilon=on.constant(rule.epsilon),
        grad=on.gradient,
    )


def _ftrl(rule: Ftrl, on: _Target) -> None:
    _ops.ResourceApplyFtrl(
        var=on.variable.handle,
        accum=on.slots[0].handle,
        linear=on.slots[1].handle,
        grad=on.gradient,
        lr=on.rate,
        l1=on.constant(rule.l1),
        l2=on.constant(rule.l2),
        lr_power=on.constant(rule.learning_rate_power),
    )


def _rmsprop(rule: RmsProp, on: _Target) -> None:
    _ops.ResourceApplyRMSProp(
        var=on.variable.handle,
        ms=on.slots[0].handle,
        mom=on.slots[1].handle,
        lr=on.rate,
        rho=on.constant(rule.decay),
        momentum=on.constant(rule.momentum),
        epsilon=on.constant(rule.epsilon),
        grad=on.gradient,
    )


def _adamw(rule: AdamW, on: _Target) -> None:
    """Adam's step does not depend on the weight, so the decay may come before it."""
    _ops.AssignSubVariableOp(resource=on.variable.handle, value=on.value * (on.rate * rule.weight_decay))
    _adam(rule, on)


def _lamb(rule: Lamb, on: _Target) -> None:
    weight, (mean, square) = on.value, on.slots
    new_mean = rule.beta1 * read(mean) + (1.0 - rule.beta1) * on.gradient
    new_square = rule.beta2 * read(square) + (1.0 - rule.beta2) * tf.square(on.gradient)
    root = tf.sqrt(new_square / (1.0 - on.powers[1])) + rule.epsilon
    step = new_mean / (1.0 - on.powers[0]) / root + rule.weight_decay * weight
    weight_norm, step_norm = tf.norm(weight), tf.norm(step)
    ratio = tf.where((weight_norm > 0.0) & (step_norm > 0.0), tf.math.divide_no_nan(weight_norm, step_norm), 1.0)
    assign(mean, new_mean)
    assign(square, new_square)
    _ops.AssignSubVariableOp(resource=on.variable.handle, value=on.rate * tf.cast(ratio, weight.dtype) * step)


def _lion(rule: Lion, on: _Target) -> None:
    weight, average = on.value, read(on.slots[0])
    step = tf.sign(rule.beta1 * average + (1.0 - rule.beta1) * on.gradient) + rule.weight_decay * weight
    assign(on.slots[0], rule.beta2 * average + (1.0 - rule.beta2) * on.gradient)
    _ops.AssignSubVariableOp(resource=on.variable.handle, value=on.rate * step)


_UPDATES: tuple[tuple[type[Optimizer], Callable[[Any, _Target], None]], ...] = (
    (Sgd, _sgd),
    (Momentum, _momentum),
    (Adadelta, _adadelta),
    (Adagrad, _adagrad),
    (Adam, _adam),
    (Ftrl, _ftrl),
    (RmsProp, _rmsprop),
    (AdamW, _adamw),
    (Lamb, _lamb),
    (Lion, _lion),
)


def _first_value(rule: Optimizer, slot: str) -> float:
    """What a slot begins at."""
    if isinstance(rule, RmsProp) and slot == "RMSProp":
        return 1.0
    if isinstance(rule, (Adagrad, Ftrl)) and slot == rule.slots[0]:
        return rule.initial_accumulator
    return 0.0


class AppliedOptimizer:
    """An optimizer with its state.

    Args:
        rule: which one, with its constants.
        variables: name -> variable that is trained.
        compiled: whether XLA compiles the step.

    Attributes:
        state: all that it keeps, by the names of a checkpoint.
    """

    def __init__(self, rule: Optimizer, variables: Mapping[str, tf.Variable], *, compiled: bool = False) -> None:
        self._rule = rule
        self._row_step = row_step(rule)
        self._compiled = compiled
        (self._update,) = (function for kind, function in _UPDATES if type(rule) is kind)
        self._variables = dict(variables)
        self._slots: dict[str, tuple[tf.Variable, ...]] = {}
        self.state: dict[str, tf.Variable] = {}
        for name, variable in variables.items():
            slots = []
            for slot in rule.slots:
                first = tf.fill(variable.shape, tf.constant(_first_value(rule, slot), variable.dtype))
                slots.append(tf.Variable(first, trainable=False, name=f"{name}/{slot}"))
                self.state[f"{name}/{slot}"] = slots[-1]
            self._slots[name] = tuple(slots)
        self._powers: list[tuple[tf.Variable, float]] = []
        if isinstance(rule, (Adam, AdamW, Lamb)):
            for label, beta in (("beta1_power", rule.beta1), ("beta2_power", rule.beta2)):
                power = tf.Variable(tf.constant(beta, tf.float32), trainable=False, name=label)
                self._powers.append((power, beta))
                self.state[label] = power

    def apply(self, gradients: Mapping[str, tf.Tensor], rows: Mapping[str, Rows], rate: tf.Tensor) -> None:
        """Take a step.

        Args:
            gradients: name of a variable -> its gradient.
            rows: name of a variable of which the batch has some rows alone -> which.
            rate: the learning rate.
        """
        powers = [read(power) for power, _ in self._powers]
        for name, gradient in gradients.items():
            variable = self._variables[name]
            dtype = variable.dtype
            target = _Target(
                variable,
                self._slots[name],
                tf.cast(gradient, dtype),
                tf.cast(rate, dtype),
                tuple(tf.cast(power, dtype) for power in powers),
            )
            if name in rows and self._row_step:
                self._move_rows(self._row_step, target, rows[name])
            else:
                self._update(self._rule, target)
        for (power, beta), value in zip(self._powers, powers, strict=True):
            assign(power, value * beta)

    def _move_rows(self, step: Step, on: _Target, rows: Rows) -> None:
        """Take a step for the rows that the batch has."""
        changed = (on.variable, *on.slots)
        if self._compiled:
            # XLA makes one pass of all this, and every size is known, as it has to be on some of its devices.
            before = [read(variable) for variable in changed]
            for variable, old, new in zip(changed, before, step(self._rule, before, on.gradient, on.rate), strict=True):
                assign(variable, rows.chosen(new, old))
            return
        there = rows.numbers()
        before = [_ops.ResourceGather(resource=v.handle, indices=there, dtype=v.dtype) for v in changed]
        after = step(self._rule, before, tf.gather(on.gradient, there), on.rate)
        for variable, new in zip(changed, after, strict=True):
            _ops.ResourceScatterUpdate(resource=variable.handle, indices=there, updates=new)
