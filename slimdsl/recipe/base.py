"""What the parts of a recipe have in common: frozen records whose fields are arguments, as those of ops."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.values import Value, value


@value
class RecipeOp(Value):
    """Base of losses, optimizers, schedules and metrics.

    Attributes:
        name: the spelling in the language.
        aliases: other spellings.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()


@value
class Schedule(RecipeOp):
    """A number that changes with the steps, such as the learning rate; subclasses are in `schedules`."""


@value
class Loss(RecipeOp):
    """A loss; subclasses are in `losses`.

    Attributes:
        operands: what the tensors are called that it takes first, in order.
    """

    operands: ClassVar[tuple[str, ...]]


@value
class Metric(RecipeOp):
    """A metric; subclasses are in `metrics`.

    Attributes:
        operands: what the tensors are called that it takes first, in order.
    """

    operands: ClassVar[tuple[str, ...]]


@value
class Optimizer(RecipeOp):
    """An optimizer; subclasses are in `optimizers`.

    Attributes:
        slots: the last parts of the names under which a checkpoint holds its state of a variable, as TensorFlow 1 has
            them (``Momentum``).
    """

    slots: ClassVar[tuple[str, ...]] = ()
