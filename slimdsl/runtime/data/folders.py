"""Folders of class folders, and CSV lists: which image files there are, and their labels."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence

from slimdsl.runtime.data.class_names import LABELS_FILE, read_class_names
from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.holdout import DEFAULT_SHARE, chosen, hashes_of_names, set_part
from slimdsl.runtime.data.image_files import EXTENSIONS, FileSource, labels_array

TRAIN_NAMES = ("train", "training")
VALIDATION_NAMES = ("validation", "val", "valid", "test", "eval")

_HEADING = ("path", "label")


def is_image(name: str) -> bool:
    """True for the name of an image file."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def part_of_name(name: str) -> str:
    """The part that a name means; "" for none."""
    if name.lower() in TRAIN_NAMES:
        return "train"
    return "validation" if name.lower() in VALIDATION_NAMES else ""


def image_folder(path: str, split: str, share: float | None) -> FileSource:
    """A folder of class folders, or of parts with class folders.

    Raises:
        DataError: there are no images, or none in class folders.
    """
    folders = _subfolders(path)
    # Of several names for one part the first of `VALIDATION_NAMES` is set last.
    ordered = sorted(folders, key=_preference, reverse=True)
    parts = {part_of_name(name): name for name in ordered if part_of_name(name)}
    if "train" in parts and set(folders) <= {*TRAIN_NAMES, *VALIDATION_NAMES}:
        return _folder_of_parts(path, parts, split, share)
    names = read_class_names(path) or tuple(sorted(folders))
    return _holding_out(_classes(path, path, names), split, share)


def _preference(name: str) -> int:
    lowered = name.lower()
    return VALIDATION_NAMES.index(lowered) if lowered in VALIDATION_NAMES else 0


def _subfolders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read the folder `{path}`: {error.strerror}") from None


def _folder_of_parts(path: str, parts: dict[str, str], split: str, share: float | None) -> FileSource:
    """Classes are those of the part for training, for both."""
    below = os.path.join(path, parts["train"])
    names = read_class_names(path) or read_class_names(below) or tuple(_subfolders(below))
    if "validation" not in parts:
        return _holding_out(_classes(path, below, names), split, share)
    wanted = {"train": ("train",), "validation": ("validation",), "all": ("train", "validation")}[split]
    found = [_classes(path, os.path.join(path, parts[part]), names) for part in wanted]
    joined = found[0]
    if len(found) > 1:
        joined = FileSource(
            [name for one in found for name in one.paths],
            labels_array([int(label) for one in found for label in one.labels]),
            kind=joined.kind,
            path=path,
            classes=names,
            found=[problem for one in found for problem in one.found],
        )
    joined.split = split
    joined.split_note = f"by the folders `{parts['train']}` and `{parts['validation']}`"
    return joined


def _classes(root: str, path: str, names: Sequence[str]) -> FileSource:
    """The images of the class folders of a folder."""
    folders = _subfolders(path)
    paths: list[str] = []
    labels: list[int] = []
    problems = [f"`{os.path.join(path, name)}` is no class of `{LABELS_FILE}`" for name in folders if name not in names]
    for label, name in enumerate(names):
        if name not in folders:
            problems.append(f"the class `{name}` has no folder in `{path}`")
            continue
        images = _images_below(os.path.join(path, name))
        if not images:
            problems.append(f"the class folder `{os.path.join(path, name)}` has no images")
        paths += images
        labels += [label] * len(images)
    if not paths:
        loose = any(is_image(name) for name in os.listdir(path))
        what = "images without labels: put them into a folder for each class" if loose else "no images in class folders"
        extensions = ", ".join(EXTENSIONS)
        raise DataError(f"`{path}` has {what}" + ("" if loose else f" (files that end with {extensions}), or is empty"))
    return FileSource(paths, labels_array(labels), kind="image folder", path=root, classes=names, found=problems)


def _images_below(path: str) -> list[str]:
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names if is_image(name))


def _holding_out(source: FileSource, split: str, share: float | None) -> FileSource:
    share = DEFAULT_SHARE if share is None else share
    base = source.path if os.path.isdir(source.path) else os.path.dirname(source.path)
    names = [os.path.relpath(path, base or ".").replace(os.sep, "/") for path in source.paths]
    part = source.taking(chosen(hashes_of_names(names), source.labels, share, split))
    set_part(part, split, source.count, share, "a hash of their paths")
    return part


def csv_list(path: str, split: str, share: float | None) -> FileSource:
    """A list with a line ``path,label`` for each image; paths are relative to the list, labels numbers or names.

    A first line ``path,label`` is a heading; a third column, of which every line has a cell or none, says ``train`` or
    ``validation``.

    Raises:
        DataError: a line is something else, an image is not there, or there are no lines.
    """
    rows = _rows(path)
    folder = os.path.dirname(path)
    texts = [row[1] for _, row in rows]
    names = read_class_names(folder)
    numbers = all(map(_is_number, texts))
    if not names:
        _require_one_sort(path, rows)
        names = () if numbers else tuple(sorted(set(texts)))
    labels = [int(row[1]) if numbers else _named(path, line, row[1], names) for line, row in rows]
    paths = [os.path.join(folder, row[0]) for _, row in rows]
    for (line, _), image in zip(rows, paths, strict=True):
        if not os.path.isfile(image):
            raise DataError(f"`{path}`, line {line}: there is no file `{image}`{_heading(line)}")
    source = FileSource(paths, labels_array(labels), kind="list of images", path=path, classes=names)
    parts = _parts(path, rows)
    if parts:
        kept = [index for index, part in enumerate(parts) if split in ("all", part)]
        source = source.taking(labels_array(kept))
        source.split, source.split_note = split, "by the third column of the list"
        return source
    return _holding_out(source, split, share)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 10


def _require_one_sort(path: str, rows: Sequence[tuple[int, list[str]]]) -> None:
    """Refuse labels of which some are numbers and some are not: one slip would make names of all numbers.

    Raises:
        DataError: they are; it names the first line of those that are fewer.
    """
    numbers = [(line, row[1]) for line, row in rows if _is_number(row[1])]
    others = [(line, row[1]) for line, row in rows if not _is_number(row[1])]
    if numbers and others:
        fewer = others if len(others) <= len(numbers) else numbers
        (line, text), *_ = fewer
        raise DataError(
            f"`{path}`, line {line}: the label `{text}` is {'no number' if fewer is others else 'a number'}, and "
            f"{len(rows) - len(fewer):,} of {len(rows):,} labels are{'' if fewer is others else ' none'}: write class "
            f"numbers from 0 alone, or names alone, or put a {LABELS_FILE} beside the list{_heading(line)}"
        )


def _heading(line: int) -> str:
    """What is said besides of a first line, which may be meant as a heading."""
    return f"; a heading has to read `{','.join(_HEADING)}`" if line == 1 else ""


def _parts(path: str, rows: Sequence[tuple[int, list[str]]]) -> list[str]:
    """The part that each line says; none where no line says one.

    Raises:
        DataError: some lines say one and others do not, or say what is none.
    """
    cells = [row[2] if len(row) > 2 else "" for _, row in rows]
    if not any(cells):
        return []
    for (line, _), cell in zip(rows, cells, strict=True):
        if not part_of_name(cell):
            reason = f"the third cell `{cell}` is no part" if cell else "it has no third cell, and other lines have one"
            raise DataError(
                f"`{path}`, line {line}: {reason}: write {' or '.join(TRAIN_NAMES)}, or one of "
                f"{', '.join(VALIDATION_NAMES)}"
            )
    return [part_of_name(cell) for cell in cells]


def _rows(path: str) -> list[tuple[int, list[str]]]:
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = [(number, [cell.strip() for cell in row]) for number, row in enumerate(csv.reader(file), 1) if row]
    except (OSError, csv.Error) as error:
        raise DataError(f"cannot read `{path}`: {error}") from None
    if rows and tuple(cell.lower() for cell in rows[0][1][:2]) == _HEADING:
        rows = rows[1:]
    for line, row in rows:
        if len(row) < 2 or not row[0]:
            raise DataError(f"`{path}`, line {line}: it should read `path,label`")
        if not row[1]:
            raise DataError(f"`{path}`, line {line}: `{row[0]}` has no label")
        if "\0" in row[0]:
            raise DataError(f"`{path}`, line {line}: the path holds a zero byte")
    if not rows:
        raise DataError(f"`{path}` lists no images")
    return rows


def _named(path: str, line: int, text: str, names: Sequence[str]) -> int:
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    raise DataError(f"`{path}`, line {line}: there is no class `{text}` in `{LABELS_FILE}`")
