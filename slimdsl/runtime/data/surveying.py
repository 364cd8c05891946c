"""Looks at every example: counts classes and sizes, and finds what is wrong, with the file and the record."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.image_headers import too_large
from slimdsl.runtime.data.images import decode
from slimdsl.runtime.data.pipeline import no_class_numbers, none_there, too_few
from slimdsl.runtime.data.records import RecordSource
from slimdsl.runtime.data.source import ArraySource, DataSource, EncodedSource
from slimdsl.runtime.data.table_survey import ArraySurvey, survey_arrays
from slimdsl.runtime.data.tables import TableSource
from slimdsl.values import Value, field, positional, value
from slimdsl.weights.checksums import library

_CHUNK = 256
_OF_FIXED_CHANNELS = (b"BM", b"GIF8")
"""How files begin whose channels TensorFlow does not convert."""

FEW = 32
"""How many examples are decoded before a training begins, where not all are."""


@value
class Survey(Value):
    """What was found.

    Attributes:
        examined: how many examples were looked at.
        per_class: number of the class -> examples; it is the label less the source's offset.
        sizes: (height, width, channels) -> images.
        labels: of the first few examples, likewise.
        arrays: what they are, where the examples are rows of arrays.
        problems: what is wrong, a line each.
    """

    examined: int
    per_class: dict[int, int]
    sizes: dict[tuple[int, int, int], int]
    labels: tuple[int, ...]
    arrays: tuple[ArraySurvey, ...] = field(default=())
    problems: tuple[str, ...]


@positional
class _Seen(Value):
    label: int | None
    shape: tuple[int, int, int] | None
    problem: str


def survey(
    source: DataSource,
    *,
    classes: int | None = None,
    channels: int | None = None,
    indices: Iterable[int] | None = None,
    most: int = 20,
    advance: Callable[[int], None] | None = None,
) -> Survey:
    """Read and decode examples.

    Args:
        source: what to look at.
        classes: how many there are; None for as many as have names.
        channels: what the network takes; None not to look.
        indices: which examples; None for all, and then the checksums of records too.
        most: how many problems are enough.
        advance: told the number of examples that are done, now and then.
    """
    whole = indices is None
    numbers = list(range(source.count) if indices is None else indices)
    problems = list(source.found[:most])
    limit = len(source.classes) or None if classes is None else classes
    if isinstance(source, ArraySource):
        if classes is not None:
            problems += no_class_numbers(source)
        return _of_arrays(source, numbers, limit, channels, problems, most)
    if isinstance(source, TableSource):
        arrays, wrong = survey_arrays(source)
        return Survey(
            examined=source.count,
            per_class={},
            sizes={},
            labels=(),
            arrays=arrays,
            problems=tuple([*problems, *wrong][:most]),
        )
    assert isinstance(source, EncodedSource)
    if whole and isinstance(source, RecordSource) and library() is None:
        problems += _damaged(source)
    return _of_encoded(source, numbers, limit, channels, problems, most, advance)


def _of_encoded(
    source: EncodedSource,
    numbers: list[int],
    classes: int | None,
    channels: int | None,
    problems: list[str],
    most: int,
    advance: Callable[[int], None] | None,
) -> Survey:
    per_class: Counter[int] = Counter()
    sizes: Counter[tuple[int, int, int]] = Counter()
    labels: list[int] = []
    examined = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(numbers), _CHUNK):
            for index, seen in zip(
                numbers[start : start + _CHUNK],
                pool.map(lambda index: _look(source, index, channels), numbers[start : start + _CHUNK]),
                strict=True,
            ):
                examined += 1
                if seen.label is not None:
                    number = seen.label - source.labels_offset
                    per_class[number] += 1
                    labels += [number] if len(labels) < 8 else []
                if seen.shape is not None:
                    sizes[seen.shape] += 1
                problem = seen.problem or _outside(source, index, seen.label, classes)
                problems += [problem] if problem else []
            if advance is not None:
                advance(min(_CHUNK, len(numbers) - start))
            if len(problems) >= most:
                break
    return Survey(
        examined=examined,
        per_class=dict(sorted(per_class.items())),
        sizes=dict(sizes.most_common()),
        labels=tuple(labels),
        problems=tuple(problems[:most]),
    )


def _look(source: EncodedSource, index: int, channels: int | None) -> _Seen:
    try:
        encoded, label = source.read(index)
    except DataError as error:
        return _Seen(None, None, str(error))
    if not encoded:
        return _Seen(label, None, f"{source.where(index)} is empty")
    if large := too_large(encoded):
        return _Seen(label, None, f"{source.where(index)} {large}")
    try:
        height, width, own = decode(encoded, 0).shape
    except (tf.errors.OpError, ValueError) as error:
        what = "is no image that can be read" if "nknown image file format" in str(error) else "is a damaged image"
        return _Seen(label, None, f"{source.where(index)} {what}")
    problem = "" if label is not None else f"{source.where(index)} has no `image/class/label`"
    if channels is not None and encoded.startswith(_OF_FIXED_CHANNELS):
        try:
            decode(encoded, channels)
        except (tf.errors.OpError, ValueError):
            # Of PNGs and JPEGs TensorFlow converts the channels.
            problem = f"{source.where(index)} has {own} channels, and the network takes {channels}: make it a PNG"
    return _Seen(label, (int(height), int(width), int(own)), problem)


def _outside(source: DataSource, index: int, label: int | None, classes: int | None) -> str:
    offset = source.labels_offset
    if label is None or (label >= offset and (classes is None or label - offset < classes)):
        return ""
    there = f"the {classes} classes, 0 to {classes - 1}" if classes else "all classes"
    less = f" less an offset of {offset}" if offset else ""
    return f"{source.where(index)} has the label {label}{less}, outside {there}"


def _of_arrays(
    source: ArraySource, numbers: list[int], classes: int | None, channels: int | None, problems: list[str], most: int
) -> Survey:
    labels = source.labels[numbers]
    whole = labels.ndim == 1 and labels.dtype.kind in "iu"
    if whole:
        labels = labels - source.labels_offset
        bad = np.flatnonzero((labels < 0) | (labels >= (classes if classes is not None else np.iinfo(np.int64).max)))
        problems += [
            _outside(source, numbers[place], int(source.labels[numbers[place]]), classes) for place in bad[:most]
        ]
    if labels.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(labels).reshape(len(labels), -1).all(axis=1))
        problems += [
            f"{source.where(numbers[place])} has a label that is infinite or not a number" for place in bad[:most]
        ]
    found = source.images.shape[3]
    if channels is not None and found != channels and not source.resized:
        problems.append(f"the images of `{source.path}` have {found} channels, and the network takes {channels}")
    shape = source.image_shape
    assert shape is not None
    counted = np.unique(labels, return_counts=True) if whole else ((), ())
    return Survey(
        examined=len(numbers),
        per_class={int(label): int(count) for label, count in zip(*counted, strict=True)},
        sizes={shape: len(numbers)} if numbers else {},
        labels=tuple(int(label) for label in labels[:8]) if whole else (),
        problems=tuple(problems[:most]),
    )


def _damaged(source: RecordSource) -> list[str]:
    """Files whose records have wrong checksums, as TensorFlow sees it."""
    problems = []
    for number, path in enumerate(source.paths):
        try:
            for _ in tf.data.TFRecordDataset(path):
                pass
        except tf.errors.DataLossError as error:
            # What is cut off was found when the file was opened.
            text = str(error)
            if "corrupted" in text and not any(path in problem for problem in source.found):
                at = text.rsplit(" at ", 1)[-1].split(" ", 1)[0].rstrip(".,;")
                here = np.flatnonzero((source.table.files == number) & (source.table.offsets == int(at)))
                where = source.where(int(here[0])) if len(here) else f"`{path}`, at byte {at}"
                problems.append(f"{where} is damaged: its checksum is wrong")
    return problems


def require_usable(
    source: DataSource,
    *,
    batch: int | None = None,
    classes: int | None = None,
    channels: int | None = None,
    thorough: bool = False,
    advance: Callable[[int], None] | None = None,
) -> None:
    """Find what is wrong before a training begins.

    Args:
        source: the data.
        batch: of the training; None for evaluation.
        classes: of the network.
        channels: of its input.
        thorough: read every example, as ``--dry-run`` does; else all labels that are known, and `FEW` images.
        advance: as in `survey`.

    Raises:
        DataError: the first problem, and how many more there are.
    """
    if source.count == 0:
        raise DataError(none_there(source))
    if batch is not None and source.count < batch:
        raise DataError(too_few(source, batch))
    if isinstance(source, EncodedSource) and channels is not None and channels not in {1, 3, 4}:
        raise DataError(f"image files have 1, 3 or 4 channels, and the network takes {channels}: give it an .npz")
    problems: list[str] = []
    labels = source.known_labels()
    if labels is not None and labels.ndim == 1 and labels.dtype.kind in "iu" and classes is not None:
        numbers = labels - source.labels_offset
        bad = np.flatnonzero((numbers < 0) | (numbers >= classes))
        problems += [_outside(source, int(index), int(labels[index]), classes) for index in bad]
    few = np.unique(np.linspace(0, source.count - 1, FEW).astype(np.int64)).tolist()
    everything = thorough or isinstance(source, ArraySource)
    found = survey(
        source, classes=classes, channels=channels, indices=None if everything else few, most=1000, advance=advance
    )
    problems += [problem for problem in found.problems if problem not in problems]
    if problems:
        more = f" (and {len(problems) - 1} more; `slimdsl data inspect` lists them)" if len(problems) > 1 else ""
        raise DataError(problems[0] + more)


def explain_failure(source: DataSource, error: Exception, *, classes: int | None = None) -> DataError:
    """The reason for which the pipeline stopped, with the file and the record: every example is looked at until found.

    Args:
        source: the data.
        error: what TensorFlow raised while a batch was made.
        classes: of the network.
    """
    found = survey(source, classes=classes, most=1)
    if found.problems:
        return DataError(found.problems[0])
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return DataError(f"the data cannot be read: {lines[0][:300] if lines else type(error).__name__}")
