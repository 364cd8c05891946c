"""The activations: primitives without a scope, to be written as statements or as the `activation=` of a layer.

All take a tensor of a floating-point type and return one of the same type and shape. `softmax`, to which TF-Slim gives
a scope, is in a file of its own.
"""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import BoolKind, NumberKind, arg
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.types import TensorType
from slimdsl.values import value


def require_floating(op_name: str, x: TensorType) -> None:
    """Refuse a tensor that is not of a floating-point type.

    Raises:
        ShapeError: it is not.
    """
    if not x.dtype.floating:
        raise ShapeError(f"{op_name} wants a floating-point tensor, this one is {x.dtype.value}", operand=0)


@value
class Activation(Primitive):
    """Base of what maps each element: the result has the input's type."""

    def infer(self, *inputs: TensorType) -> TensorType:
        """The input's type."""
        (x,) = inputs
        require_floating(self.name, x)
        return x


@value
class Relu(Activation):
    """max(x, 0). TensorFlow: ``tf.nn.relu``; the default activation of `conv` and `fc`.

    Example: ``conv(64, 3x3, activation=relu)``.
    """

    name: ClassVar[str] = "relu"
    node_name: ClassVar[str] = "Relu"


@value
class Relu6(Activation):
    """min(max(x, 0), 6). TensorFlow: ``tf.nn.relu6``.

    Example: ``with conv: activation=relu6``.
    """

    name: ClassVar[str] = "relu6"
    node_name: ClassVar[str] = "Relu6"


@value
class Elu(Activation):
    """x where x > 0, else exp(x) - 1. TensorFlow: ``tf.nn.elu``. Paper: https://arxiv.org/abs/1511.07289.

    Example: ``fc(64, activation=elu)``.
    """

    name: ClassVar[str] = "elu"
    node_name: ClassVar[str] = "Elu"


@value
class Selu(Activation):
    """1.0507 · x where x > 0, else 1.0507 · 1.6733 · (exp(x) - 1). TensorFlow: ``tf.nn.selu``.

    Wants weights drawn by `lecun`. Paper: https://arxiv.org/abs/1706.02515.
    Example: ``fc(64, activation=selu, weights_init=lecun)``.
    """

    name: ClassVar[str] = "selu"
    node_name: ClassVar[str] = "Selu"


@value
class LeakyRelu(Activation):
    """x where x > 0, else `alpha` · x. TensorFlow: ``tf.nn.leaky_relu``, with its default.

    Example: ``conv(64, 3x3, activation=leaky_relu(alpha=0.1))``.
    """

    name: ClassVar[str] = "leaky_relu"
    node_name: ClassVar[str] = "LeakyRelu"
    alpha: float = arg(NumberKind(), 0.2, doc="the slope below 0")


@value
class Sigmoid(Activation):
    """1 / (1 + exp(-x)). TensorFlow: ``tf.nn.sigmoid``.

    Example: ``fc(1, activation=sigmoid)``.
    """

    name: ClassVar[str] = "sigmoid"
    node_name: ClassVar[str] = "Sigmoid"


@value
class Tanh(Activation):
    """The hyperbolic tangent. TensorFlow: ``tf.nn.tanh``.

    Example: ``conv_transpose(3, 5x5, stride=2, activation=tanh)``.
    """

    name: ClassVar[str] = "tanh"
    node_name: ClassVar[str] = "Tanh"


@value
class Softplus(Activation):
    """log(1 + exp(x)). TensorFlow: ``tf.nn.softplus``.

    Example: ``fc(1, activation=softplus)``.
    """

    name: ClassVar[str] = "softplus"
    node_name: ClassVar[str] = "Softplus"


@value
class Gelu(Activation):
    """x · Φ(x), Φ being the cumulative function of the normal distribution: x / 2 · (1 + erf(x / √2)).

    With ``approximate=true``: x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))). TensorFlow: ``tf.nn.gelu``, whose
    default is ``approximate=False`` too. Paper: https://arxiv.org/abs/1606.08415.
    Example: ``fc(256, activation=gelu)``.
    """

    name: ClassVar[str] = "gelu"
    node_name: ClassVar[str] = "Gelu"
    approximate: bool = arg(BoolKind(), False, doc="the formula with tanh")


@value
class Silu(Activation):
    """x · sigmoid(x), also called swish. TensorFlow: ``tf.nn.silu``. Paper: https://arxiv.org/abs/1710.05941.

    Example: ``conv(64, 3x3, activation=silu)``.
    """

    name: ClassVar[str] = "silu"
    node_name: ClassVar[str] = "Silu"


@value
class HardSigmoid(Activation):
    """relu6(x + 3) / 6. TensorFlow: ``tf.keras.activations.hard_sigmoid`` of Keras 3.

    Paper: https://arxiv.org/abs/1905.02244.
    Example: ``conv(16, 1x1, activation=hard_sigmoid)``.
    """

    name: ClassVar[str] = "hard_sigmoid"
    node_name: ClassVar[str] = "HardSigmoid"


@value
class HardSwish(Activation):
    """x · relu6(x + 3) / 6. TF-Slim: ``hard_swish`` of its MobileNet V3, whose node name it has.

    Paper: https://arxiv.org/abs/1905.02244.
    Example: ``conv(16, 3x3, activation=hard_swish)``.
    """

    name: ClassVar[str] = "hard_swish"
    node_name: ClassVar[str] = "hard_swish/mul_1"


@value
class LogSoftmax(Activation):
    """The logarithm of softmax over the last axis: x - log Σ exp(x). TensorFlow: ``tf.nn.log_softmax``.

    Wants a rank of 1 or more. Example: ``output log_probabilities = logits -> log_softmax``.
    """

    name: ClassVar[str] = "log_softmax"
    node_name: ClassVar[str] = "LogSoftmax"

    def infer(self, *inputs: TensorType) -> TensorType:
        """The input's type."""
        (x,) = inputs
        require_floating(self.name, x)
        if not x.rank:
            raise ShapeError(f"{self.name} wants a tensor with at least one axis, this one is a scalar", operand=0)
        return x


@value
class PlainSoftmax(LogSoftmax):
    """Softmax over the last axis as a single node without a scope, unlike `softmax`. TensorFlow: ``tf.nn.softmax``.

    Wants a rank of 1 or more. Example: ``output predictions = logits -> plain_softmax as Predictions``.
    """

    name: ClassVar[str] = "plain_softmax"
    node_name: ClassVar[str] = "Softmax"
