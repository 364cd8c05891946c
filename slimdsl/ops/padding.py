"""Padding of windows as a layer takes it: `same`, `valid`, or numbers, which a node of its own puts around the tensor.

No backend needs to know explicit padding: what is left for the convolution or pool is `valid`.
"""

from __future__ import annotations

from typing import Any, Union

from slimdsl.ops.arguments import MAX_EXTENT, ArgumentError, Kind, arg, describe
from slimdsl.ops.base import Builder, Operand, ShapeError
from slimdsl.ops.shape import Pad
from slimdsl.ops.windows import Window, refuse_too_large, span, spatial_part, window_text
from slimdsl.types import TensorType, shape_text
from slimdsl.values import value

Margins = tuple[tuple[int, int], ...]
"""Elements before and after, for each spatial axis."""

Padding = Union[str, Margins]


@value
class PaddingKind(Kind):
    """`same`, `valid`, one number for all sides, or a number or a pair for each spatial axis; numbers become pairs."""

    description: str = "`same`, `valid`, a number, or a list of pairs such as `[(3, 3), (3, 3)]`"
    words: tuple[str, ...] = ("same", "valid")

    def check(self, given: object) -> Padding:
        if isinstance(given, str) and given in self.words:
            return given
        items = given if isinstance(given, tuple) and given else (given,)
        return tuple(self._pair(item, given) for item in items)

    def _pair(self, item: object, given: object) -> tuple[int, int]:
        pair = item if isinstance(item, tuple) else (item, item)
        if len(pair) != 2 or not all(type(number) is int for number in pair):
            raise self.refuse(given)
        if min(pair) < 0:
            raise ArgumentError(f"must have no entry below 0, not {describe(given, bare=True)}")
        if max(pair) > MAX_EXTENT:
            raise ArgumentError(f"must be at most {MAX_EXTENT:,} to a side, not {describe(given, bare=True)}")
        return pair


def padding_argument(default: str) -> Any:
    """The argument ``padding``."""
    return arg(
        PaddingKind(),
        default,
        doc="`same`: ceil(n / stride) places; `valid`: only where the window lies inside; or elements before and after",
    )


def margins_of(x: TensorType, margins: Margins) -> Margins:
    """The margins with a pair for each spatial axis; a single pair is meant for all.

    Raises:
        ShapeError: there are more or fewer.
    """
    axes = x.rank - 2
    if len(margins) == 1:
        return margins * axes
    if len(margins) != axes:
        raise ShapeError(
            f"padding has {len(margins)} pairs, the input {shape_text(x.shape)} has {axes} spatial"
            f" {'axis' if axes == 1 else 'axes'}",
            argument="padding",
            help="a pair for each axis, or one number for all of them",
        )
    return margins


def after_margins(x: TensorType, padding: Padding) -> tuple[TensorType, str]:
    """The type of the tensor with what `padding` puts around it, and the padding that is left: `same` or `valid`.

    Checks come before nodes, so this comes before `put_margins`.

    Raises:
        ShapeError: the numbers do not fit the tensor.
    """
    if isinstance(padding, str):
        return x, padding
    margins = margins_of(x, padding)
    spatial = tuple(before + size + after for size, (before, after) in zip(spatial_part(x.shape), margins))
    shape = (x.shape[0], *refuse_too_large(spatial, "padding"), x.shape[-1])
    return TensorType(dtype=x.dtype, shape=shape), "valid"


def put_margins(builder: Builder, x: Operand, padding: Padding, fill: float = 0.0) -> Operand:
    """The tensor with what `padding` puts around it."""
    if isinstance(padding, str):
        return x
    margins = margins_of(x.type, padding)
    if not any(max(pair) for pair in margins):
        return x
    return builder.emit(Pad(paddings=((0, 0), *margins, (0, 0)), value=fill), x)


def require_narrow_margins(x: TensorType, padding: Padding, kernel: Window) -> None:
    """Refuse margins that a pool's window could lie in altogether: there is nothing there to take.

    Raises:
        ShapeError: a margin is as wide as the window, or wider.
    """
    if isinstance(padding, str):
        return
    for pair, extent in zip(margins_of(x, padding), kernel):
        if max(pair) >= extent:
            raise ShapeError(
                f"padding {max(pair)} is not less than the window {window_text(kernel)}",
                argument="padding",
                help="each place of the window must meet the tensor",
            )


def margins_as_same(kernel: Window, rate: Window) -> Margins:
    """The margins that leave a size as it is at stride 1: what TF-Slim's networks pad with before a stride."""
    return tuple(((reach - 1) // 2, reach - 1 - (reach - 1) // 2) for reach in span(kernel, rate))
