"""The arguments that layers with weights share, declared once; defaults are TF-Slim's own.

A function for each, because a field belongs to one class. The order of arguments stays with the classes.
"""

from __future__ import annotations

from typing import Any

from slimdsl.ops.activations import Relu
from slimdsl.ops.arguments import (
    BoolKind,
    InitializerKind,
    IntKind,
    LayerKind,
    RegularizerKind,
    WindowKind,
    WordKind,
    arg,
)
from slimdsl.ops.base import LayerValue
from slimdsl.ops.initializers import Xavier, Zeros

PADDING = WordKind(description="`same` or `valid`", words=("same", "valid"))


def filters_argument() -> Any:
    """``filters``: required."""
    return arg(IntKind(minimum=1), doc="number of filters: the channels of the result")


def kernel_argument() -> Any:
    """``kernel``: required."""
    return arg(WindowKind(), doc="size of the window; one integer stands for all axes")


def stride_argument(default: int) -> Any:
    """``stride``."""
    return arg(WindowKind(), (default,), doc="step of the window; one integer stands for all axes")


def rate_argument() -> Any:
    """``rate``."""
    return arg(WindowKind(), (1,), doc="distance between the kernel's taps (dilation); above 1 the stride must be 1")


def padding_argument(default: str) -> Any:
    """``padding``."""
    return arg(PADDING, default, doc="`same`: ceil(n / stride) places; `valid`: only where the window lies inside")


def multiplier_argument() -> Any:
    """``depth_multiplier``."""
    return arg(IntKind(minimum=1), 1, doc="filters for each channel of the input")


def activation_argument(*, relu: bool = True) -> Any:
    """``activation``: a ReLU, or none by default."""
    return arg(LayerKind(), LayerValue(Relu) if relu else None, doc="layer applied last, or `none`")


def norm_argument() -> Any:
    """``norm``."""
    return arg(LayerKind(), None, doc="normaliser such as `batch_norm`, in place of the biases")


def weights_init_argument() -> Any:
    """``weights_init``."""
    return arg(InitializerKind(), Xavier(), doc="first values of the weights")


def weights_reg_argument() -> Any:
    """``weights_reg``."""
    return arg(RegularizerKind(), None, doc="penalty on the weights")


def biases_init_argument() -> Any:
    """``biases_init``."""
    return arg(InitializerKind(optional=True), Zeros(), doc="first values of the biases; `none`: no biases")


def biases_reg_argument() -> Any:
    """``biases_reg``."""
    return arg(RegularizerKind(), None, doc="penalty on the biases")


def trainable_argument() -> Any:
    """``trainable``."""
    return arg(BoolKind(), True, doc="whether the variables are trained")
