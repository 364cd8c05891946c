"""The tensors of a batch on the way into a step: those that are wanted, of the shapes and types that are wanted."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import tensorflow as tf

from slimdsl.runtime.errors import EngineError
from slimdsl.types import TensorType, substitute


def chosen(wanted: Iterable[str], batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Those tensors of a batch that are wanted.

    Raises:
        EngineError: there is none of that name.
    """
    missing = [name for name in wanted if name not in batch]
    if missing:
        raise EngineError(f"the batch has no `{missing[0]}`, only {', '.join(f'`{name}`' for name in batch)}")
    return {name: batch[name] for name in wanted}


def fitting(
    batch: Mapping[str, tf.Tensor],
    types: Mapping[str, TensorType],
    sizes: Mapping[str, int],
    *,
    parts: int,
    cast: Container[str],
) -> dict[str, tf.Tensor]:
    """A batch whose shapes are static and those of the inputs.

    Args:
        batch: name -> tensor.
        types: name -> the type of the input.
        sizes: named size (``H``) -> number.
        parts: how many the batch is cut into.
        cast: names of the inputs that are given the element type of theirs.

    Raises:
        EngineError: a tensor does not fit.
    """
    fit = {}
    for name, tensor in batch.items():
        expected, given = types[name], tensor.shape
        shape = [substitute(dim, sizes) for dim in expected.shape]
        if given.rank != len(shape) or any(isinstance(d, int) and g not in (d, None) for d, g in zip(shape, given)):
            raise EngineError(f"`{name}` is {expected}, and the batch has it with the shape {list(given)}")
        if not given.is_fully_defined():
            raise EngineError(
                f"`{name}` has the shape {list(given)}: a training step wants batches of one size, "
                "without the remainder"
            )
        if given.rank and given[0] % parts:
            raise EngineError(
                f"`{name}` has {given[0]} examples, which cannot be cut into {parts} equal parts to accumulate"
            )
        fit[name] = tf.cast(tensor, element_type(expected)) if name in cast else tensor
    return fit


def element_type(type: TensorType) -> Any:
    """TensorFlow's."""
    return tf.as_dtype(type.dtype.value)
