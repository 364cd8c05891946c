"""The regularisers: penalties on a variable that are added to the training loss. Records; no backend is known here."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import NumberKind, arg
from slimdsl.ops.base import Regularizer
from slimdsl.values import value


@value
class L1(Regularizer):
    """`scale` · Σ|w|. TF-Slim: ``l1_regularizer``. A scale of 0 is no regulariser.

    Example: ``fc(10, weights_reg=l1(0.0001))``.
    """

    name: ClassVar[str] = "l1"
    scale: float = arg(NumberKind(minimum=0.0), doc="the factor before the sum")


@value
class L2(Regularizer):
    """`scale` · Σw² / 2. TF-Slim: ``l2_regularizer``. A scale of 0 is no regulariser.

    Example: ``with conv, fc: weights_reg=l2(0.0005)``.
    """

    name: ClassVar[str] = "l2"
    scale: float = arg(NumberKind(minimum=0.0), doc="the factor before the sum; weight decay")


@value
class L1L2(Regularizer):
    """`l1` · Σ|w| + `l2` · Σw² / 2. TF-Slim: ``l1_l2_regularizer``. A factor of 0 leaves its part out.

    Example: ``fc(10, weights_reg=l1_l2(l1=0.0001, l2=0.0005))``.
    """

    name: ClassVar[str] = "l1_l2"
    l1: float = arg(NumberKind(minimum=0.0), 1.0, doc="the factor before the sum of the absolute values")
    l2: float = arg(NumberKind(minimum=0.0), 1.0, doc="the factor before half of the sum of the squares")


def scales(regularizer: Regularizer | None) -> tuple[float, float]:
    """The factors of Σ|w| and of Σw² / 2; both are 0 where nothing is penalised."""
    if regularizer is None:
        return 0.0, 0.0
    if isinstance(regularizer, L1):
        return regularizer.scale, 0.0
    if isinstance(regularizer, L2):
        return 0.0, regularizer.scale
    if isinstance(regularizer, L1L2):
        return regularizer.l1, regularizer.l2
    raise TypeError(f"no such regulariser: {regularizer!r}")


def penalizes(regularizer: Regularizer | None) -> bool:
    """False where there is no penalty: no regulariser, or one with a scale of 0."""
    return any(scales(regularizer))


REGULARIZERS: tuple[type[Regularizer], ...] = (L1, L2, L1L2)
