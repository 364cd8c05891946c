"""The same layers as a model of Keras, trained by `fit` with its own momentum.

Keras' momentum is another formula of the same cost, and `fit` compiles by XLA where Keras finds that it can, as it
does by itself. `keras.applications` has a ResNet50 and a MobileNet of its own, with strides and paddings elsewhere;
here are TF-Slim's, so that all compute the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tests.benchmarks.step_networks import DECAY, LRN, MOMENTUM, RATE, Layers, Norm

_layers = tf.keras.layers


class OfKeras(Layers):
    """Layers of Keras."""

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
        padding = "same"
        if stride > 1 and kernel > 1:
            before = (kernel - 1) // 2
            x, padding = _layers.ZeroPadding2D(((before, kernel - 1 - before),) * 2)(x), "valid"
        options = {"use_bias": norm is None, "kernel_regularizer": _penalty(penalized)}
        return _finished(_layers.Conv2D(width, kernel, stride, padding, **options)(x), activation, norm)

    def stem(self, x: Any, scope: str, width: int, norm: Norm) -> Any:
        x = _layers.Conv2D(width, 3, 2, "same", use_bias=False, kernel_regularizer=_penalty(True))(x)
        return _finished(x, "relu6", norm)

    def depthwise(self, x: Any, scope: str, stride: int, norm: Norm) -> Any:
        return _finished(_layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x), "relu6", norm)

    def dense(self, x: Any, scope: str, width: int, *, activation: str = "relu", penalized: bool = True) -> Any:
        return _layers.Dense(width, activation or None, kernel_regularizer=_penalty(penalized))(x)

    def max_pool(self, x: Any, kernel: int, stride: int, padding: str = "VALID") -> Any:
        return _layers.MaxPool2D(kernel, stride, padding.lower())(x)

    def lrn(self, x: Any) -> Any:
        return _layers.Lambda(lambda x: tf.nn.lrn(x, **LRN))(x)

    def dropout(self, x: Any, keep: float) -> Any:
        return _layers.Dropout(1.0 - keep)(x)

    def flatten(self, x: Any) -> Any:
        return _layers.Flatten()(x)

    def mean(self, x: Any) -> Any:
        return _layers.GlobalAveragePooling2D(keepdims=True)(x)

    def add_relu(self, x: Any, y: Any) -> Any:
        return _layers.ReLU()(_layers.Add()([x, y]))


def _penalty(penalized: bool) -> Any:
    return tf.keras.regularizers.L2(DECAY / 2) if penalized else None


def _finished(x: Any, activation: str, norm: Norm | None) -> Any:
    if norm is not None:
        x = _layers.BatchNormalization(momentum=norm.decay, epsilon=norm.epsilon)(x)
    return _layers.Activation(activation)(x) if activation else x


def keras_model(forward: Callable[[Layers, Any], Any], image: tuple[int, int, int]) -> Any:
    """The network for images of a size, ready to `fit`."""
    images = _layers.Input(image)
    model = tf.keras.Model(images, forward(OfKeras(), images))
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.SGD(RATE, MOMENTUM), loss)
    return model
