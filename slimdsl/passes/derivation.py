"""How the values of a new constant follow from the variables of the network as it was written: data, no arithmetic.

`weights.derived` computes them. Vectors and numbers (`Gain`, `Product`, `Sum`, `Difference`, `Number`) are meant
without rounding: what is stored is rounded once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from slimdsl.ir.graph import Tensor, Variable
from slimdsl.ops.base import Initializer, Primitive
from slimdsl.values import Value, positional, value


@value
class Derivation(Value):
    """Base of all; two are equal where they are computed alike."""


@positional
class Original(Derivation):
    """The values of a variable."""

    variable: Variable


@positional
class Number(Derivation):
    """A number, which stands for a vector of it too."""

    number: float


@positional
class Gain(Derivation):
    """1 / √(variance + epsilon)."""

    variance: Derivation
    epsilon: float


@positional
class Product(Derivation):
    """left · right, element by element."""

    left: Derivation
    right: Derivation


@positional
class Sum(Derivation):
    """left + right, element by element."""

    left: Derivation
    right: Derivation


@positional
class Difference(Derivation):
    """left - right, element by element."""

    left: Derivation
    right: Derivation


@positional
class ScaledKernel(Derivation):
    """A kernel times a vector: each factor for `repeat` neighbouring elements, over and over.

    The axis of the factors is the last one where `repeat` is 1, else the one before the last `repeat` elements.
    """

    kernel: Derivation
    factors: Derivation
    repeat: int


@positional
class Computed(Derivation):
    """The result of a primitive that moves elements and changes none."""

    op: Primitive
    operand: Derivation


@value
class Derived(Initializer):
    """Stands where a derived variable has its initialiser: such values are computed, and no seed can draw them."""

    name: ClassVar[str] = "derived"


def derivation_of(
    tensor: Tensor, variables: Mapping[Tensor, Variable], derivations: Mapping[str, Derivation]
) -> Derivation | None:
    """What the tensor holds, if that is known before the network runs."""
    variable = variables.get(tensor)
    if variable is None:
        return None
    return derivations.get(variable.name) or Original(variable)
