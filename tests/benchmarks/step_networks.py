"""The networks of the training benchmark, written once for whoever makes the layers: by hand, or Keras.

As TF-Slim's: its paddings, its batch normalisation, the penalties where it has them, strides in the last unit of a
block of ResNet. So all candidates compute the same, and what differs is who runs it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from slimdsl.values import Value, positional

CLASSES = 10
RATE, MOMENTUM, DECAY = 0.01, 0.9, 0.00004
LRN = {"depth_radius": 4, "bias": 1.0, "alpha": 0.001 / 9.0, "beta": 0.75}


@positional
class Norm(Value):
    """Batch normalisation: of the moving averages, and what is added to the variance."""

    decay: float
    epsilon: float


class Layers(ABC):
    """What makes layers of images [N, height, width, channels]; scopes are below the network's own.

    Args of its methods: `stride` and `kernel` are those of both axes; `activation` is ``relu``, ``relu6`` or "";
    `penalized` is whether the kernel has an L2 penalty; `norm` takes the place of biases.
    """

    @abstractmethod
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
        """A convolution; with a stride and a kernel of more than 1 padded alike on both sides, as `conv2d_same`."""

    @abstractmethod
    def stem(self, x: Any, scope: str, width: int, norm: Norm) -> Any:
        """A 3x3 convolution of stride 2 with TensorFlow's own padding, and relu6."""

    @abstractmethod
    def depthwise(self, x: Any, scope: str, stride: int, norm: Norm) -> Any:
        """A 3x3 convolution of each channel, and relu6."""

    @abstractmethod
    def dense(self, x: Any, scope: str, width: int, *, activation: str = "relu", penalized: bool = True) -> Any:
        """A fully connected layer."""

    @abstractmethod
    def max_pool(self, x: Any, kernel: int, stride: int, padding: str = "VALID") -> Any:
        """The largest of each window."""

    @abstractmethod
    def lrn(self, x: Any) -> Any:
        """Local response normalisation with the constants of CifarNet."""

    @abstractmethod
    def dropout(self, x: Any, keep: float) -> Any:
        """Dropout."""

    @abstractmethod
    def flatten(self, x: Any) -> Any:
        """[N, all else]."""

    @abstractmethod
    def mean(self, x: Any) -> Any:
        """The mean of each channel: [N, 1, 1, channels]."""

    @abstractmethod
    def add_relu(self, x: Any, y: Any) -> Any:
        """The sum, cut off at 0."""


def lenet(on: Layers, x: Any) -> Any:
    """28 x 28 pixels, grey."""
    x = on.max_pool(on.conv(x, "conv1", 32, 5), 2, 2)
    x = on.max_pool(on.conv(x, "conv2", 64, 5), 2, 2)
    x = on.dropout(on.dense(on.flatten(x), "fc3", 1024), 0.5)
    return on.dense(x, "fc4", CLASSES, activation="")


def cifarnet(on: Layers, x: Any) -> Any:
    """32 x 32 pixels."""
    x = on.lrn(on.max_pool(on.conv(x, "conv1", 64, 5, penalized=False), 2, 2))
    x = on.max_pool(on.lrn(on.conv(x, "conv2", 64, 5, penalized=False)), 2, 2)
    x = on.dropout(on.dense(on.flatten(x), "fc3", 384), 0.5)
    return on.dense(on.dense(x, "fc4", 192), "logits", CLASSES, activation="", penalized=False)


def resnet_v1_50(on: Layers, x: Any) -> Any:
    """Any size."""
    norm = Norm(0.997, 1e-5)
    x = on.max_pool(on.conv(x, "conv1", 64, 7, stride=2, norm=norm), 3, 2, "SAME")
    before = 64
    for block, (base, units) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
        for unit in range(1, units + 1):
            scope = f"block{block}/unit_{unit}/bottleneck_v1"
            stride, width = 2 if unit == units and block < 4 else 1, 4 * base
            if before == width:
                shortcut = x if stride == 1 else on.max_pool(x, 1, stride)
            else:
                shortcut = on.conv(x, f"{scope}/shortcut", width, 1, stride=stride, activation="", norm=norm)
            x = on.conv(x, f"{scope}/conv1", base, 1, norm=norm)
            x = on.conv(x, f"{scope}/conv2", base, 3, stride=stride, norm=norm)
            x = on.add_relu(shortcut, on.conv(x, f"{scope}/conv3", width, 1, activation="", norm=norm))
            before = width
    return on.flatten(on.conv(on.mean(x), "logits", CLASSES, 1, activation=""))


def mobilenet_v1_025(on: Layers, x: Any) -> Any:
    """Any size; a quarter of the paper's widths."""
    norm = Norm(0.9997, 0.001)
    x = on.stem(x, "Conv2d_0", 8, norm)
    layers = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    for number, (width, stride) in enumerate(layers, 1):
        x = on.depthwise(x, f"Conv2d_{number}_depthwise", stride, norm)
        x = on.conv(x, f"Conv2d_{number}_pointwise", width // 4, 1, activation="relu6", norm=norm)
    x = on.dropout(on.mean(x), 0.999)
    return on.flatten(on.conv(x, "Logits/Conv2d_1c_1x1", CLASSES, 1, activation=""))


FORWARD: dict[str, Callable[[Layers, Any], Any]] = {
    "lenet": lenet,
    "cifarnet": cifarnet,
    "resnet_v1_50": resnet_v1_50,
    "mobilenet_v1_025": mobilenet_v1_025,
}
"""Images to logits, by the name of the network."""
