"""Moving averages of variables, as TensorFlow 1's `ExponentialMovingAverage` with a number of updates keeps them."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from slimdsl.weights.training_state import SHADOW


class MovingAverages:
    """The averages of some variables, which begin at their values.

    Args:
        variables: name -> variable.
        decay: the largest decay.

    Attributes:
        shadows: name of the average, as a checkpoint has it -> variable.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], decay: float) -> None:
        self._decay = decay
        self._pairs = {
            name: (variable, tf.Variable(variable.read_value(), trainable=False, name=f"{name}{SHADOW}"))
            for name, variable in variables.items()
            if variable.dtype.is_floating
        }
        self.shadows = {f"{name}{SHADOW}": shadow for name, (_, shadow) in self._pairs.items()}

    def restart(self) -> None:
        """Let every average begin at the present value of its variable."""
        for variable, shadow in self._pairs.values():
            shadow.assign(variable.read_value())

    def update(self, steps: tf.Tensor) -> None:
        """Take in the values after a step, with the decay min(decay, (1 + steps) / (10 + steps)).

        Args:
            steps: how many have been taken, that one included.
        """
        done = tf.cast(steps, tf.float32)
        keep = tf.minimum(self._decay, (1.0 + done) / (10.0 + done))
        for variable, shadow in self._pairs.values():
            value = tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)
            old = tf.raw_ops.ReadVariableOp(resource=shadow.handle, dtype=variable.dtype)
            away = (old - value) * tf.cast(1.0 - keep, variable.dtype)
            tf.raw_ops.AssignSubVariableOp(resource=shadow.handle, value=away)

    def values(self) -> dict[str, tf.Tensor]:
        """Name of the variable -> its average."""
        return {name: shadow.read_value() for name, (_, shadow) in self._pairs.items()}
