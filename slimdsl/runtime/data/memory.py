"""Small data are decoded once and kept: images of one size that take little memory together."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.runtime.data.images import decode
from slimdsl.runtime.data.source import ArraySource, EncodedSource

LARGEST = 256 << 20
"""Bytes of all pixels together."""

_PIECE = 64


def in_memory(source: EncodedSource, channels: int) -> ArraySource | None:
    """The examples decoded; None where they are too large, of several sizes, or where one cannot be read.

    What cannot be read is left to the pipeline, whose failure is explained by looking at every example.
    """
    memo = getattr(source, "decoded", None)
    if memo is None:
        memo = source.decoded = {}
    if channels not in memo:
        memo[channels] = _decoded(source, channels)
    return memo[channels]


def _decoded(source: EncodedSource, channels: int) -> ArraySource | None:
    if source.image_shape is None or not source.count:
        return None
    height, width, _ = source.image_shape
    if source.count * height * width * channels > LARGEST:
        return None

    def read(indices: Any) -> Any:
        return source.payloads(indices)

    def of_example(payload: Any, label: Any) -> tuple[Any, Any]:
        encoded, label = source.encoded(payload, label)
        image = decode(encoded, channels)
        fits = tf.reduce_all(tf.shape(image)[:2] == (height, width))
        with tf.control_dependencies([tf.debugging.Assert(fits, ["images of several sizes"])]):
            return tf.ensure_shape(image, [height, width, channels]), label

    examples = (
        tf.data.Dataset.range(source.count)
        .batch(_PIECE)
        .map(read)
        .unbatch()
        .map(of_example, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(_PIECE)
    )
    images = np.empty((source.count, height, width, channels), np.uint8)
    labels = np.empty(source.count, np.int64)
    done = 0
    try:
        for pixels, classes in examples.as_numpy_iterator():
            images[done : done + len(pixels)] = pixels
            labels[done : done + len(pixels)] = classes
            done += len(pixels)
    except tf.errors.OpError:
        return None
    held = ArraySource(images, labels, kind=source.kind, path=source.path, classes=source.classes)
    held.split, held.split_note, held.found = source.split, source.split_note, source.found
    return held
