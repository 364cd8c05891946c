"""Examples in memory: scikit-learn's digits, `.npz` archives, and synthetic ones."""

from __future__ import annotations

import importlib
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.holdout import chosen, hashes_of_numbers
from slimdsl.runtime.data.source import ArraySource, Labels

DIGITS = "digits"
DIGITS_SHARE = 0.2
SYNTHETIC = "synthetic"

_MOST_SYNTHETIC = 10_000_000
_SYNTHETIC_SIDE = 8


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
    part.split = split
    what = f"{share:.0%} of each class held out, by a hash of its number"
    part.split_note = what if share else "nothing is held out: both parts are all examples"
    return part


def synthetic(text: str, split: str, *, classes: int | None) -> ArraySource:
    """Examples that are made up: a pattern for each class, with noise; the part for evaluation has noise of its own.

    Args:
        text: ``synthetic`` or ``synthetic:COUNT``.
        split: the part.
        classes: how many classes.

    Raises:
        MissingDataError: the count is no number, or too large.
    """
    _, colon, number = text.partition(":")
    if colon and not (number.isdecimal() and 0 < int(number) <= _MOST_SYNTHETIC):
        raise MissingDataError(f"`{text}`: write {SYNTHETIC}:COUNT, with a count from 1 to {_MOST_SYNTHETIC:,}")
    count, kinds, side = int(number) if colon else 1000, classes or 10, _SYNTHETIC_SIDE
    patterns = np.random.RandomState(0).randint(64, 192, (kinds, side, side, 1))
    random = np.random.RandomState({"train": 1, "validation": 2, "all": 1}[split])
    labels = np.arange(count, dtype=np.int64) % kinds
    noise = random.randint(-64, 64, (count, side, side, 1), np.int8)
    images = (patterns.astype(np.int16)[labels] + noise).astype(np.uint8)
    names = tuple(f"class {label}" for label in range(kinds))
    source = ArraySource(images, labels, kind="synthetic", path="", classes=names, resized=True)
    source.split, source.split_note = split, "each part has noise of its own"
    return source


def npz(path: str, split: str, share: float | None) -> ArraySource:
    """An archive with `images` and `labels`, and, for evaluation, `validation_images` and `validation_labels`.

    Nothing is held out of an archive unless a share is asked for, so that what it holds is fed as it stands.

    Raises:
        DataError: it cannot be read, or its arrays do not fit each other.
    """
    arrays = _arrays(path)
    own = "validation_images" in arrays
    prefix = "validation_" if split == "validation" and own else ""
    for name in (f"{prefix}images", f"{prefix}labels"):
        if name not in arrays:
            held = ", ".join(f"`{name}`" for name in sorted(arrays)) or "nothing"
            raise DataError(f"`{path}` has no array `{name}`: it has {held}")
    images = _pixels(path, f"{prefix}images", arrays[f"{prefix}images"])
    labels = _labels(path, f"{prefix}labels", arrays[f"{prefix}labels"], len(images))
    source = ArraySource(images, labels, kind="archive of arrays", path=path, classes=_names(arrays))
    if own:
        source.split, source.split_note = split, "by the names of its arrays"
        return source
    return _part(source, split, share or 0.0)


def _arrays(path: str) -> dict[str, npt.NDArray[Any]]:
    try:
        with zipfile.ZipFile(path):
            # numpy would take a lone array, or a pickle, for an archive as well.
            pass
        with np.load(path, allow_pickle=False) as archive:
            wanted = ("images", "labels", "validation_images", "validation_labels", "class_names")
            return {name: archive[name] for name in archive.files if name in wanted}
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read `{path}` as an archive of arrays: {str(error).splitlines()[0]}") from None


def _names(arrays: dict[str, npt.NDArray[Any]]) -> tuple[str, ...]:
    names = arrays.get("class_names")
    return tuple(str(name) for name in names) if names is not None and names.ndim == 1 else ()


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


def _labels(path: str, name: str, labels: npt.NDArray[Any], count: int) -> Labels:
    if labels.ndim == 0 or len(labels) != count:
        raise DataError(f"`{path}` has {count} images and {labels.size if labels.ndim < 2 else len(labels)} labels")
    if labels.dtype.kind not in "iubf":
        raise DataError(f"`{name}` of `{path}` has the type {labels.dtype}: labels are numbers")
    if labels.ndim == 2 and labels.shape[1] == 1 and labels.dtype.kind in "iu":
        labels = labels[:, 0]
    return np.ascontiguousarray(labels, np.float32 if labels.dtype.kind == "f" else np.int64)
