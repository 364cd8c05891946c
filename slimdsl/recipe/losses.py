"""Losses. A weighted one is the sum divided by the number of non-zero weights, as TF-Slim's."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import NumberKind, arg
from slimdsl.recipe.base import Loss
from slimdsl.recipe.operands import ALIKE, CLASSES, CLASSES_OR_SHARES, EACH, EACH_EXAMPLE, EACH_VECTOR, LAST_OF_ONE
from slimdsl.values import value

_WEIGHT = NumberKind(minimum=0.0)
_SMOOTHING = NumberKind(minimum=0.0, maximum=1.0, optional=True)


@value
class _Weighted(Loss):
    elements: ClassVar[str] = EACH
    weight: float = arg(_WEIGHT, 1.0, doc="factor of the loss; 0 leaves it out")


@value
class SoftmaxCrossEntropy(_Weighted):
    """Cross entropy of logits [N, …, classes] and labels: class numbers [N, …], or a distribution [N, …, classes].

    TF-Slim: ``softmax_cross_entropy`` of one-hot labels, which class numbers are turned into.
    """

    name: ClassVar[str] = "softmax_cross_entropy"
    aliases: ClassVar[tuple[str, ...]] = ("sparse_softmax_cross_entropy",)
    operands: ClassVar[tuple[str, ...]] = ("logits", "labels")
    takes: ClassVar[str] = CLASSES_OR_SHARES
    elements: ClassVar[str] = EACH_VECTOR
    label_smoothing: float | None = arg(
        NumberKind(minimum=0.0, maximum=1.0, optional=True),
        None,
        doc="spread over all classes; `none`: the recipe's",
    )


@value
class SigmoidCrossEntropy(_Weighted):
    """Cross entropy of independent logits and labels of 0 and 1 of the same shape. TF-Slim's of that name."""

    name: ClassVar[str] = "sigmoid_cross_entropy"
    operands: ClassVar[tuple[str, ...]] = ("logits", "labels")
    takes: ClassVar[str] = ALIKE
    label_smoothing: float | None = arg(_SMOOTHING, None, doc="drawn towards 0.5; `none`: the recipe's")


@value
class MeanSquaredError(_Weighted):
    """(predictions - labels)². TF-Slim's of that name."""

    name: ClassVar[str] = "mean_squared_error"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE


@value
class AbsoluteDifference(_Weighted):
    """|predictions - labels|. TF-Slim's of that name."""

    name: ClassVar[str] = "absolute_difference"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE


@value
class Hinge(_Weighted):
    """max(0, 1 - (2 · labels - 1) · logits), labels 0 or 1. TF-Slim: ``hinge_loss``."""

    name: ClassVar[str] = "hinge"
    aliases: ClassVar[tuple[str, ...]] = ("hinge_loss",)
    operands: ClassVar[tuple[str, ...]] = ("logits", "labels")
    takes: ClassVar[str] = ALIKE


@value
class LogLoss(_Weighted):
    """-labels · log(predictions + epsilon) - (1 - labels) · log(1 - predictions + epsilon). TF-Slim's of that name."""

    name: ClassVar[str] = "log_loss"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE
    epsilon: float = arg(NumberKind(above=0.0), 1e-7, doc="added to what the logarithm is of")


@value
class CosineDistance(_Weighted):
    """1 - Σ predictions · labels over the last axis, both of unit length. TF-Slim's of that name."""

    name: ClassVar[str] = "cosine_distance"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE
    elements: ClassVar[str] = LAST_OF_ONE


@value
class Huber(_Weighted):
    """Squared where small, straight where large. TensorFlow 1: ``huber_loss``."""

    name: ClassVar[str] = "huber"
    aliases: ClassVar[tuple[str, ...]] = ("huber_loss",)
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE
    delta: float = arg(NumberKind(above=0.0), 1.0, doc="where it becomes straight")


@value
class MeanPairwiseSquaredError(_Weighted):
    """The mean of (dᵢ - dⱼ)² over all pairs of elements of an example, d = predictions - labels, summed over the batch.

    Differences of all elements alike cost nothing. TF-Slim's of that name, which is the one loss that is a sum.
    """

    name: ClassVar[str] = "mean_pairwise_squared_error"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE
    elements: ClassVar[str] = EACH_EXAMPLE


@value
class Triplet(_Weighted):
    """max(0, margin + d² to the nearest of its own class - d² to another), semi-hard. Paper: FaceNet.

    TF-Slim: ``metric_learning.triplet_semihard_loss``; embeddings [N, size] of unit length, labels [N].
    """

    name: ClassVar[str] = "triplet"
    operands: ClassVar[tuple[str, ...]] = ("embeddings", "labels")
    takes: ClassVar[str] = CLASSES
    # It is a mean over pairs.
    elements: ClassVar[str] = ""
    margin: float = arg(NumberKind(above=0.0), 1.0, doc="how much nearer the own class has to be")


LOSSES: tuple[type[Loss], ...] = (
    SoftmaxCrossEntropy, SigmoidCrossEntropy, MeanSquaredError, AbsoluteDifference, Hinge, LogLoss, CosineDistance,
    Huber, MeanPairwiseSquaredError, Triplet,
)  # fmt: skip
