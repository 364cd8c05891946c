"""Metrics: of classes by logits [N, classes] and class numbers [N] unless said otherwise."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import IntKind, NumberKind, arg
from slimdsl.recipe.base import Metric
from slimdsl.recipe.operands import ALIKE, CLASSES
from slimdsl.values import value


@value
class Accuracy(Metric):
    """Share of examples whose largest logit is that of their class."""

    name: ClassVar[str] = "accuracy"
    operands: ClassVar[tuple[str, ...]] = ("logits", "labels")
    takes: ClassVar[str] = CLASSES


@value
class TopK(Metric):
    """Share of examples whose class is among the `k` largest logits. TF-Slim's script calls it ``Recall_5``."""

    name: ClassVar[str] = "top_k"
    aliases: ClassVar[tuple[str, ...]] = ("recall_at_k",)
    operands: ClassVar[tuple[str, ...]] = ("logits", "labels")
    takes: ClassVar[str] = CLASSES
    k: int = arg(IntKind(minimum=1), 5, doc="how many")

    @property
    def label(self) -> str:
        return f"top_{self.k}"


@value
class Precision(Metric):
    """Of those predicted above the threshold, the share whose label is 1; predictions and labels [N, …]."""

    name: ClassVar[str] = "precision"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE
    threshold: float = arg(NumberKind(minimum=0.0, maximum=1.0), 0.5, doc="what counts as predicted")


@value
class Recall(Metric):
    """Of those whose label is 1, the share predicted above the threshold; predictions and labels [N, …]."""

    name: ClassVar[str] = "recall"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE
    threshold: float = arg(NumberKind(minimum=0.0, maximum=1.0), 0.5, doc="what counts as predicted")


@value
class Auc(Metric):
    """Area under the ROC curve, of predictions in [0, 1] and labels of 0 and 1. TensorFlow 1: ``metrics.auc``."""

    name: ClassVar[str] = "auc"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE
    thresholds: int = arg(IntKind(minimum=3, maximum=10_000), 200, doc="points of the curve")


@value
class MeanIou(Metric):
    """Intersection over union, the mean over classes; logits [N, …, classes] and class numbers [N, …]."""

    name: ClassVar[str] = "mean_iou"
    operands: ClassVar[tuple[str, ...]] = ("logits", "labels")
    takes: ClassVar[str] = CLASSES


@value
class MeanSquaredErrorMetric(Metric):
    """The mean of (predictions - labels)²."""

    name: ClassVar[str] = "mean_squared_error"
    operands: ClassVar[tuple[str, ...]] = ("predictions", "labels")
    takes: ClassVar[str] = ALIKE


@value
class Perplexity(Metric):
    """e to the mean cross entropy; logits [N, …, classes] and class numbers [N, …]."""

    name: ClassVar[str] = "perplexity"
    operands: ClassVar[tuple[str, ...]] = ("logits", "labels")
    takes: ClassVar[str] = CLASSES


METRICS: tuple[type[Metric], ...] = (
    Accuracy, TopK, Precision, Recall, Auc, MeanIou, MeanSquaredErrorMetric, Perplexity,
)  # fmt: skip
