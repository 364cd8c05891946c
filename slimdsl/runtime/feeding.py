"""Which inputs of a network and a recipe the data are for: images and labels, or an array for each."""

from __future__ import annotations

from typing import Union

import tensorflow as tf

from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.pipeline import batches, default_preprocessing
from slimdsl.runtime.data.preprocessing import preprocessing_named
from slimdsl.runtime.data.source import ArraySource, DataSource
from slimdsl.runtime.data.table_batches import check_pixels, table_batches
from slimdsl.runtime.data.tables import TableSource
from slimdsl.runtime.data.wanted import Wanted
from slimdsl.types import SymbolicDim, TensorType, symbol_names
from slimdsl.values import Value, value


@value
class ImageFeed(Value):
    """What a batch of images has to have.

    Attributes:
        image: name of the input that takes the images.
        size: their height and width.
        channels: their channels.
        label: name of the input that takes the labels; None where there is none.
        label_dtype: the element type of the labels.
        classes: how many classes there are; None where labels are no class numbers.
        sizes: numbers for the sizes that the network leaves open.
    """

    image: str
    size: tuple[int, int]
    channels: int
    label: str | None
    label_dtype: str
    classes: int | None
    sizes: dict[str, int]

    def text(self, preprocessing: str) -> str:
        """What is fed, in words."""
        return f"{'x'.join(map(str, (*self.size, self.channels)))} by the preprocessing `{preprocessing}`"


@value
class TableFeed(Value):
    """What a batch of rows has to have: an array for each input.

    Attributes:
        types: name of each input -> its type.
        pixels: names of those whose arrays are images that nobody has scaled.
        classes: how many classes the labels have; None where there are none, or several labels.
        channels: None: no array stands for images alone.
        sizes: numbers for the sizes that the network leaves open.
    """

    types: dict[str, TensorType]
    pixels: tuple[str, ...]
    classes: int | None
    channels: None
    sizes: dict[str, int]

    def text(self, preprocessing: str) -> str:
        """What is fed, in words."""
        plain = ", ".join(f"`{name}`" for name in self.types if name not in self.pixels)
        scaled = ", ".join(f"`{name}`" for name in self.pixels)
        return "; ".join(
            [
                *([f"{scaled} by the preprocessing `{preprocessing}`"] if scaled else []),
                *([f"{plain} as they are"] if plain else []),
            ]
        )


Feed = Union[ImageFeed, TableFeed]


def feed_of(wanted: Wanted, source: DataSource) -> Feed:
    """Find out what goes where.

    Args:
        wanted: the inputs.
        source: the data, whose shapes decide sizes that the network leaves open.

    Raises:
        MissingDataError: the data are not what the network is trained with.
    """
    if isinstance(source, TableSource):
        counted = [one.limit.count for one in wanted.inputs.values() if one.label and one.limit is not None]
        classes = counted[0] if len(counted) == 1 else None
        return TableFeed(
            types=wanted.types, pixels=tuple(source.pixels), classes=classes, channels=None, sizes=source.sizes
        )
    own_labels = isinstance(source, ArraySource) and source.path
    if not (wanted.of_images if own_labels else wanted.of_classes):
        raise MissingDataError(
            f"{source.kind}: data of this kind are images with a class number each, and `{wanted.network}` is trained "
            f"with {wanted.listed}: --data takes an .npz with an array for each of them, written by {wanted.command}"
        )
    image, label = wanted.inputs[wanted.image], wanted.inputs.get(wanted.label)
    channels = image.type.shape[3]
    if not isinstance(channels, int):
        raise MissingDataError(f"`{wanted.network}` leaves the channels of `{image.name}` open: {image.type}")
    sizes = _sizes(wanted.network, image.name, image.type, source)
    height, width = (dim if isinstance(dim, int) else sizes[str(dim)] for dim in image.type.shape[1:3])
    numbered = label is not None and label.limit is not None and label.type.rank == 1
    return ImageFeed(
        image=image.name,
        size=(height, width),
        channels=channels,
        label=label.name if label is not None else None,
        label_dtype=label.type.dtype.value if label is not None else "int64",
        classes=label.limit.count if label is not None and label.limit is not None and numbered else None,
        sizes=sizes,
    )


def choose_preprocessing(given: str, network: str, source: DataSource, feed: Feed) -> str:
    """The preprocessing that was asked for, or the one that suits network and data.

    Raises:
        MissingDataError: there is none of that name, or it is not for such data.
        DataError: it cannot make such images.
    """
    name = given or default_preprocessing(network, source, feed.size if isinstance(feed, ImageFeed) else (0, 0))
    if isinstance(source, TableSource):
        check_pixels(source, name)
    else:
        preprocessing_named(name, feed.channels or 0)
    return name


def batches_of(
    source: DataSource,
    feed: Feed,
    *,
    preprocessing: str,
    batch: int,
    seed: int = 0,
    training: bool,
    start_step: int = 0,
    shuffle: bool = True,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """The batches of data, as dictionaries with the inputs' names; arguments are those of `batches`.

    Raises:
        MissingDataError, DataError: as `batches` and `table_batches`.
    """
    if isinstance(feed, TableFeed):
        assert isinstance(source, TableSource)
        return table_batches(
            source,
            preprocessing=preprocessing,
            batch=batch,
            seed=seed,
            training=training,
            start_step=start_step,
            shuffle=shuffle,
            shard=shard,
        )
    return batches(
        source,
        preprocessing=preprocessing,
        size=feed.size,
        channels=feed.channels,
        batch=batch,
        seed=seed,
        training=training,
        start_step=start_step,
        shuffle=shuffle,
        image_name=feed.image,
        label_name=feed.label,
        label_dtype=feed.label_dtype,
        classes=feed.classes,
        shard=shard,
    )


def check_class_names(source: DataSource, feed: Feed) -> None:
    """Refuse data with names for more classes than the network has.

    Raises:
        DataError: they have.
    """
    if feed.classes is not None and len(source.classes) > feed.classes:
        one_more = len(source.classes) == feed.classes + 1
        raise DataError(
            f"the data have {len(source.classes)} classes, and the network has {feed.classes}: "
            f"-D classes={len(source.classes)}, where the net has such a parameter"
            + (", or --labels-offset 1, where their class 0 is no class of the network" if one_more else "")
        )


def _sizes(network: str, image: str, type: TensorType, source: DataSource) -> dict[str, int]:
    """Numbers for open sizes: those of the images, where all have the same."""
    found = {}
    for axis, dim in enumerate(type.shape[1:3]):
        if not isinstance(dim, SymbolicDim):
            continue
        if str(dim) not in symbol_names(dim) or not isinstance(source, ArraySource) or source.image_shape is None:
            raise MissingDataError(
                f"`{network}` leaves the size of `{image}` open, {type}, and the images have sizes of their own: "
                "write the size in the net"
            )
        found[str(dim)] = source.image_shape[axis]
    return found
