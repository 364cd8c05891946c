"""Examples in memory: scikit-learn's digits, `.npz` archives, and synthetic ones."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdsl.runtime.data.archives import CLASS_NAMES, VALIDATION, archive_names, class_names_of, held, read_arrays
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.fitting import fit_shapes, in_type, with_axes
from slimdsl.runtime.data.holdout import chosen, hashes_of_numbers, set_part
from slimdsl.runtime.data.source import ArraySource, Labels
from slimdsl.runtime.data.wanted import IMAGES, LABELS, Wanted

DIGITS = "digits"
DIGITS_SHARE = 0.2
SYNTHETIC = "synthetic"

_MOST_SYNTHETIC = 10_000_000
_SYNTHETIC_SIDE = 8
_MOST_KINDS = 1_000_000


def digits(split: str, share: float | None) -> ArraySource:
    """scikit-learn's handwritten digits: 1,797 grey images of 8 x 8 pixels, from 0 to 255.

    Raises:
        MissingDataError: scikit-learn is not installed.
    """
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise MissingDataError(
            "the digits that are trained on where no --data is given come with scikit-learn: "
            "pip install 'slimdsl[train]', or give --data"
        ) from None
    found = datasets.load_digits()
    images = np.round(found.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    labels = found.target.astype(np.int64)
    source = ArraySource(
        images,
        labels,
        kind="scikit-learn's handwritten digits",
        path="",
        classes=tuple(str(digit) for digit in range(10)),
        resized=True,
        name="digit",
    )
    return _part(source, split, DIGITS_SHARE if share is None else share)


def _part(source: ArraySource, split: str, share: float) -> ArraySource:
    labels = source.labels if source.labels.dtype.kind in "iu" else None
    part = source.taking(chosen(hashes_of_numbers(source.count), labels, share, split))
    set_part(part, split, source.count, share, "a hash of its number")
    return part


def is_synthetic(spec: str) -> bool:
    """Whether a specification names data that are made up."""
    return spec == SYNTHETIC or spec.startswith(f"{SYNTHETIC}:")


def synthetic_count(text: str) -> int:
    """How many examples ``synthetic:COUNT`` asks for.

    Raises:
        MissingDataError: the count is no number, or too large.
    """
    _, colon, number = text.partition(":")
    if colon and not (number.isdecimal() and 0 < int(number) <= _MOST_SYNTHETIC):
        raise MissingDataError(f"`{text}`: write {SYNTHETIC}:COUNT, with a count from 1 to {_MOST_SYNTHETIC:,}")
    return int(number) if colon else 1000


def synthetic(text: str, split: str, *, classes: int | None) -> ArraySource:
    """Examples that are made up: a pattern for each class, with noise; the part for evaluation has noise of its own.

    Args:
        text: ``synthetic`` or ``synthetic:COUNT``.
        split: the part.
        classes: how many classes.

    Raises:
        MissingDataError: the count is no number, or too large, or there are too many classes.
    """
    count, kinds, side = synthetic_count(text), classes or 10, _SYNTHETIC_SIDE
    if kinds > _MOST_KINDS:
        raise MissingDataError(f"`{text}` can be made up for at most {_MOST_KINDS:,} classes, not {kinds:,}")
    patterns = np.random.RandomState(0).randint(64, 192, (kinds, side, side, 1))
    random = np.random.RandomState({"train": 1, "validation": 2, "all": 1}[split])
    labels = np.arange(count, dtype=np.int64) % kinds
    noise = random.randint(-64, 64, (count, side, side, 1), dtype=np.int8)
    images = (patterns.astype(np.int16)[labels] + noise).astype(np.uint8)
    names = tuple(f"class {label}" for label in range(kinds))
    source = ArraySource(images, labels, kind="synthetic", path="", classes=names, resized=True)
    source.split, source.split_note = split, "each part has noise of its own"
    return source


def npz(path: str, split: str, share: float | None, wanted: Wanted | None = None) -> ArraySource:
    """An archive with `images` and `labels`, and, for evaluation, `validation_images` and `validation_labels`.

    They may be called as the inputs are instead. Nothing is held out of an archive unless a share is asked for, so that
    what it holds is fed as it stands.

    Args:
        path: the file.
        split: the part.
        share: the share that is held out; None for nothing.
        wanted: the inputs that they are for, of which labels may be none; None where nobody knows.

    Raises:
        DataError: it cannot be read, or its arrays do not fit each other or the inputs.
    """
    there = archive_names(path)
    images_key = _key(there, IMAGES, wanted.image if wanted is not None else "")
    labelled = wanted is None or bool(wanted.label)
    labels_key = _key(there, LABELS, wanted.label if wanted is not None else "")
    own = VALIDATION + images_key in there
    prefix = VALIDATION if split == "validation" and own else ""
    keys = [prefix + key for key in ((images_key, labels_key) if labelled else (images_key,))]
    for name in keys:
        if name not in there:
            trained = f"`{wanted.network}` is trained with {wanted.listed}: " if wanted is not None else ""
            command = f"numpy.savez(path, {', '.join(f'{key}=…' for key in keys)})"
            raise DataError(f"`{path}` has no array `{name}`: it has {held(there)}; {trained}write {command}")
    arrays = read_arrays(path, [*keys, CLASS_NAMES])
    images = _pixels(path, keys[0], arrays[keys[0]])
    # Labels of no numbers, where nothing is trained with them.
    labels: Labels = np.empty((len(images), 0), np.float32)
    if labelled:
        labels = _labels(path, keys[1], arrays[keys[1]], len(images), wanted)
    source = ArraySource(images, labels, kind="archive of arrays", path=path, classes=class_names_of(arrays))
    if own:
        source.split, source.split_note = split, "by the names of its arrays"
        return source
    return _part(source, split, share or 0.0)


def _key(there: Sequence[str], usual: str, name: str) -> str:
    """What an array is called: as its input, or as usual."""
    return name if name and name in there else usual


def _pixels(path: str, name: str, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or not all(images.shape[1:]):
        shape = "x".join(str(size) for size in images.shape)
        raise DataError(
            f"`{name}` of `{path}` has the shape {shape}: it should be examples x height x width x channels"
        )
    if images.dtype.kind == "f":
        images = np.ascontiguousarray(images, np.float32)
        finite = np.isfinite(images).all(axis=(1, 2, 3))
        if not finite.all():
            raise DataError(
                f"example {int(np.argmin(finite))} of `{path}` has pixels that are infinite or not a number"
            )
        return images
    if images.dtype.kind not in "iub":
        raise DataError(f"`{name}` of `{path}` has numbers of type {images.dtype}: it should be uint8 or float32")
    if images.size and (images.min() < 0 or images.max() > 255):
        raise DataError(
            f"`{name}` of `{path}` has whole numbers from {images.min()} to {images.max()}: pixels are from 0 to 255"
        )
    return np.ascontiguousarray(images, np.uint8)


def _labels(path: str, name: str, labels: npt.NDArray[Any], count: int, wanted: Wanted | None) -> Labels:
    if labels.ndim == 0 or len(labels) != count:
        raise DataError(f"`{path}` has {count} images and {labels.size if labels.ndim < 2 else len(labels)} labels")
    if labels.dtype.kind not in "iubf":
        raise DataError(f"`{name}` of `{path}` has the type {labels.dtype}: labels are numbers")
    if wanted is not None:
        type = wanted.inputs[wanted.label].type
        labels = with_axes(labels, type)
        fit_shapes(path, {name: type}, {name: labels.shape})
        return np.ascontiguousarray(in_type(path, name, labels, type, label=True))
    if labels.ndim == 2 and labels.shape[1] == 1 and labels.dtype.kind in "iu":
        labels = labels[:, 0]
    return np.ascontiguousarray(labels, np.float32 if labels.dtype.kind == "f" else np.int64)
