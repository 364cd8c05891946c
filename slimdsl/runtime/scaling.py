"""Scaling of the loss for float16, whose small gradients would be zero.

The factor is dynamic: a step whose gradients are not all finite changes no variable and halves it, and after 2000 good
steps in a row it is doubled. It is kept in a checkpoint beside the step counter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf

from slimdsl.runtime.optimizers import assign, read

_FIRST = 2.0**15
_GREATEST = 2.0**24
_GOOD_STEPS = 2000


class LossScale:
    """The factor and its state.

    Attributes:
        state: what a checkpoint holds; below `global_step`, so that readers of weights know it as state of training.
    """

    def __init__(self) -> None:
        self._scale = tf.Variable(tf.constant(_FIRST), trainable=False, name="loss_scale")
        self._good = tf.Variable(tf.constant(0, tf.int64), trainable=False, name="good_steps")
        self.state = {"global_step/loss_scale": self._scale, "global_step/good_steps": self._good}

    def value(self) -> tf.Tensor:
        """The factor of this step."""
        return read(self._scale)

    def apply(self, gradients: Mapping[str, tf.Tensor], step: Callable[[Mapping[str, tf.Tensor]], None]) -> None:
        """Take a step with the gradients of the unscaled loss if they are finite, and adapt the factor.

        Args:
            gradients: of the scaled loss, of the whole batch.
            step: applies gradients.
        """
        scale, good = read(self._scale), read(self._good)
        whole = {name: gradient / tf.cast(scale, gradient.dtype) for name, gradient in gradients.items()}
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in whole.values()])

        def taken() -> tf.Tensor:
            step(whole)
            return tf.constant(True)

        tf.cond(finite, taken, lambda: tf.constant(False))
        grow = finite & (good + 1 >= _GOOD_STEPS)
        grown = tf.where(grow, tf.minimum(scale * 2.0, _GREATEST), scale)
        assign(self._scale, tf.where(finite, grown, tf.maximum(scale / 2.0, 1.0)))
        assign(self._good, tf.where(finite & ~grow, good + 1, tf.constant(0, tf.int64)))
