"""An image folder or a list of images as TFRecords, in TF-Slim's format: sharded, with `labels.txt`.

The bytes of the images are those of the files. The same files give the same records, whatever the order of a listing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from slimdsl.files import FileWriteError, explained
from slimdsl.folders import replace_folder
from slimdsl.runtime.data.class_names import LABELS_FILE, class_names_text
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.holdout import hashes_of_names
from slimdsl.runtime.data.image_files import FileSource
from slimdsl.runtime.data.image_headers import too_large
from slimdsl.runtime.data.images import decode
from slimdsl.runtime.data.opening import open_data
from slimdsl.values import Value, value

DEFAULT_SHARDS = 5

_CHUNK = 64
_FORMATS = ((b"\xff\xd8\xff", b"jpg"), (b"\x89PNG", b"png"), (b"GIF8", b"gif"), (b"BM", b"bmp"))


@value
class Converted(Value):
    """What was written.

    Attributes:
        path: the folder.
        examples: part -> how many.
        files: how many record files.
        classes: how many classes.
        size: bytes of all record files.
        split_note: how the parts were chosen.
    """

    path: str
    examples: dict[str, int]
    files: int
    classes: int
    size: int
    split_note: str


def convert(
    folder: str,
    output: str,
    *,
    shards: int = DEFAULT_SHARDS,
    holdout: float | None = None,
    name: str = "",
    advance: Callable[[int], None] | None = None,
) -> Converted:
    """Write ``NAME_train-00000-of-00005.tfrecord`` and so on, whole or not at all.

    Args:
        folder: a folder of class folders, or a ``.csv`` list.
        output: the folder to write; what stands there is replaced only if it is of this kind and name.
        shards: files of each part, fewer where there are fewer examples.
        holdout: the share for validation, where the folder has no parts itself.
        name: how the names of the files begin; "" for the name of the folder.
        advance: told the bytes of images that are done.

    Raises:
        MissingDataError: there is nothing at the path, or it is of another kind.
        DataError: an image cannot be read; nothing is written then.
        FileWriteError: the records cannot be written.
    """
    parts: dict[str, FileSource] = {}
    for split in ("train", "validation"):
        source = open_data(folder, split, holdout=holdout)
        if not isinstance(source, FileSource):
            raise MissingDataError(f"`{folder}` is no image folder and no list of images: {source.kind}")
        if source.found:
            raise DataError(source.found[0])
        parts[split] = source
    twice = not parts["train"].split_note.startswith("by the") and holdout == 0
    if twice or not parts["validation"].count:
        # Nothing is held out: nobody wants all images twice, or a file without any.
        del parts["validation"]
    classes = parts["train"].classes or tuple(f"class {label}" for label in range(_largest_label(parts) + 1))
    stem = name or os.path.basename(os.path.abspath(folder)).removesuffix(".csv")
    _require_replaceable(folder, output, stem)
    with replace_folder(output, LABELS_FILE) as temporary:
        files = size = 0
        for split, source in parts.items():
            count = max(1, min(shards, source.count))
            order = np.argsort(hashes_of_names([_relative(path, folder) for path in source.paths]), kind="stable")
            for shard, indices in enumerate(np.array_split(order, count)):
                path = os.path.join(temporary, f"{stem}_{split}-{shard:05d}-of-{count:05d}.tfrecord")
                _write(path, output, source, indices.tolist(), len(classes), advance)
                size += os.path.getsize(path)
                files += 1
        with open(os.path.join(temporary, LABELS_FILE), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(class_names_text(classes))
    return Converted(
        path=output,
        examples={split: source.count for split, source in parts.items()},
        files=files,
        classes=len(classes),
        size=size,
        split_note=parts["train"].split_note,
    )


def _largest_label(parts: dict[str, FileSource]) -> int:
    return max(int(source.labels.max()) for source in parts.values() if source.count)


def _relative(path: str, folder: str) -> str:
    return os.path.relpath(path, folder).replace(os.sep, "/")


def _require_replaceable(folder: str, output: str, stem: str) -> None:
    """Refuse to replace the images themselves, or a folder that was not made here, of data of that name."""
    source, target = os.path.realpath(folder), os.path.realpath(output)
    if source == target or source.startswith(target + os.sep):
        raise FileWriteError(output, None, "the images that are converted lie there")
    if os.path.isdir(source) and target.startswith(source + os.sep):
        reason = f"it lies in `{folder}`, and its records would be taken for data there: name a folder outside"
        raise FileWriteError(output, None, reason)
    if os.path.isdir(target):
        own = re.compile(rf"{re.escape(stem)}_(train|validation)-\d{{5}}-of-\d{{5}}\.tfrecord")
        foreign = [name for name in sorted(os.listdir(target)) if name != LABELS_FILE and not own.fullmatch(name)]
        if foreign:
            raise FileWriteError(output, None, f"the folder holds other things, such as `{foreign[0]}`")


def _write(
    path: str,
    output: str,
    source: FileSource,
    indices: Sequence[int],
    classes: int,
    advance: Callable[[int], None] | None,
) -> None:
    try:
        with tf.io.TFRecordWriter(path) as writer:
            for record, size in _records(source, indices, classes):
                writer.write(record)
                if advance is not None:
                    advance(size)
    except tf.errors.OpError as error:
        # TensorFlow puts its temporary path before the reason.
        reason = error.message.splitlines()[0].rpartition("; ")[2]
        raise FileWriteError(output, None, reason[:1].lower() + reason[1:]) from None
    except OSError as error:
        raise explained(output, error) from None


def _records(source: FileSource, indices: Sequence[int], classes: int) -> Iterator[tuple[bytes, int]]:
    """The records of some examples, in order, and the size of each image."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(indices), _CHUNK):
            yield from pool.map(lambda index: _record(source, index, classes), indices[start : start + _CHUNK])


def _record(source: FileSource, index: int, classes: int) -> tuple[bytes, int]:
    encoded, label = source.read(index)
    assert label is not None
    if not 0 <= label < classes:
        raise DataError(f"{source.where(index)} has the label {label}, outside the {classes} classes")
    if large := too_large(encoded):
        raise DataError(f"{source.where(index)} {large}")
    try:
        height, width, _ = decode(encoded, 0).shape
    except (tf.errors.OpError, ValueError):
        raise DataError(f"{source.where(index)} is a damaged image") from None
    form = next((form for begin, form in _FORMATS if encoded.startswith(begin)), b"")
    features = {
        "image/encoded": _bytes(encoded),
        "image/format": _bytes(form),
        "image/class/label": _integer(label),
        "image/height": _integer(int(height)),
        "image/width": _integer(int(width)),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True), len(encoded)


def _bytes(content: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[content]))


def _integer(number: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[number]))
