"""Scaling of the loss for float16, whose small gradients would be zero.

The factor is dynamic: a step whose gradients are not all finite halves it and is skipped, and after 2000 good steps in
a row it is doubled. It is kept in a checkpoint beside the step counter.

As with TensorFlow's `LossScaleOptimizer` and torch's `GradScaler`, what is skipped is the optimizer's update alone: the
trained variables and the optimizer's state stay as they are, while batch norm takes in the batch's statistics, moving
averages follow and the step is counted. Where even the smallest factor does not help, nothing is trained any more: the
loop stops there (`is_stuck`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from slimdsl.runtime.optimizers import assign, read
from slimdsl.runtime.rows import Rows

_FIRST = 2.0**15
_GREATEST = 2.0**24
_LEAST = 1.0
_GOOD_STEPS = 2000

LOSS_SCALE, SKIPPED = "loss_scale", "skipped_steps"
"""What a step reports: the factor that it was computed with, and 1 where it was skipped, else 0."""

SCALE_STATE = "global_step/loss_scale"


def is_stuck(row: Mapping[str, float]) -> bool:
    """Whether what a step reports says that it was skipped with the smallest factor, and all that follow will be."""
    return row.get(SKIPPED, 0.0) > 0.0 and row[LOSS_SCALE] <= _LEAST


class LossScale:
    """The factor and its state.

    Attributes:
        state: what a checkpoint holds; below `global_step`, so that readers of weights know it as state of training.
    """

    def __init__(self) -> None:
        self._scale = tf.Variable(tf.constant(_FIRST), trainable=False, name="loss_scale")
        self._good = tf.Variable(tf.constant(0, tf.int64), trainable=False, name="good_steps")
        self.state = {SCALE_STATE: self._scale, "global_step/good_steps": self._good}

    def value(self) -> tf.Tensor:
        """The factor of this step."""
        return read(self._scale)

    def apply(
        self,
        gradients: Mapping[str, tf.Tensor],
        rows: Mapping[str, Rows],
        step: Callable[[Mapping[str, tf.Tensor], Mapping[str, Rows]], None],
    ) -> tf.Tensor:
        """Take a step with the gradients of the unscaled loss if they are finite, and adapt the factor.

        Args:
            gradients: of the scaled loss, of the whole batch.
            rows: what is known besides of those of which the batch has some rows.
            step: applies both.

        Returns:
            Whether they are not finite, and the step was skipped.
        """
        scale, good = read(self._scale), read(self._good)
        whole = {name: gradient / tf.cast(scale, gradient.dtype) for name, gradient in gradients.items()}
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in whole.values()])

        def taken() -> tf.Tensor:
            step(whole, {name: each.scaled(1.0 / scale) for name, each in rows.items()})
            return tf.constant(True)

        tf.cond(finite, taken, lambda: tf.constant(False))
        grow = finite & (good + 1 >= _GOOD_STEPS)
        grown = tf.where(grow, tf.minimum(scale * 2.0, _GREATEST), scale)
        assign(self._scale, tf.where(finite, grown, tf.maximum(scale / 2.0, _LEAST)))
        assign(self._good, tf.where(finite & ~grow, good + 1, tf.constant(0, tf.int64)))
        return tf.logical_not(finite)
