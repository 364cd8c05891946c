"""What every kind of data offers: examples with numbers, from 0, and the names of their classes.

Access is by number for every kind, so that an order is a list of numbers, and a run that is resumed, or shared out
among several workers, sees the examples that it would have seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[Any]
ImageShape = tuple[int, int, int]


class DataSource(ABC):
    """Examples of one part of the data.

    Attributes:
        kind: what it is, in words.
        path: what was given.
        split: ``train``, ``validation`` or ``all``.
        split_note: how the part was chosen, in words.
        count: how many examples there are.
        classes: names of the classes by the numbers that the network has for them; empty where nothing says them.
        labels_offset: what is taken off every label to get the network's number of its class; labels here are without.
        image_shape: height, width and channels of the first image; None where it cannot be read.
        found: what is wrong and was seen on the way to the examples.
    """

    kind: str
    path: str
    split: str
    split_note: str
    count: int
    classes: tuple[str, ...]
    image_shape: ImageShape | None
    found: tuple[str, ...] = ()
    labels_offset: int = 0

    @abstractmethod
    def where(self, index: int) -> str:
        """Which example it is: its file, or its record."""

    @abstractmethod
    def taking(self, indices: Indices) -> DataSource:
        """The same with some of the examples; what it is a part of is not known to it."""

    @abstractmethod
    def known_labels(self) -> Labels | None:
        """All labels, where they are known without reading the examples."""

    def problems(self, *, classes: int | None = None, channels: int | None = None, most: int = 20) -> tuple[str, ...]:
        """All that is wrong, after reading and decoding every example: a line each, `most` at the most."""
        # `surveying` goes over sources of every kind, so it knows this module.
        from slimdsl.runtime.data.surveying import survey  # noqa: PLC0415

        return survey(self, classes=classes, channels=channels, most=most).problems


def some_of(source: DataSource, most: int) -> DataSource:
    """At most so many examples, evenly spread, since those of a class may stand together; always the same."""
    if most >= source.count:
        return source
    part = source.taking(np.arange(most, dtype=np.int64) * source.count // most)
    part.split, part.labels_offset, part.image_shape = source.split, source.labels_offset, source.image_shape
    part.split_note = f"evenly spread over {source.count:,}; {source.split_note or source.split}"
    return part


class ArraySource(DataSource):
    """Examples in memory.

    Args:
        images: [N, height, width, channels], uint8 or float32.
        labels: [N] or [N, …].
        resized: whether the images are brought to the network's size before any preprocessing, with their channels.
        name: what an example is called in messages.
    """

    def __init__(
        self,
        images: npt.NDArray[Any],
        labels: Labels,
        *,
        kind: str,
        path: str,
        classes: Sequence[str] = (),
        resized: bool = False,
        name: str = "example",
    ) -> None:
        self.kind = kind
        self.path = path
        self.split = "all"
        self.split_note = ""
        self.count = len(images)
        self.classes = tuple(classes)
        height, width, channels = images.shape[1:]
        self.image_shape = (height, width, channels)
        self.images = images
        self.labels = labels
        self.resized = resized
        self._name = name

    def where(self, index: int) -> str:
        return f"{self._name} {index} of `{self.path}`" if self.path else f"{self._name} {index}"

    def known_labels(self) -> Labels:
        return self.labels

    def taking(self, indices: Indices) -> ArraySource:
        """The same with some of the examples."""
        return ArraySource(
            self.images[indices],
            self.labels[indices],
            kind=self.kind,
            path=self.path,
            classes=self.classes,
            resized=self.resized,
            name=self._name,
        )


class EncodedSource(DataSource):
    """Examples that are encoded images in files; TensorFlow decodes them.

    Attributes:
        decoded: the examples in memory by number of channels, made by `memory.in_memory`; None where they do not fit.
    """

    decoded: dict[int, ArraySource | None]

    @abstractmethod
    def payloads(self, indices: Any) -> tuple[Any, Any]:
        """In a graph: a vector of numbers -> what is read first of each, and their labels (-1 where not yet known)."""

    @abstractmethod
    def encoded(self, payload: Any, label: Any) -> tuple[Any, Any]:
        """In a graph, of one example: what was read first, and its label -> the encoded image and the label."""

    @abstractmethod
    def read(self, index: int) -> tuple[bytes, int | None]:
        """At once: the encoded image and the label; None where it has none.

        Raises:
            DataError: the file cannot be read, or the record is damaged.
        """
