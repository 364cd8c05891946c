"""What data are wanted for: the inputs of a network and of its `train` block, as far as data have to know of them."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.types import TensorType
from slimdsl.values import Value, field, positional, value

ANY, ONES, SHARES = "any", "zeros and ones", "shares"
"""Which floating-point numbers make sense: any, 0 and 1, or those that come to 1 along the last axis."""

IMAGES, LABELS = "images", "labels"
"""What the arrays of an archive may be called, whatever the inputs are."""


@positional
class Limit(Value):
    """Numbers of an input stay below a count, of something in words; `strict` where others are an error."""

    count: int
    of: str
    strict: bool = True


@value
class WantedInput(Value):
    """An input that wants an array.

    Attributes:
        name: its name.
        type: its type; the first axis is that of the examples.
        label: whether it is one of the `train` block.
        limit: what its integers stay below; None for any.
        drawn: which floating-point numbers are made up for it.
    """

    name: str
    type: TensorType
    label: bool = field(default=False)
    limit: Limit | None = field(default=None)
    drawn: str = field(default=ANY)

    @property
    def is_image(self) -> bool:
        """Whether it may be an image: floating-point, height, width and channels."""
        return self.type.rank == 4 and self.type.dtype.floating and not self.label


@value
class Wanted(Value):
    """All inputs of a training or an evaluation.

    Attributes:
        network: its name.
        inputs: by name, those of the network first.
        sizes: numbers for named sizes, where data are made up.
    """

    network: str
    inputs: dict[str, WantedInput]
    sizes: Mapping[str, int] = field(default={})

    @property
    def types(self) -> dict[str, TensorType]:
        """Name -> type."""
        return {name: wanted.type for name, wanted in self.inputs.items()}

    @property
    def image(self) -> str:
        """The only input that images are for; "" where there are none or several."""
        found = [name for name, wanted in self.inputs.items() if wanted.is_image]
        return found[0] if len(found) == 1 else ""

    @property
    def label(self) -> str:
        """The only input besides the images; "" where there are none or several."""
        others = [name for name in self.inputs if name != self.image]
        return others[0] if self.image and len(others) == 1 else ""

    @property
    def of_images(self) -> bool:
        """Whether it is trained as classifiers are: with images, and a number or a vector for each, or nothing."""
        if not self.image or len(self.inputs) > 2:
            return False
        if not self.label:
            return True
        label = self.inputs[self.label]
        return label.type.rank == 1 or (label.label and label.type.rank == 2)

    @property
    def of_classes(self) -> bool:
        """Whether images with a class number each, or with nothing, are all it takes."""
        return self.of_images and (not self.label or self.inputs[self.label].type.rank == 1)

    @property
    def listed(self) -> str:
        """The inputs in words."""
        return ", ".join(f"`{name}: {type}`" for name, type in self.types.items())

    @property
    def command(self) -> str:
        """How an archive for them is written."""
        return f"numpy.savez(path, {', '.join(f'{name}=…' for name in self.inputs)})"
