"""What a `train` block leaves open: TF-Slim's recipe for classifiers (``train_image_classifier.py``)."""

from __future__ import annotations

from typing import Any

from slimdsl.ir.graph import Graph
from slimdsl.ops.base import ShapeError
from slimdsl.recipe.base import Metric
from slimdsl.recipe.losses import SoftmaxCrossEntropy
from slimdsl.recipe.metrics import Accuracy, TopK
from slimdsl.recipe.operands import check_operands
from slimdsl.recipe.optimizers import RmsProp
from slimdsl.recipe.recipe import InitialValues, LossTerm, MetricTerm, Recipe
from slimdsl.recipe.schedules import Exponential
from slimdsl.semantics.train_block import LENGTHS, Block
from slimdsl.types import DType, TensorType, shape_text

DEFAULT_EPOCHS = 30.0
"""TF-Slim's script trains until it is stopped; a training that is asked for with one word should end."""

AUXILIARY_WEIGHT = 0.4
DEFAULT_OPTIMIZER = RmsProp(learning_rate=Exponential(rate=0.01, decay=0.94, epochs=2.0, staircase=True))
LABELS = "labels"
_LOGITS = "logits"


class Unsuitable(Exception):
    """The net is no classifier, so that it needs a `train` block; the message is a sentence."""


def complete(block: Block, graph: Graph, initial: InitialValues | None) -> Recipe:
    """The recipe of a block, with defaults for what it does not say.

    Raises:
        Unsuitable: the block has no loss, and the net is no classifier.
    """
    inputs, losses, metrics = block.inputs, block.losses, block.metrics
    if not losses:
        inputs, label = _label(block, graph)
        losses = _losses(graph, label)
        metrics = metrics or _metrics(graph, label)
    settings: dict[str, Any] = dict(block.settings)
    if all(settings.get(name) is None for name in LENGTHS):
        settings["epochs"] = DEFAULT_EPOCHS
    fixed = [tensor.type.shape[0] for tensor in graph.inputs.values() if tensor.type.rank]
    fixed += [type.shape[0] for type in inputs.values()]
    for batch in fixed:
        if isinstance(batch, int):
            settings["batch"] = batch
    return Recipe(
        inputs=inputs,
        losses=losses,
        optimizer=block.optimizer or DEFAULT_OPTIMIZER,
        metrics=metrics,
        initial=initial,
        **settings,
    )


def default_metrics(block: Block, graph: Graph) -> tuple[MetricTerm, ...]:
    """What is reported of a classifier with class numbers; nothing of any other net."""
    try:
        _, label = _label(block, graph)
        types = {**{name: tensor.type for name, tensor in graph.inputs.items()}, **block.inputs}
        if label not in types:
            return ()
        check_operands(Accuracy.takes, (_LOGITS, label), (graph.outputs[_LOGITS].type, types[label]))
    except (Unsuitable, ShapeError):
        return ()
    return _metrics(graph, label)


def class_numbers(graph: Graph) -> TensorType | None:
    """The type of the labels of a classifier whose text does not declare them; None where it is none."""
    logits = graph.outputs.get(_LOGITS)
    if logits is None or logits.type.rank != 2:
        return None
    return TensorType(dtype=DType.INT32, shape=logits.type.shape[:1])


def _label(block: Block, graph: Graph) -> tuple[dict[str, TensorType], str]:
    """The inputs of the training, and the one that holds the labels."""
    logits = graph.outputs.get(_LOGITS)
    if logits is None:
        others = f"; its outputs are {', '.join(graph.outputs)}" if graph.outputs else ""
        raise Unsuitable(f"the net `{graph.name}` has no output `logits`{others}: {_WRITE}")
    shape = logits.type.shape
    classes = shape[-1] if shape else 0
    if len(shape) != 2 or not isinstance(classes, int) or not logits.type.dtype.floating:
        raise Unsuitable(f"the `logits` of `{graph.name}` are {logits.type}, not [N, classes]: {_WRITE}")
    if classes < 2:
        raise Unsuitable(f"the `logits` of `{graph.name}` are {shape_text(shape)}, a single class: {_WRITE}")
    if LABELS in block.inputs or LABELS in graph.inputs:
        label = LABELS
    elif not block.inputs:
        return {LABELS: TensorType(dtype=DType.INT32, shape=shape[:1])}, LABELS
    else:
        label = next(iter(block.inputs))
    type = block.inputs[label] if label in block.inputs else graph.inputs[label].type
    try:
        check_operands(SoftmaxCrossEntropy.takes, (_LOGITS, label), (logits.type, type))
    except ShapeError as error:
        raise Unsuitable(f"{error.message}: {_WRITE}") from error
    return block.inputs, label


_WRITE = "write a `train` block with a `loss`"


def _losses(graph: Graph, label: str) -> tuple[LossTerm, ...]:
    auxiliary = [name for name in graph.outputs if name.lower().replace("_", "").startswith("auxlogits")]
    terms = []
    for number, name in enumerate((_LOGITS, *auxiliary)):
        loss = SoftmaxCrossEntropy(weight=AUXILIARY_WEIGHT if number else 1.0)
        called = f"{loss.label}_{number}" if number else loss.label
        terms.append(LossTerm(name=called, loss=loss, operands=(name, label)))
    return tuple(terms)


def _metrics(graph: Graph, label: str) -> tuple[MetricTerm, ...]:
    classes = graph.outputs[_LOGITS].type.shape[-1]
    metrics: list[Metric] = [Accuracy()]
    if isinstance(classes, int) and classes > TopK().k:
        metrics.append(TopK())
    return tuple(MetricTerm(name=metric.label, metric=metric, operands=(_LOGITS, label)) for metric in metrics)
