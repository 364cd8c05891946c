"""Batch normalisation: the layer and its nodes, fused where TensorFlow has a kernel for it.

The nodes take the scale (gamma) and the offset (beta) where there are any, in this order; their `scale` and `center`
say which there are, and what is missing is 1 and 0.
"""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, InitializerKind, NumberKind, RegularizerKind, arg
from slimdsl.ops.base import Applicable, Builder, Initializer, Layer, Operand, Primitive, Regularizer, ShapeError
from slimdsl.ops.initializers import Ones, Zeros
from slimdsl.ops.norm import EPSILON
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.windows import known_channels, require_rank
from slimdsl.types import DType, TensorType, shape_text, surely_unequal
from slimdsl.values import value


def statistics_dtype(x: TensorType) -> DType:
    """The type of the parameters and statistics of `x`: float32 for the half-precision types, as in TF-Slim."""
    return DType.FLOAT64 if x.dtype is DType.FLOAT64 else DType.FLOAT32


def require_vectors(x: TensorType, vectors: tuple[TensorType, ...]) -> None:
    """Refuse statistics or parameters that are not one number for each channel of `x`.

    Raises:
        ShapeError: with both shapes.
    """
    for index, vector in enumerate(vectors, start=1):
        if vector.rank != 1 or surely_unequal(vector.shape[0], x.shape[-1]):
            raise ShapeError(
                f"{shape_text(vector.shape)} is not one number for each channel of {shape_text(x.shape)}", operand=index
            )


@value
class FusedBatchNorm(Primitive):
    """Batch normalisation of ``[N, H, W, C]`` or ``[N, D, H, W, C]`` in one kernel. TensorFlow: ``FusedBatchNormV3``.

    Takes x, gamma, beta and, unless `training`, the mean and the variance. Gives y and, where `training`, the mean and
    the unbiased variance of the batch, both [C].
    """

    name: ClassVar[str] = "fused_batch_norm"
    node_name: ClassVar[str] = "FusedBatchNormV3"
    writable: ClassVar[bool] = False
    epsilon: float = arg(EPSILON, doc="added to the variance")
    scale: bool = arg(BoolKind(), doc="whether there is a gamma")
    center: bool = arg(BoolKind(), doc="whether there is a beta")
    training: bool = arg(BoolKind(), doc="whether the statistics are the batch's own")

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of y."""
        x, *vectors = inputs
        require_floating("batch_norm", x)
        require_rank("batch_norm", x, (4, 5))
        require_vectors(x, tuple(vectors))
        return x

    def infer_all(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The types of y and, where `training`, the statistics, which are float32 whatever x is."""
        y = self.infer(*inputs)
        statistics = TensorType(dtype=DType.FLOAT32, shape=(y.shape[-1],))
        return (y, statistics, statistics) if self.training else (y,)


@value
class BatchMean(Primitive):
    """The mean over all axes but the last: ``[N, …, C]`` gives [C]. Of the half-precision types it is float32."""

    name: ClassVar[str] = "batch_mean"
    node_name: ClassVar[str] = "moments/mean"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the mean."""
        (x,) = inputs
        return TensorType(dtype=statistics_dtype(x), shape=(x.shape[-1],))


@value
class BatchVariance(Primitive):
    """The (biased) variance over all axes but the last, given x ``[N, …, C]`` and its mean [C]."""

    name: ClassVar[str] = "batch_variance"
    node_name: ClassVar[str] = "moments/variance"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the variance."""
        x, mean = inputs
        require_vectors(x, (mean,))
        return mean


@value
class Standardize(Primitive):
    """(x - mean) / √(variance + epsilon) · gamma + beta. TensorFlow: ``tf.nn.batch_normalization``.

    Takes x ``[N, …, C]``, mean, variance, gamma and beta, all [C].
    """

    name: ClassVar[str] = "standardize"
    node_name: ClassVar[str] = "batchnorm_1/add_1"
    writable: ClassVar[bool] = False
    epsilon: float = arg(EPSILON, doc="added to the variance")
    scale: bool = arg(BoolKind(), doc="whether there is a gamma")
    center: bool = arg(BoolKind(), doc="whether there is a beta")

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of x."""
        x, *vectors = inputs
        require_floating("batch_norm", x)
        require_vectors(x, tuple(vectors))
        return x


@value
class MovingAverage(Primitive):
    """moving - (moving - batch) · (1 - decay): a moving statistic after a step."""

    name: ClassVar[str] = "moving_average"
    node_name: ClassVar[str] = "AssignMovingAvg"
    writable: ClassVar[bool] = False
    decay: float = arg(NumberKind(minimum=0.0, maximum=1.0), doc="how much of the old value stays")

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the moving statistic."""
        moving, batch = inputs
        if moving != batch:
            raise ShapeError(f"a moving average of {batch} cannot be kept in {moving}", operand=1)
        return moving


@value
class BatchNorm(Layer):
    """Batch normalisation: for each channel (x - mean) / √(variance + epsilon) · gamma + beta. TF-Slim: ``batch_norm``.

    Takes ``[N, C]``, ``[N, L, C]``, ``[N, H, W, C]`` or ``[N, D, H, W, C]`` and gives the same. The training graph uses
    the mean and variance of the batch and keeps moving averages of them, which the inference graph uses:
    moving - (moving - batch) · (1 - decay). As in TF-Slim, ``trainable=false`` leaves the averages alone, except of
    ``[N, C]`` with `fused`, and the variance that is kept is the unbiased one except with ``fused=false`` and for
    ``[N, L, C]``, where there is no fused kernel. Makes ``gamma`` (if `scale`), ``beta`` (if `center`),
    ``moving_mean`` and ``moving_variance``, all [C].
    Paper: https://arxiv.org/abs/1502.03167.
    Example: ``conv(64, 3x3, norm=batch_norm(decay=0.997, epsilon=1e-5, scale=true))``.
    """

    name: ClassVar[str] = "batch_norm"
    scope_name: ClassVar[str] = "BatchNorm"
    decay: float = arg(NumberKind(minimum=0.0, maximum=1.0), 0.999, doc="how much of a moving average a step keeps")
    center: bool = arg(BoolKind(), True, doc="add the variable `beta`")
    scale: bool = arg(BoolKind(), False, doc="multiply by the variable `gamma`")
    epsilon: float = arg(EPSILON, 0.001, doc="added to the variance")
    activation: Applicable | None = shared.activation_argument(relu=False)
    beta_init: Initializer = arg(InitializerKind(), Zeros(), doc="first values of `beta`")
    gamma_init: Initializer = arg(InitializerKind(), Ones(), doc="first values of `gamma`")
    moving_mean_init: Initializer = arg(InitializerKind(), Zeros(), doc="first values of `moving_mean`")
    moving_variance_init: Initializer = arg(InitializerKind(), Ones(), doc="first values of `moving_variance`")
    beta_reg: Regularizer | None = arg(RegularizerKind(), None, doc="penalty on `beta`")
    gamma_reg: Regularizer | None = arg(RegularizerKind(), None, doc="penalty on `gamma`")
    trainable: bool = shared.trainable_argument()
    training: bool | None = arg(
        BoolKind(optional=True),
        None,
        doc="statistics of the batch (`true`) or the moving ones (`false`, to fine-tune); `none`: as the graph is for",
    )
    fused: bool = arg(BoolKind(), True, doc="`false`: of single steps, and the variance that is kept is the biased one")

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the variables, normalise, keep the moving averages, then the activation."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (2, 3, 4, 5), "`flatten` or `reshape` before it")
        known_channels(self.name, x.type)
        parameters, moving = self._variables(builder, x.type)
        training = builder.training if self.training is None else self.training
        if x.type.rank == 3 or x.type.dtype is DType.FLOAT64 or not self.fused:
            result, batch = self._by_formula(builder, x, parameters, None if training else moving)
        else:
            result, batch = self._fused(builder, x, parameters, None if training else moving)
        if training and (self.trainable or self._of_vectors(x.type)):
            for variable, statistic in zip(moving, batch, strict=True):
                builder.update(variable, builder.emit(MovingAverage(decay=self.decay), variable, statistic))
        return result if self.activation is None else builder.layer(self.activation, result)

    def _of_vectors(self, x: TensorType) -> bool:
        """Whether TF-Slim takes its own implementation, and not TensorFlow's.

        It makes beta before gamma, and keeps the moving averages whether or not the variables are trained.
        """
        return self.fused and x.rank == 2 and x.dtype is not DType.FLOAT64

    def _variables(self, builder: Builder, x: TensorType) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
        """Gamma and beta, as far as there are any, and the moving mean and variance."""
        dtype = statistics_dtype(x)
        shape = (x.shape[-1],)
        wanted = []
        if self.scale:
            wanted.append(("gamma", self.gamma_init, self.gamma_reg))
        if self.center:
            wanted.append(("beta", self.beta_init, self.beta_reg))
        order = reversed(wanted) if self._of_vectors(x) else wanted
        made = {
            leaf: builder.variable(
                leaf, shape, initializer=first, regularizer=penalty, trainable=self.trainable, dtype=dtype
            )
            for leaf, first, penalty in order
        }
        moving = tuple(
            builder.variable(leaf, shape, initializer=first, trainable=False, dtype=dtype)
            for leaf, first in (("moving_mean", self.moving_mean_init), ("moving_variance", self.moving_variance_init))
        )
        return tuple(made[leaf] for leaf, _, _ in wanted), moving

    def _fused(
        self, builder: Builder, x: Operand, parameters: tuple[Operand, ...], moving: tuple[Operand, ...] | None
    ) -> tuple[Operand, tuple[Operand, ...]]:
        """The result and, where there is no `moving`, the statistics of the batch."""
        op = FusedBatchNorm(epsilon=self.epsilon, scale=self.scale, center=self.center, training=moving is None)
        shape = x.type.shape
        image = builder.emit(Reshape(shape=(1, 1, shape[1])), x) if len(shape) == 2 else x
        result, *batch = builder.emit_all(op, image, *parameters, *(moving or ()))
        if len(shape) == 2:
            result = builder.emit(Reshape(shape=shape[1:]), result)
        return result, tuple(batch)

    def _by_formula(
        self, builder: Builder, x: Operand, parameters: tuple[Operand, ...], moving: tuple[Operand, ...] | None
    ) -> tuple[Operand, tuple[Operand, ...]]:
        """As `_fused`, of single steps, for what has no fused kernel."""
        if moving is None:
            mean = builder.emit(BatchMean(), x)
            statistics: tuple[Operand, ...] = (mean, builder.emit(BatchVariance(), x, mean))
        else:
            statistics = moving
        op = Standardize(epsilon=self.epsilon, scale=self.scale, center=self.center)
        return builder.emit(op, x, *statistics, *parameters), statistics
