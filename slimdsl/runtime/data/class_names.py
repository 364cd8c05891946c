"""Names of classes: `labels.txt` as TF-Slim writes it, a line ``id:name`` for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence

from slimdsl.runtime.data.errors import DataError

LABELS_FILE = "labels.txt"
_MOST_CLASSES = 1_000_000


def read_class_names(folder: str) -> tuple[str, ...]:
    """The names by number; () where there is no such file.

    Raises:
        DataError: a line is no ``id:name``.
    """
    path = os.path.join(folder, LABELS_FILE)
    return read_class_names_file(path) if os.path.lexists(path) else ()


def read_class_names_file(path: str) -> tuple[str, ...]:
    """The names by number in a file of any name.

    Raises:
        DataError: it cannot be read, or a line is no ``id:name``.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise DataError(f"cannot read `{path}`: {error.strerror}") from None
    names: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        label, colon, name = line.partition(":")
        if not colon or not label.strip().isdecimal() or int(label) >= _MOST_CLASSES:
            raise DataError(f"`{path}`, line {number}: it should read `number:name`, such as `0:{line.strip()[:40]}`")
        if int(label) in names:
            raise DataError(f"`{path}`, line {number}: class {int(label)} has a name already")
        names[int(label)] = name.strip()
    return tuple(names.get(label, f"class {label}") for label in range(max(names, default=-1) + 1))


def without_offset(names: Sequence[str], offset: int) -> tuple[str, ...]:
    """Names by the numbers that classes have once an offset is taken off: those below it are of no class."""
    if not names or offset >= 0:
        return tuple(names[offset:])
    return (*(f"class {label}" for label in range(-offset)), *names)


def class_names_text(names: Sequence[str]) -> str:
    """What the file holds; of a name with line breaks, which a folder's may have, they are blanks."""
    return "".join(f"{number}:{' '.join(name.splitlines())}\n" for number, name in enumerate(names))
