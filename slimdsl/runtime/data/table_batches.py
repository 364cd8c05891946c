"""Batches of rows: the order, the shares of workers and the filling up are those of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from slimdsl.runtime.data.errors import MissingDataError
from slimdsl.runtime.data.order import Order
from slimdsl.runtime.data.pipeline import ENDLESS, VALID, in_order, numbers, require_enough
from slimdsl.runtime.data.tables import TableSource

PIXELS: dict[str, Callable[[Any], Any]] = {
    "lenet": lambda pixels: (tf.cast(pixels, tf.float32) - 128.0) / 128.0,
    "none": lambda pixels: tf.cast(pixels, tf.float32),
}
"""The preprocessings that leave every pixel at its place, so that images still lie on their masks."""


def check_pixels(source: TableSource, preprocessing: str) -> None:
    """Refuse a preprocessing that rows cannot have.

    Raises:
        MissingDataError: it is such a one.
    """
    if not source.pixels and preprocessing != "none":
        raise MissingDataError(
            f"the preprocessing `{preprocessing}` is for uint8 images, and the arrays of {source.path or source.kind} "
            "have none: --preprocessing none feeds them as they are"
        )
    if preprocessing not in PIXELS:
        raise MissingDataError(
            f"`{next(iter(source.pixels))}` of `{source.path}` is fed beside other arrays, so no pixel may be moved: "
            f"--preprocessing is {' or '.join(PIXELS)}, not `{preprocessing}`"
        )


def table_batches(
    source: TableSource,
    *,
    preprocessing: str,
    batch: int,
    seed: int = 0,
    training: bool,
    start_step: int = 0,
    shuffle: bool = True,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Batches of rows, as dictionaries with the inputs' names; arguments and what they mean are those of `batches`.

    Raises:
        MissingDataError: the preprocessing is none for rows.
        DataError: there are too few examples.
    """
    require_enough(source, batch, shard, training=training)
    check_pixels(source, preprocessing)
    steps = ENDLESS if training else -(-source.count // batch)
    order = Order(source.count, seed, shuffle=shuffle and training)
    tensors = {name: tf.constant(array) for name, array in source.arrays.items()}

    def of_step(indices: Any, epochs: Any, valid: Any) -> dict[str, Any]:
        entry = {}
        for name, tensor in tensors.items():
            taken = tf.gather(tensor, indices % source.rows)
            if name in source.pixels:
                taken = tf.cast(PIXELS[preprocessing](taken), source.pixels[name])
            entry[name] = taken
        return entry if training else {**entry, VALID: valid}

    made = numbers(order, start_step, steps, batch, shard, training=training)
    return in_order(made.map(of_step, num_parallel_calls=tf.data.AUTOTUNE))
