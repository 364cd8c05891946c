"""A resolved recipe: every setting has its value, every tensor its name."""

from __future__ import annotations

from slimdsl.diagnostics.source import Span
from slimdsl.ops.arguments import ArgumentSpec, BoolKind, IntKind, NumberKind, arg, argument_specs
from slimdsl.recipe.base import Loss, Metric, Optimizer
from slimdsl.recipe.kinds import MultipliersKind, ScopesKind
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


_COUNT = IntKind(minimum=1)
_NORM = NumberKind(above=0.0, optional=True)


@value
class Recipe(Value):
    """All that a training is besides its network and its data; settings are described at their fields.

    Attributes:
        inputs: labels: name -> type, in the order of the text; the first dimension is the batch.
        losses: the losses; the total is their sum and that of the penalties.
        optimizer: with its learning rate, a number or a schedule.
        metrics: what is reported.
        initial: what training begins with; None for first values.
    """

    inputs: dict[str, TensorType]
    losses: tuple[LossTerm, ...]
    optimizer: Optimizer
    metrics: tuple[MetricTerm, ...] = field(default=())
    batch: int = arg(IntKind(minimum=1, maximum=1_000_000), 32, doc="examples of a step, over all devices")
    steps: int | None = arg(
        IntKind(minimum=1, optional=True), None, doc="steps of the training; `none`: as many as `epochs` takes"
    )
    epochs: float | None = arg(
        NumberKind(above=0.0, optional=True),
        None,
        doc="passes over the data; where neither it nor `steps` is given, 30",
    )
    label_smoothing: float = arg(
        NumberKind(minimum=0.0, maximum=1.0), 0.0, doc="of the losses that have one and do not say their own"
    )
    averages: float | None = arg(
        NumberKind(minimum=0.0, maximum=1.0, optional=True),
        None,
        doc="decay of the moving averages of all variables, after n steps min(decay, (1 + n) / (10 + n)); "
        "`none`: no averages",
    )
    clip_norm: float | None = arg(_NORM, None, doc="largest L2 norm of the gradient of a variable; `none`: any")
    clip_global_norm: float | None = arg(_NORM, None, doc="largest L2 norm of all gradients together; `none`: any")
    multipliers: tuple[tuple[str, float], ...] = arg(
        MultipliersKind(), (), doc="scopes and the factors of their gradients; the longest scope that fits counts"
    )
    trainable: tuple[str, ...] = arg(ScopesKind(), (), doc="scopes that are trained; an empty list for all")
    freeze_batch_norm: bool = arg(BoolKind(), False, doc="leave the moving averages of batch norm as they are")
    accumulate: int = arg(_COUNT, 1, doc="parts that the batch of a step is cut into; their gradients are averaged")
    initial: InitialValues | None = field(default=None)
    steps_per_call: int = arg(
        _COUNT,
        1,
        doc="steps that one call of TensorFlow takes where nothing is logged, saved or summarised between them; more "
        "saves time where steps are small, and a signal waits for the call",
    )
    seed: int = arg(IntKind(minimum=0), 0, doc="of first values, shuffling, dropout and augmentation")
    log_every: int = arg(_COUNT, 10, doc="steps between two logged ones")
    save_every: int = arg(_COUNT, 500, doc="steps between two checkpoints")
    save_minutes: float | None = arg(
        NumberKind(above=0.0, optional=True),
        10.0,
        doc="minutes since the last checkpoint after which one is written besides; `none`: by steps alone",
    )
    summary_every: int = arg(_COUNT, 100, doc="steps between two summaries")
    keep: int = arg(_COUNT, 5, doc="how many checkpoints are kept besides the best")


SETTINGS: dict[str, ArgumentSpec] = argument_specs(Recipe)
"""What ``name = value`` in a `train` block sets: the fields of a recipe that have a kind."""
