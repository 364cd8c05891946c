"""Examples that are image files: folders of classes, and CSV lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.source import EncodedSource, Indices, Labels

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
"""What TensorFlow decodes; of an animated GIF the first frame."""


class FileSource(EncodedSource):
    """Image files with their labels."""

    def __init__(
        self,
        paths: Sequence[str],
        labels: Labels,
        *,
        kind: str,
        path: str,
        classes: Sequence[str],
        found: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.path = path
        self.split = "all"
        self.split_note = ""
        self.count = len(paths)
        self.classes = tuple(classes)
        self.image_shape = None
        self.found = tuple(found)
        self.paths = tuple(paths)
        self.labels = labels
        self._constants: tuple[Any, Any] | None = None

    def where(self, index: int) -> str:
        return f"`{self.paths[index]}`"

    def known_labels(self) -> Labels:
        return self.labels

    def taking(self, indices: Indices) -> FileSource:
        """The same with some of the examples."""
        return FileSource(
            [self.paths[index] for index in indices],
            self.labels[indices],
            kind=self.kind,
            path=self.path,
            classes=self.classes,
            found=self.found,
        )

    def payloads(self, indices: Any) -> tuple[Any, Any]:
        if self._constants is None:
            with tf.init_scope():
                # As bytes: names on disk need not be UTF-8.
                paths = tf.constant([path.encode("utf-8", "surrogateescape") for path in self.paths])
                self._constants = (paths, tf.constant(self.labels, tf.int64))
        paths, labels = self._constants
        return tf.gather(paths, indices), tf.gather(labels, indices)

    def encoded(self, payload: Any, label: Any) -> tuple[Any, Any]:
        return tf.io.read_file(payload), label

    def read(self, index: int) -> tuple[bytes, int | None]:
        try:
            with open(self.paths[index], "rb") as file:
                return file.read(), int(self.labels[index])
        except OSError as error:
            raise DataError(f"cannot read {self.where(index)}: {error.strerror}") from None


def labels_array(labels: Sequence[int]) -> Labels:
    """Labels as an array."""
    return np.asarray(labels, np.int64)
