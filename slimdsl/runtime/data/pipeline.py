"""Batches: the order, reading, decoding and preprocessing as one tf.data pipeline.

The pipeline is a function of numbers: step -> positions -> examples. So `start_step` costs nothing, and the batches
from there are those of a run that was never interrupted, for every kind of source.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.images import Size, decode, fit, with_channels
from slimdsl.runtime.data.memory import in_memory
from slimdsl.runtime.data.order import Order
from slimdsl.runtime.data.preprocessing import Preprocessing, preprocessing_named, preprocessing_of_network
from slimdsl.runtime.data.source import ArraySource, DataSource, EncodedSource, Indices
from slimdsl.runtime.data.tables import TableSource
from slimdsl.values import Value, value

VALID = "(valid)"
"""The key of the mask of examples that are no padding, in batches for evaluation; no input can be called so."""

ENDLESS = 2**62
"""Steps of a training, which ends when nobody asks for more."""

_EPOCH_STRIDE = 0x1E3779B97F4A7C15
"""Between the seeds of two passes, so that those of neighbouring seeds of a run never meet; products wrap around."""


@value
class _Feed(Value):
    """What one image goes through."""

    preprocessing: Preprocessing
    size: Size
    channels: int
    seed: int
    training: bool
    labels_offset: int
    classes: int | None


def default_preprocessing(network: str, source: DataSource, size: Size) -> str:
    """The preprocessing of a network and a source where nobody chose one.

    Numbers of an array are fed as they are, and pixels beside other arrays stay where they are; digits, and images for
    networks of other names that have the network's size already, are scaled to [-1, 1) alone; all else goes by the
    network's name as TF-Slim has it, or is `inception`.
    """
    if isinstance(source, TableSource):
        return "lenet" if source.pixels else "none"
    if isinstance(source, ArraySource):
        if source.images.dtype == np.float32:
            return "none"
        if source.resized:
            return "lenet"
    named = preprocessing_of_network(network)
    if named:
        return named
    return "lenet" if source.image_shape is not None and source.image_shape[:2] == tuple(size) else "inception"


def steps_per_epoch(source: DataSource, batch: int) -> float:
    """The steps of one pass over the data: no whole number, as a batch may lie in two passes."""
    return source.count / batch


def batches(
    source: DataSource,
    *,
    preprocessing: str,
    size: Size,
    channels: int,
    batch: int,
    seed: int = 0,
    training: bool,
    start_step: int = 0,
    shuffle: bool = True,
    drop_remainder: bool | None = None,
    image_name: str = "images",
    label_name: str | None = "labels",
    label_dtype: str = "int64",
    classes: int | None = None,
    labels_offset: int | None = None,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Batches of images and labels, as dictionaries.

    Training: an endless stream, pass behind pass, each in its own order; a batch may lie in two passes. Else one pass
    in the examples' own order; the last batch is filled up with the first example, and `VALID` marks the others.

    Args:
        source: the examples.
        preprocessing: one of `PREPROCESSINGS`.
        size: height and width of the network's input.
        channels: its channels.
        batch: examples of a batch, of all workers together.
        seed: of the order and the draws.
        training: whether to draw and to go on for ever.
        start_step: the first batch, as a run that began at 0 would have it.
        shuffle: False for the examples in their own order; in training alone.
        drop_remainder: True to leave out a last batch of an evaluation that is not full, in place of filling it up.
        image_name: the key of the images.
        label_name: the key of the labels; None for none.
        label_dtype: their type.
        classes: how many there are, so that a label outside them stops the pipeline; None not to look.
        labels_offset: taken off every label, as TF-Slim's flag of that name; None for what the source has.
        shard: this worker's number and how many there are; each gets its part of every batch.

    Raises:
        DataError: there are too few examples, or the images cannot be made what the network takes.
    """
    require_enough(source, batch, shard, training=training)
    _require_fitting(source, channels)
    if label_name is not None and tf.as_dtype(label_dtype).is_integer:
        for problem in no_class_numbers(source):
            raise DataError(problem)
    feed = _Feed(
        preprocessing=preprocessing_named(preprocessing, channels),
        size=size,
        channels=channels,
        seed=seed,
        training=training,
        labels_offset=source.labels_offset if labels_offset is None else labels_offset,
        classes=classes,
    )
    steps = ENDLESS if training else (source.count // batch if drop_remainder else -(-source.count // batch))
    order = Order(source.count, seed, shuffle=shuffle and training)
    numbered = numbers(order, start_step, steps, batch, shard, training=training)
    held: DataSource = source
    if isinstance(source, EncodedSource):
        held = in_memory(source, feed.preprocessing.decoded_channels(channels)) or source
    if isinstance(held, ArraySource):
        made = _from_arrays(held, feed, numbered, batch // shard[1])
    else:
        assert isinstance(held, EncodedSource)
        made = _from_files(held, feed, numbered, batch // shard[1])

    def named(images: Any, labels: Any, valid: Any) -> dict[str, Any]:
        entry = {image_name: images}
        if label_name is not None:
            entry[label_name] = tf.cast(labels, label_dtype)
        return entry if training else {**entry, VALID: valid}

    return in_order(made.map(named))


def none_there(source: DataSource) -> str:
    """What is wrong where a part of the data has no examples."""
    why = f" ({source.split_note}); `--split all` takes all" if source.split == "validation" else ""
    return f"there are no examples for {source.split} in `{source.path or source.kind}`{why}"


def too_few(source: DataSource, batch: int) -> str:
    """What is wrong where a training has fewer examples than a batch."""
    there = f"{source.count} example{'' if source.count == 1 else 's'}"
    return (
        f"the data have {there} for training, fewer than the batch of {batch}: set the batch to at most {source.count}"
    )


def require_enough(source: DataSource, batch: int, shard: tuple[int, int], *, training: bool) -> None:
    """Refuse data of which no batch can be made.

    Raises:
        DataError: there are too few examples, or a batch cannot be shared out.
    """
    if source.count == 0:
        raise DataError(none_there(source))
    if training and source.count < batch:
        raise DataError(too_few(source, batch))
    if batch % shard[1]:
        raise DataError(f"a batch of {batch} cannot be shared out equally among {shard[1]} workers")


def no_class_numbers(source: DataSource) -> list[str]:
    """Why labels are no class numbers, a line; nothing where they are, or where they are known one by one alone.

    Floating-point numbers are refused whatever they are, so that nobody has to know how they would be rounded; those of
    more axes are shares of the classes.
    """
    labels = source.known_labels()
    if labels is None or labels.ndim != 1 or labels.dtype.kind != "f":
        return []
    odd = np.flatnonzero(~np.isfinite(labels) | (labels != np.round(labels)))
    example = f", such as {labels[odd[0]]:g} of {source.where(int(odd[0]))}" if len(odd) else ""
    return [f"the labels of `{source.path}` are {labels.dtype}{example}: class numbers are integers, numpy.int64"]


def _require_fitting(source: DataSource, channels: int) -> None:
    if isinstance(source, ArraySource) and not source.resized and source.images.shape[3] != channels:
        raise DataError(
            f"the images of `{source.path}` have {source.images.shape[3]} channels, and the network takes {channels}"
        )
    if isinstance(source, EncodedSource) and channels not in {1, 3, 4}:
        raise DataError(f"image files have 1, 3 or 4 channels, and the network takes {channels}: give it an .npz")


def numbers(
    order: Order, start: int, steps: int, batch: int, shard: tuple[int, int], *, training: bool
) -> tf.data.Dataset:
    """For each step: numbers of examples, their passes, and which are no filling."""
    share = batch // shard[1]
    first = shard[0] * share

    def at(positions: Indices) -> Indices:
        return order.at(positions)

    def of_step(step: Any) -> tuple[Any, Any, Any]:
        positions = step * batch + tf.range(first, first + share, dtype=tf.int64)
        valid = positions < order.count
        if not training:
            positions = tf.where(valid, positions, 0)
        indices = tf.numpy_function(at, [positions], tf.int64, stateful=False)
        indices.set_shape([share])
        return indices, positions // order.count, valid

    # One thread: the next permutation is made once.
    return tf.data.Dataset.range(start, max(start, steps)).map(of_step).prefetch(4)


def in_order(made: tf.data.Dataset) -> tf.data.Dataset:
    """Batches made ahead, in their order, and not shared out once more among workers."""
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return made.prefetch(tf.data.AUTOTUNE).with_options(options)


def _seeds(feed: _Feed, epochs: Any, indices: Any) -> Any:
    """The seeds of examples in their passes: two integers each, which the stateless operations mix themselves."""
    base = tf.constant(feed.seed % 2**62, tf.int64)
    return tf.stack([base + epochs * _EPOCH_STRIDE, indices], axis=-1)


def _label(label: Any, feed: _Feed, where: Any) -> Any:
    if feed.labels_offset:
        label = label - feed.labels_offset
    if feed.classes is None:
        return label
    inside = tf.reduce_all(tf.logical_and(label >= 0, label < tf.cast(feed.classes, label.dtype)))
    check = tf.debugging.Assert(inside, [f"a label is outside the {feed.classes} classes: example", where, label])
    with tf.control_dependencies([check]):
        return tf.identity(label)


def _one(feed: _Feed, image: Any, seed: Any) -> Any:
    """The network's input made of a decoded image."""
    if feed.training and feed.preprocessing.train is not None:
        made = feed.preprocessing.train(image, feed.size, feed.channels, seed)
    else:
        made = feed.preprocessing.evaluate(image, feed.size, feed.channels)
    made.set_shape([*feed.size, feed.channels])
    return made


def _from_arrays(source: ArraySource, feed: _Feed, numbered: tf.data.Dataset, batch: int) -> tf.data.Dataset:
    images, labels = tf.constant(source.images), tf.constant(source.labels)
    draws = feed.training and feed.preprocessing.train is not None
    height, width, channels = source.images.shape[1:]

    def of_step(indices: Any, epochs: Any, valid: Any) -> tuple[Any, Any, Any]:
        taken = tf.gather(images, indices)
        taken.set_shape([batch, height, width, channels])
        if source.resized:
            taken = with_channels(fit(taken, feed.size), feed.preprocessing.decoded_channels(feed.channels))
            # Preprocessings tell pixels by their type.
            taken = tf.saturate_cast(tf.round(taken), tf.uint8)
        if feed.preprocessing.batched and not draws:
            made = feed.preprocessing.evaluate(taken, feed.size, feed.channels)
        else:
            signature = tf.TensorSpec([*feed.size, feed.channels], tf.float32)
            made = tf.map_fn(
                lambda one: _one(feed, *one), (taken, _seeds(feed, epochs, indices)), fn_output_signature=signature
            )
        made.set_shape([batch, *feed.size, feed.channels])
        label = tf.gather(labels, indices)
        return made, _label(label, feed, indices) if source.labels.ndim == 1 else label, valid

    return numbered.map(of_step, num_parallel_calls=tf.data.AUTOTUNE)


def _from_files(source: EncodedSource, feed: _Feed, numbered: tf.data.Dataset, batch: int) -> tf.data.Dataset:
    def read(indices: Any, epochs: Any, valid: Any) -> tuple[Any, ...]:
        return (*source.payloads(indices), indices, _seeds(feed, epochs, indices), valid)

    def of_example(payload: Any, label: Any, index: Any, seed: Any, valid: Any) -> tuple[Any, Any, Any]:
        encoded, label = source.encoded(payload, label)
        if feed.training and feed.preprocessing.train_encoded is not None:
            image = feed.preprocessing.train_encoded(encoded, feed.size, feed.channels, seed)
            image.set_shape([*feed.size, feed.channels])
        else:
            decoded = decode(encoded, feed.preprocessing.decoded_channels(feed.channels))
            image = _one(feed, decoded, seed)
        return image, _label(label, feed, index), valid

    return (
        numbered.map(read, num_parallel_calls=2)
        .unbatch()
        .map(of_example, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch, drop_remainder=True)
    )
