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

    def __str__(self) -> str:
        return self.name


@value
class Schedule(RecipeOp):
    """A number that changes with the steps, such as the learning rate; subclasses are in `schedules`."""

    def problem(self) -> str:
        """What is wrong with the arguments together, as it reads after the schedule's name; "" where nothing is."""
        return ""


@value
class Loss(RecipeOp):
    """A loss; subclasses are in `losses`.

    Attributes:
        operands: what the tensors are called that it takes first, in order.
        takes: the rule of `operands` that their types keep.
        elements: the rule of `operands` for the shape of the losses that are averaged, each of which may have a weight
            in one tensor more; "" where there may be none.
    """

    operands: ClassVar[tuple[str, ...]]
    takes: ClassVar[str]
    elements: ClassVar[str] = ""

    @property
    def label(self) -> str:
        """What logs call it where it is the only one of its sort."""
        return self.name


@value
class Metric(RecipeOp):
    """A metric; subclasses are in `metrics`.

    Attributes:
        operands: what the tensors are called that it takes first, in order.
        takes: the rule of `operands` that their types keep.
    """

    operands: ClassVar[tuple[str, ...]]
    takes: ClassVar[str]

    @property
    def label(self) -> str:
        """What logs call it where it is the only one of its sort."""
        return self.name


@value
class Optimizer(RecipeOp):
    """An optimizer; subclasses are in `optimizers`.

    Attributes:
        slots: the last parts of the names under which a checkpoint holds its state of a variable, as TensorFlow 1 has
            them (``Momentum``).
    """

    slots: ClassVar[tuple[str, ...]] = ()
