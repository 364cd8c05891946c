"""A training step as one would write it for one network: a `tf.function` with a tape, and TensorFlow's momentum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tests.benchmarks.step_networks import DECAY, LRN, MOMENTUM, RATE, Layers, Norm

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"": lambda x: x, "relu": tf.nn.relu, "relu6": tf.nn.relu6}


class ByHand(Layers):
    """Layers of TensorFlow's operations.

    Args:
        variables: name below the network's scope -> variable.
        drops: whether dropout draws.

    Attributes:
        penalized: the kernels with a penalty that were met.
        moved: moving averages of batch normalisation that were met, with their next values.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], *, drops: bool) -> None:
        self._of = variables
        self._drops = drops
        self.penalized: list[tf.Variable] = []
        self.moved: list[tuple[tf.Variable, Any]] = []

    def conv(
        self,
        x: Any,
        scope: str,
        width: int,
        kernel: int,
        *,
        stride: int = 1,
        activation: str = "relu",
        norm: Norm | None = None,
        penalized: bool = True,
    ) -> Any:
        padding = "SAME"
        if stride > 1 and kernel > 1:
            before = (kernel - 1) // 2
            around = [before, kernel - 1 - before]
            x, padding = tf.pad(x, [[0, 0], around, around, [0, 0]]), "VALID"
        weights = self._kernel(f"{scope}/weights", penalized)
        return self._finished(tf.nn.conv2d(x, weights, stride, padding), scope, activation, norm)

    def stem(self, x: Any, scope: str, width: int, norm: Norm) -> Any:
        x = tf.nn.conv2d(x, self._kernel(f"{scope}/weights", True), 2, "SAME")
        return self._finished(x, scope, "relu6", norm)

    def depthwise(self, x: Any, scope: str, stride: int, norm: Norm) -> Any:
        x = tf.nn.depthwise_conv2d(x, self._of[f"{scope}/depthwise_weights"], [1, stride, stride, 1], "SAME")
        return self._finished(x, scope, "relu6", norm)

    def dense(self, x: Any, scope: str, width: int, *, activation: str = "relu", penalized: bool = True) -> Any:
        return self._finished(tf.matmul(x, self._kernel(f"{scope}/weights", penalized)), scope, activation, None)

    def max_pool(self, x: Any, kernel: int, stride: int, padding: str = "VALID") -> Any:
        return tf.nn.max_pool2d(x, kernel, stride, padding)

    def lrn(self, x: Any) -> Any:
        return tf.nn.lrn(x, **LRN)

    def dropout(self, x: Any, keep: float) -> Any:
        return tf.nn.dropout(x, 1.0 - keep) if self._drops else x

    def flatten(self, x: Any) -> Any:
        return tf.reshape(x, [x.shape[0], -1])

    def mean(self, x: Any) -> Any:
        return tf.reduce_mean(x, [1, 2], keepdims=True)

    def add_relu(self, x: Any, y: Any) -> Any:
        return tf.nn.relu(x + y)

    def _kernel(self, name: str, penalized: bool) -> tf.Variable:
        self.penalized += [self._of[name]] if penalized else []
        return self._of[name]

    def _finished(self, x: Any, scope: str, activation: str, norm: Norm | None) -> Any:
        if norm is None:
            return ACTIVATIONS[activation](tf.nn.bias_add(x, self._of[f"{scope}/biases"]))
        gamma, beta, *moving = (
            self._of[f"{scope}/BatchNorm/{name}"] for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        x, *new = tf.compat.v1.nn.fused_batch_norm(
            x, gamma, beta, *moving, epsilon=norm.epsilon, exponential_avg_factor=1.0 - norm.decay
        )
        self.moved += zip(moving, new, strict=True)
        return ACTIVATIONS[activation](x)


def step_by_hand(
    forward: Callable[[Layers, Any], Any],
    variables: Mapping[str, tf.Variable],
    trained: tuple[str, ...],
    *,
    drops: bool = True,
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Images and labels -> the total loss before the step.

    Args:
        forward: the network.
        variables: name -> variable; their values are what the copies here begin with.
        trained: names of those that are trained.
        drops: whether dropout draws.
    """
    own = {name: tf.Variable(variable, trainable=name in trained) for name, variable in variables.items()}
    slots = {name: tf.Variable(tf.zeros_like(own[name])) for name in trained}
    below = {name.partition("/")[2]: variable for name, variable in own.items()}

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        layers = ByHand(below, drops=drops)
        with tf.GradientTape() as tape:
            logits = forward(layers, images)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            loss += tf.add_n([DECAY * tf.nn.l2_loss(kernel) for kernel in layers.penalized])
        for variable, value in layers.moved:
            variable.assign(value)
        gradients = tape.gradient(loss, [own[name] for name in trained])
        for name, gradient in zip(trained, gradients, strict=True):
            tf.raw_ops.ResourceApplyMomentum(
                var=own[name].handle, accum=slots[name].handle, lr=RATE, grad=gradient, momentum=MOMENTUM
            )
        return loss

    return step
