"""Arithmetic of windows that slide over the spatial axes: what convolutions and pools have in common.

A tensor is ``[batch, spatial axes…, channels]``. Knows no op by name; ops pass theirs in for the messages.
"""

from __future__ import annotations

from slimdsl.ops.base import ShapeError
from slimdsl.types import Dim, Shape, TensorType, ceil_div, shape_text

Window = tuple[int, ...]
"""An extent for each spatial axis."""

MAX_SIZE = 2**31 - 1
"""The largest size of an axis that TensorFlow's kernels count in."""


def window_text(window: Shape) -> str:
    """A window or the spatial part of a shape as messages print it: ``7x7``."""
    return "x".join(f"({dim})" if " " in str(dim) else str(dim) for dim in window)


def numbers_text(numbers: tuple[int, ...]) -> str:
    """A choice of numbers: ``3, 4 or 5``."""
    words = [str(number) for number in numbers]
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def require_rank(op_name: str, x: TensorType, ranks: tuple[int, ...], help: str = "") -> None:
    """Refuse a tensor of another rank.

    Raises:
        ShapeError: with the ranks wanted and the one given.
    """
    if x.rank in ranks:
        return
    if not help:
        wanted = {3: "reshape([length, channels])", 4: "reshape([height, width, channels])"}
        layout = wanted.get(ranks[0], "reshape([depth, height, width, channels])")
        help = f"`{layout}` before it brings each example into that layout"
    raise ShapeError(
        f"{op_name} wants a tensor of rank {numbers_text(ranks)}, this one has rank {x.rank}: {shape_text(x.shape)}",
        operand=0,
        help=help,
    )


def known_channels(op_name: str, x: TensorType) -> int:
    """The size of the last axis, which a variable's shape depends on.

    Raises:
        ShapeError: it is not known.
    """
    channels = x.shape[-1]
    if not isinstance(channels, int):
        raise ShapeError(
            f"{op_name} wants a known number of channels, this tensor has `{channels}`: {shape_text(x.shape)}",
            operand=0,
            help="give the input a number for its last axis",
        )
    return channels


def per_axis(argument: str, given: Window, x: TensorType) -> Window:
    """The window with an extent for each spatial axis of `x`; a single extent is meant for all.

    Raises:
        ShapeError: the window has another number of axes.
    """
    axes = x.rank - 2
    if len(given) == 1:
        return given * axes
    if len(given) != axes:
        raise ShapeError(
            f"{argument} {window_text(given)} has {len(given)} axes, the input {shape_text(x.shape)} has {axes} spatial"
            f" {'axis' if axes == 1 else 'axes'}",
            argument=argument,
            help=f"write `{window_text((given[0],) * axes)}`",
        )
    return given


def span(kernel: Window, rate: Window) -> Window:
    """How far a kernel reaches when its taps are `rate` apart."""
    return tuple((size - 1) * step + 1 for size, step in zip(kernel, rate))


def slide(spatial: Shape, kernel: Window, stride: Window, padding: str, rate: Window | None = None) -> Shape:
    """The spatial axes of what a sliding window gives.

    SAME pads so that there are ceil(n / stride) places; VALID counts those where the window lies inside.

    Raises:
        ShapeError: with VALID padding, the window surely does not fit the input; or it is larger than any tensor.
    """
    reach = span(kernel, rate or (1,) * len(kernel))
    if max(reach) > MAX_SIZE:
        raise ShapeError(
            f"kernel {window_text(kernel)} at rate {window_text(rate or ())} spans {window_text(reach)}",
            argument="rate",
        )
    if padding == "same":
        return tuple(ceil_div(size, step) for size, step in zip(spatial, stride))
    if any(isinstance(size, int) and size < extent for size, extent in zip(spatial, reach)):
        what = f"kernel {window_text(kernel)}"
        if reach != kernel:
            what += f" at rate {window_text(rate or ())} spans {window_text(reach)} and"
        raise ShapeError(
            f"{what} does not fit input {window_text(spatial)}",
            argument="kernel",
            help="a smaller kernel, or `padding=same`",
        )
    return tuple((size - extent) // step + 1 for size, extent, step in zip(spatial, reach, stride))


def refuse_too_large(sizes: Shape, argument: str) -> Shape:
    """The sizes themselves.

    Raises:
        ShapeError: one of them is larger than a tensor's axis can be.
    """
    if any(isinstance(size, int) and size > MAX_SIZE for size in sizes):
        raise ShapeError(
            f"the result would be {window_text(sizes)}, and an axis has at most {MAX_SIZE:,} elements",
            argument=argument,
        )
    return sizes


def stretch(spatial: Shape, kernel: Window, stride: Window, padding: str) -> Shape:
    """The spatial axes of what a transposed convolution gives: n * stride, with VALID padding the kernel's rest too."""
    rest = (0 if padding == "same" else max(extent - step, 0) for extent, step in zip(kernel, stride))
    sizes = tuple(size * step + more for size, step, more in zip(spatial, stride, rest))
    return refuse_too_large(sizes, "stride")


def refuse_stride_with_rate(stride: Window, rate: Window) -> None:
    """Refuse a stride together with a rate, as TF-Slim does.

    Raises:
        ShapeError: both are above 1 on some axis.
    """
    if max(stride) > 1 and max(rate) > 1:
        raise ShapeError(
            f"stride {window_text(stride)} and rate {window_text(rate)} cannot be combined",
            argument="rate",
            help="one of them must be 1",
        )


def volume(window: Window) -> int:
    """Number of places in a window."""
    count = 1
    for extent in window:
        count *= extent
    return count


def spatial_part(shape: Shape) -> Shape:
    """The axes between batch and channels."""
    return shape[1:-1]


def weights_window(weights: TensorType) -> Window:
    """The window of a convolution's weights: all axes but the last two.

    Raises:
        ShapeError: the size of the window is not known.
    """
    return tuple(known(dim, weights) for dim in weights.shape[:-2])


def known(dim: Dim, holder: TensorType) -> int:
    """A dimension that must be a number.

    Raises:
        ShapeError: it is not.
    """
    if not isinstance(dim, int):
        raise ShapeError(f"`{dim}` of {shape_text(holder.shape)} must be known")
    return dim
