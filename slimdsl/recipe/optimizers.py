"""Optimizers: the seven of TF-Slim's training script with its constants, and three of today."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import BoolKind, NumberKind, arg
from slimdsl.recipe.base import Optimizer
from slimdsl.recipe.kinds import RateKind
from slimdsl.recipe.schedules import Rate
from slimdsl.values import value

_RATE = RateKind()
_POSITIVE = NumberKind(above=0.0)
_SHARE = NumberKind(minimum=0.0, maximum=1.0)
_NOT_NEGATIVE = NumberKind(minimum=0.0)


@value
class Sgd(Optimizer):
    """var - rate · gradient. TensorFlow 1: ``GradientDescentOptimizer``."""

    name: ClassVar[str] = "sgd"
    aliases: ClassVar[tuple[str, ...]] = ("gradient_descent",)
    learning_rate: Rate = arg(_RATE, 0.01, doc="the learning rate")


@value
class Momentum(Optimizer):
    """TensorFlow 1: ``MomentumOptimizer``."""

    name: ClassVar[str] = "momentum"
    slots: ClassVar[tuple[str, ...]] = ("Momentum",)
    learning_rate: Rate = arg(_RATE, 0.01, doc="the learning rate")
    momentum: float = arg(_SHARE, 0.9, doc="how much of the last step is kept")
    nesterov: bool = arg(BoolKind(), False, doc="Nesterov's form")


@value
class Adadelta(Optimizer):
    """TensorFlow 1: ``AdadeltaOptimizer``."""

    name: ClassVar[str] = "adadelta"
    slots: ClassVar[tuple[str, ...]] = ("Adadelta", "Adadelta_1")
    learning_rate: Rate = arg(_RATE, 0.01, doc="the learning rate")
    rho: float = arg(_SHARE, 0.95, doc="the decay of both averages")
    epsilon: float = arg(_POSITIVE, 1.0, doc="added under the roots")


@value
class Adagrad(Optimizer):
    """TensorFlow 1: ``AdagradOptimizer``."""

    name: ClassVar[str] = "adagrad"
    slots: ClassVar[tuple[str, ...]] = ("Adagrad",)
    learning_rate: Rate = arg(_RATE, 0.01, doc="the learning rate")
    initial_accumulator: float = arg(_POSITIVE, 0.1, doc="where the sums of squares begin")


@value
class Adam(Optimizer):
    """TensorFlow 1: ``AdamOptimizer``; `epsilon` is TensorFlow's, TF-Slim's script passes 1.0."""

    name: ClassVar[str] = "adam"
    slots: ClassVar[tuple[str, ...]] = ("Adam", "Adam_1")
    learning_rate: Rate = arg(_RATE, 0.001, doc="the learning rate")
    beta1: float = arg(_SHARE, 0.9, doc="the decay of the mean")
    beta2: float = arg(_SHARE, 0.999, doc="the decay of the mean square")
    epsilon: float = arg(_POSITIVE, 1e-8, doc="added to the root")


@value
class Ftrl(Optimizer):
    """TensorFlow 1: ``FtrlOptimizer``, which divides by the rate: it must not become 0."""

    name: ClassVar[str] = "ftrl"
    slots: ClassVar[tuple[str, ...]] = ("Ftrl", "Ftrl_1")
    learning_rate: Rate = arg(_RATE, 0.01, doc="the learning rate")
    learning_rate_power: float = arg(NumberKind(maximum=0.0), -0.5, doc="the exponent")
    initial_accumulator: float = arg(_NOT_NEGATIVE, 0.1, doc="where the sums of squares begin")
    l1: float = arg(_NOT_NEGATIVE, 0.0, doc="L1 penalty")
    l2: float = arg(_NOT_NEGATIVE, 0.0, doc="L2 penalty")


@value
class RmsProp(Optimizer):
    """TensorFlow 1: ``RMSPropOptimizer``; constants are those of TF-Slim's script."""

    name: ClassVar[str] = "rmsprop"
    slots: ClassVar[tuple[str, ...]] = ("RMSProp", "RMSProp_1")
    learning_rate: Rate = arg(_RATE, 0.01, doc="the learning rate")
    decay: float = arg(_SHARE, 0.9, doc="the decay of the mean square, which begins at 1")
    momentum: float = arg(_SHARE, 0.9, doc="how much of the last step is kept")
    epsilon: float = arg(_POSITIVE, 1.0, doc="added under the root")


@value
class AdamW(Optimizer):
    """Adam with decoupled weight decay. Paper: https://arxiv.org/abs/1711.05101."""

    name: ClassVar[str] = "adamw"
    slots: ClassVar[tuple[str, ...]] = ("Adam", "Adam_1")
    learning_rate: Rate = arg(_RATE, 0.001, doc="the learning rate")
    weight_decay: float = arg(_NOT_NEGATIVE, 0.01, doc="the share of a weight that a step takes, times the rate")
    beta1: float = arg(_SHARE, 0.9, doc="the decay of the mean")
    beta2: float = arg(_SHARE, 0.999, doc="the decay of the mean square")
    epsilon: float = arg(_POSITIVE, 1e-8, doc="added to the root")


@value
class Lamb(Optimizer):
    """Adam with a rate for each layer. Paper: https://arxiv.org/abs/1904.00962."""

    name: ClassVar[str] = "lamb"
    slots: ClassVar[tuple[str, ...]] = ("Lamb", "Lamb_1")
    learning_rate: Rate = arg(_RATE, 0.001, doc="the learning rate")
    weight_decay: float = arg(_NOT_NEGATIVE, 0.01, doc="added to the step, as a share of the weight")
    beta1: float = arg(_SHARE, 0.9, doc="the decay of the mean")
    beta2: float = arg(_SHARE, 0.999, doc="the decay of the mean square")
    epsilon: float = arg(_POSITIVE, 1e-6, doc="added to the root")


@value
class Lion(Optimizer):
    """The sign of an average. Paper: https://arxiv.org/abs/2302.06675."""

    name: ClassVar[str] = "lion"
    slots: ClassVar[tuple[str, ...]] = ("Lion",)
    learning_rate: Rate = arg(_RATE, 0.0001, doc="the learning rate")
    weight_decay: float = arg(_NOT_NEGATIVE, 0.0, doc="the share of a weight that a step takes, times the rate")
    beta1: float = arg(_SHARE, 0.9, doc="the share of the average in the step")
    beta2: float = arg(_SHARE, 0.99, doc="the decay of the average")


OPTIMIZERS: tuple[type[Optimizer], ...] = (Sgd, Momentum, Adadelta, Adagrad, Adam, Ftrl, RmsProp, AdamW, Lamb, Lion)
