"""What losses and metrics want of the types of their two tensors, and losses of weights beside them."""

from __future__ import annotations

from slimdsl.ops.base import ShapeError
from slimdsl.types import DType, Shape, TensorType, shape_text, surely_unequal

ALIKE = "alike"
"""Two tensors of one shape."""

CLASSES = "classes"
"""[N, …, classes] and class numbers [N, …]."""

CLASSES_OR_SHARES = "classes or shares"
"""As `CLASSES`, or instead of numbers the share of each class, [N, …, classes]."""

EACH, EACH_VECTOR, LAST_OF_ONE, EACH_EXAMPLE = "each", "each vector", "each vector, as an axis of one", "each example"
"""What of the first tensor [N, …, C] has a loss: each number, each vector [N, …] or [N, …, 1], or each example [N]."""

WEIGHTS = "weights"
"""What the tensor is called that has a weight for each loss."""

_INTEGERS = (DType.INT8, DType.UINT8, DType.INT32, DType.INT64)


def check_operands(takes: str, names: tuple[str, ...], types: tuple[TensorType, ...]) -> None:
    """Compare the types of two tensors.

    Args:
        takes: one of the rules above.
        names: what the tensors are called.
        types: their types.

    Raises:
        ShapeError: they do not suit; its `operand` says which.
    """
    given, labels = types
    if not given.dtype.floating:
        raise ShapeError(f"`{names[0]}` must be of a floating-point type, not {given}", operand=0)
    if labels.dtype is DType.STRING:
        raise ShapeError(f"`{names[1]}` must be numbers, not {labels}", operand=1)
    if takes == ALIKE:
        if _unequal(given.shape, labels.shape):
            message = f"`{names[0]}` is {shape_text(given.shape)}, but `{names[1]}` is {shape_text(labels.shape)}"
            raise ShapeError(message, operand=1, help="they must have one shape")
        return
    if given.rank < 2:
        raise ShapeError(f"`{names[0]}` must be [N, …, classes], not {shape_text(given.shape)}", operand=0)
    if labels.dtype.floating and takes == CLASSES_OR_SHARES:
        if _unequal(given.shape, labels.shape):
            message = f"`{names[1]}` must be shares {shape_text(given.shape)}, not {shape_text(labels.shape)}"
            raise ShapeError(message, operand=1)
        return
    wanted = given.shape[:-1]
    if labels.dtype not in _INTEGERS:
        raise ShapeError(f"`{names[1]}` must be class numbers int32{shape_text(wanted)}, not {labels}", operand=1)
    if _unequal(wanted, labels.shape):
        message = f"`{names[1]}` must be class numbers {shape_text(wanted)}, not {shape_text(labels.shape)}"
        shown = f"`{names[0]}` is {shape_text(given.shape)}, and each example has one class number"
        raise ShapeError(message, operand=1, help=shown)


def check_weights(elements: str, names: tuple[str, ...], types: tuple[TensorType, ...]) -> None:
    """Compare the type of weights with that of the losses that they are for.

    Args:
        elements: one of the rules above.
        names: what the first tensor, the second and the weights are called.
        types: their types, of which the first two suit each other.

    Raises:
        ShapeError: they do not suit.
    """
    given, _, weights = types
    shape = {EACH: given.shape, EACH_EXAMPLE: given.shape[:1], LAST_OF_ONE: (*given.shape[:-1], 1)}.get(
        elements, given.shape[:-1]
    )
    if not weights.dtype.floating and weights.dtype not in _INTEGERS:
        raise ShapeError(f"`{names[2]}` must be numbers, not {weights}", operand=2)
    if not 1 <= weights.rank <= len(shape) or _unequal(shape[: weights.rank], weights.shape):
        message = f"`{names[2]}` is {shape_text(weights.shape)}, but the losses of `{names[0]}` are {shape_text(shape)}"
        help = f"weights are one for each loss, {shape_text(shape)}, or for each example, {shape_text(shape[:1])}"
        raise ShapeError(message, operand=2, help=help)


def check_term(takes: str, elements: str, names: tuple[str, ...], types: tuple[TensorType, ...]) -> None:
    """Compare the types of all tensors of a loss or a metric: two, and maybe weights.

    Raises:
        ShapeError: as `check_operands` and `check_weights`.
    """
    check_operands(takes, names[:2], types[:2])
    if len(names) > 2:
        check_weights(elements, names, types)


def _unequal(left: Shape, right: Shape) -> bool:
    return len(left) != len(right) or any(surely_unequal(a, b) for a, b in zip(left, right))
