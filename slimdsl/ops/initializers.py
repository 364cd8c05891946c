"""The initialisers: how the first values of a variable are distributed. Records, with no numbers drawn here.

Every initialiser comes down to one of six elementary ones once the variable's shape is known (`elementary`): weights
and backends draw only those. Must not know numpy, variables or names.
"""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import BoolKind, NumberKind, WordKind, arg
from slimdsl.ops.base import Initializer
from slimdsl.values import value

SLIM_TRUNCATION = 1.3
"""TF-Slim's factor on the variance, which makes up for what truncation at two sigma takes away."""

KERAS_TRUNCATION = 0.87962566103423978
"""Standard deviation of a unit normal distribution truncated at two sigma; TensorFlow's initialisers divide by it."""


@value
class Constant(Initializer):
    """Every element is `value`.

    TensorFlow: ``tf.constant_initializer``. Example: ``conv(64, 3x3, biases_init=constant(0.1))``.
    """

    name: ClassVar[str] = "constant"
    value: float = arg(NumberKind(), doc="the value of every element")


@value
class Zeros(Initializer):
    """Every element is 0.

    TensorFlow: ``tf.zeros_initializer``. Example: ``conv(64, 3x3, biases_init=zeros)``.
    """

    name: ClassVar[str] = "zeros"


@value
class Ones(Initializer):
    """Every element is 1.

    TensorFlow: ``tf.ones_initializer``. Example: ``batch_norm(scale=true, gamma_init=ones)``.
    """

    name: ClassVar[str] = "ones"


@value
class RandomNormal(Initializer):
    """A normal distribution.

    TensorFlow: ``tf.compat.v1.random_normal_initializer``, with its defaults.
    Example: ``fc(10, weights_init=random_normal(stddev=0.01))``.
    """

    name: ClassVar[str] = "random_normal"
    mean: float = arg(NumberKind(), 0.0, doc="the mean")
    stddev: float = arg(NumberKind(minimum=0.0), 1.0, doc="the standard deviation")


@value
class TruncatedNormal(Initializer):
    """A normal distribution whose values beyond two standard deviations are drawn again.

    `stddev` is that of the distribution before it is truncated; that of the values is 0.8796 times as large.
    TensorFlow: ``tf.compat.v1.truncated_normal_initializer``, with its defaults.
    Example: ``conv(64, 3x3, weights_init=truncated_normal(stddev=0.01))``.
    """

    name: ClassVar[str] = "truncated_normal"
    mean: float = arg(NumberKind(), 0.0, doc="the mean")
    stddev: float = arg(NumberKind(minimum=0.0), 1.0, doc="the standard deviation before truncation")


@value
class RandomUniform(Initializer):
    """A uniform distribution over ``[minval, maxval)``.

    TensorFlow: ``tf.random_uniform_initializer``, with the defaults of TensorFlow 2 (those of version 1 are 0 and 1).
    Example: ``fc(10, weights_init=random_uniform(minval=-0.1, maxval=0.1))``.
    """

    name: ClassVar[str] = "random_uniform"
    minval: float = arg(NumberKind(), -0.05, doc="the lower bound, which may be drawn")
    maxval: float = arg(NumberKind(), 0.05, doc="the upper bound")


@value
class Orthogonal(Initializer):
    """An orthogonal matrix: the variable's last axis is its columns, all other axes together its rows.

    The rows, or where they are more, the columns, are orthogonal to each other and of length `gain`. Wants a variable
    of rank 2 or more. TensorFlow: ``tf.compat.v1.orthogonal_initializer``. Paper: Saxe et al.,
    https://arxiv.org/abs/1312.6120. Example: ``fc(128, weights_init=orthogonal(gain=1.4))``.
    """

    name: ClassVar[str] = "orthogonal"
    gain: float = arg(NumberKind(), 1.0, doc="the length of the rows or columns")


@value
class Identity(Initializer):
    """`gain` on the main diagonal of a matrix, 0 elsewhere; of a convolution, that of the window's middle.

    So a layer begins as one that changes nothing. Wants a variable of rank 2, or an odd window and as many channels out
    as in. TensorFlow: ``tf.compat.v1.initializers.identity``; TF-Slim: ``center_initializer`` of its I3D.
    Example: ``fc(128, weights_init=identity)``.
    """

    name: ClassVar[str] = "identity"
    gain: float = arg(NumberKind(), 1.0, doc="the value on the diagonal")


Elementary = Constant | RandomNormal | TruncatedNormal | RandomUniform | Orthogonal | Identity


@value
class VarianceScaling(Initializer):
    """Values of variance `factor` / n, n being a number of connections. TF-Slim: ``variance_scaling_initializer``.

    The values are uniform over ±sqrt(3 · factor / n), or truncated normal of standard deviation
    sqrt(1.3 · factor / n). The default is He's initialisation of a ReLU network.
    Paper: He et al., https://arxiv.org/abs/1502.01852.
    Example: ``conv(64, 3x3, weights_init=variance_scaling(mode=fan_out))``.
    """

    name: ClassVar[str] = "variance_scaling"
    factor: float = arg(NumberKind(above=0.0), 2.0, doc="the variance of n values together")
    mode: str = arg(
        WordKind(description="`fan_in`, `fan_out` or `fan_avg`", words=("fan_in", "fan_out", "fan_avg")),
        "fan_in",
        doc="what n counts: the connections into an output, out of an input, or the mean of the two",
    )
    uniform: bool = arg(BoolKind(), False, doc="a uniform distribution in place of the truncated normal one")

    def elementary(self, shape: tuple[int, ...]) -> Elementary:
        """The distribution for this shape."""
        fan_in, fan_out = fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        if self.uniform:
            return _uniform(3.0 * self.factor / n)
        return TruncatedNormal(stddev=(SLIM_TRUNCATION * self.factor / n) ** 0.5)


@value
class Xavier(Initializer):
    """Xavier (or Glorot) initialisation: variance 2 / (fan_in + fan_out). The default of `conv` and `fc`.

    ``xavier`` is uniform over ±sqrt(6 / (fan_in + fan_out)); ``xavier(uniform=false)`` is truncated normal of standard
    deviation sqrt(2.6 / (fan_in + fan_out)). TF-Slim: ``xavier_initializer``.
    Paper: Glorot and Bengio, http://proceedings.mlr.press/v9/glorot10a.html.
    Example: ``fc(10, weights_init=xavier(uniform=false))``.
    """

    name: ClassVar[str] = "xavier"
    aliases: ClassVar[tuple[str, ...]] = ("glorot",)
    uniform: bool = arg(BoolKind(), True, doc="a uniform distribution; else a truncated normal one")

    def elementary(self, shape: tuple[int, ...]) -> Elementary:
        """The distribution for this shape."""
        return VarianceScaling(factor=1.0, mode="fan_avg", uniform=self.uniform).elementary(shape)


@value
class He(Initializer):
    """He's initialisation: variance 2 / fan_in, as TensorFlow draws it.

    ``he`` is truncated normal, its standard deviation corrected for the truncation exactly
    (``tf.keras.initializers.HeNormal``; TF-Slim's ``variance_scaling`` corrects by the factor 1.3).
    ``he(uniform=true)`` is ``HeUniform``.
    Paper: He et al., https://arxiv.org/abs/1502.01852. Example: ``conv(64, 3x3, weights_init=he)``.
    """

    name: ClassVar[str] = "he"
    uniform: bool = arg(BoolKind(), False, doc="a uniform distribution in place of the truncated normal one")

    def elementary(self, shape: tuple[int, ...]) -> Elementary:
        """The distribution for this shape."""
        return _with_variance(2.0 / fans(shape)[0], uniform=self.uniform)


@value
class Lecun(Initializer):
    """LeCun's initialisation: variance 1 / fan_in, as TensorFlow draws it. The one for `selu`.

    ``lecun`` is truncated normal (``tf.keras.initializers.LecunNormal``); ``lecun(uniform=true)`` is ``LecunUniform``.
    Paper: LeCun et al., Efficient BackProp, 1998. Example: ``fc(64, activation=selu, weights_init=lecun)``.
    """

    name: ClassVar[str] = "lecun"
    uniform: bool = arg(BoolKind(), False, doc="a uniform distribution in place of the truncated normal one")

    def elementary(self, shape: tuple[int, ...]) -> Elementary:
        """The distribution for this shape."""
        return _with_variance(1.0 / fans(shape)[0], uniform=self.uniform)


def _uniform(third_of_square: float) -> RandomUniform:
    limit = third_of_square**0.5
    return RandomUniform(minval=-limit, maxval=limit)


def _with_variance(variance: float, *, uniform: bool) -> Elementary:
    return _uniform(3.0 * variance) if uniform else TruncatedNormal(stddev=variance**0.5 / KERAS_TRUNCATION)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Connections into an output and out of an input, as TF-Slim counts them.

    The last two axes are inputs and outputs, those before them the window; a vector has as many of both as elements.
    """
    if not shape:
        return 1.0, 1.0
    window = 1.0
    for dim in shape[:-2]:
        window *= dim
    return window * (shape[-2] if len(shape) > 1 else shape[-1]), window * shape[-1]


def elementary(initializer: Initializer, shape: tuple[int, ...]) -> Elementary:
    """What the initialiser comes down to for a variable of this shape."""
    if isinstance(initializer, (Zeros, Ones)):
        return Constant(value=1.0 if isinstance(initializer, Ones) else 0.0)
    if isinstance(initializer, (VarianceScaling, Xavier, He, Lecun)):
        return initializer.elementary(shape)
    if isinstance(initializer, (Constant, RandomNormal, TruncatedNormal, RandomUniform, Orthogonal, Identity)):
        return initializer
    raise TypeError(f"no such initialiser: {initializer!r}")


def middle_row(shape: tuple[int, ...]) -> int:
    """Where the matrix at the middle of the window begins, if all but the last axis are rows; 0 for a matrix."""
    row = 0
    for dim in shape[:-2]:
        row = row * dim + dim // 2
    return row * shape[-2]


def shape_problem(initializer: Initializer, shape: tuple[int, ...]) -> str:
    """Why a variable of this shape cannot be initialised so, or "" where it can."""
    if isinstance(initializer, Orthogonal) and len(shape) < 2:
        return f"`orthogonal` wants a variable of rank 2 or more, not of rank {len(shape)}"
    if isinstance(initializer, Identity):
        if len(shape) < 2:
            return f"`identity` wants a variable of rank 2 or more, not of rank {len(shape)}"
        if len(shape) > 2 and (shape[-2] != shape[-1] or not all(dim % 2 for dim in shape[:-2])):
            return "`identity` of a convolution wants a window of odd size, and as many channels out as in"
    if isinstance(initializer, RandomUniform) and initializer.minval > initializer.maxval:
        return f"`random_uniform` has a `minval` of {initializer.minval:g} above its `maxval` of {initializer.maxval:g}"
    return ""


INITIALIZERS: tuple[type[Initializer], ...] = (
    Zeros,
    Ones,
    Constant,
    TruncatedNormal,
    RandomNormal,
    RandomUniform,
    Xavier,
    He,
    Lecun,
    VarianceScaling,
    Orthogonal,
    Identity,
)
