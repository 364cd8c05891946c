"""A resolved recipe: every setting has its value, every tensor its name."""

from __future__ import annotations

from slimdsl.diagnostics.source import Span
from slimdsl.recipe.base import Loss, Metric, Optimizer
from slimdsl.types import TensorType
from slimdsl.values import Value, field, value


@value
class LossTerm(Value):
    """A loss of tensors, named in the order of `loss.operands`: inputs of the recipe, inputs and outputs of the net.

    `name` is what logs call it: that of the loss, numbered where there are several.
    """

    name: str
    loss: Loss
    operands: tuple[str, ...]
    span: Span | None = field(default=None, compare=False)


@value
class MetricTerm(Value):
    """A metric of tensors, likewise; `name` is what logs and ``evaluate --json`` call it."""

    name: str
    metric: Metric
    operands: tuple[str, ...]
    span: Span | None = field(default=None, compare=False)


@value
class InitialValues(Value):
    """A file of weights that training begins with: its path, and what of it is taken."""

    path: str
    excepted: tuple[str, ...] = field(default=())
    renames: tuple[tuple[str, str], ...] = field(default=())


@value
class Recipe(Value):
    """All that a training is besides its network and its data.

    Attributes:
        inputs: labels: name -> type, in the order of the text; the first dimension is the batch.
        losses: the losses; the total is their sum and that of the penalties.
        optimizer: with its learning rate, a number or a schedule.
        metrics: what is reported.
        batch: examples of a step, over all devices.
        steps: steps of the training; None where `epochs` says it.
        epochs: passes over the data, where `steps` is None.
        label_smoothing: of the losses that have one and do not say their own.
        averages: decay of the moving averages of all variables, min(decay, (1 + step) / (10 + step)); None for none.
        clip_norm: largest L2 norm of the gradient of a variable; None for any.
        clip_global_norm: largest L2 norm of all gradients together; None for any.
        multipliers: (scope, factor of its gradients); the longest scope that fits counts.
        trainable: scopes that are trained; empty for all.
        freeze_batch_norm: True to leave moving averages of batch norm as they are.
        accumulate: batches whose gradients are averaged for one step.
        initial: what training begins with; None for first values.
        seed: of first values, shuffling, dropout and augmentation.
        log_every, save_every, summary_every: steps between two.
        keep: how many checkpoints are kept besides the best.
    """

    inputs: dict[str, TensorType]
    losses: tuple[LossTerm, ...]
    optimizer: Optimizer
    metrics: tuple[MetricTerm, ...] = field(default=())
    batch: int = field(default=32)
    steps: int | None = field(default=None)
    epochs: float | None = field(default=None)
    label_smoothing: float = field(default=0.0)
    averages: float | None = field(default=None)
    clip_norm: float | None = field(default=None)
    clip_global_norm: float | None = field(default=None)
    multipliers: tuple[tuple[str, float], ...] = field(default=())
    trainable: tuple[str, ...] = field(default=())
    freeze_batch_norm: bool = field(default=False)
    accumulate: int = field(default=1)
    initial: InitialValues | None = field(default=None)
    seed: int = field(default=0)
    log_every: int = field(default=10)
    save_every: int = field(default=500)
    summary_every: int = field(default=100)
    keep: int = field(default=5)
