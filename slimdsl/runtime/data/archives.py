"""Archives of numpy's arrays as data: their names, and arrays by name."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.fitting import readable

Array = npt.NDArray[Any]

CLASS_NAMES = "class_names"
"""The array with the names of the classes, which need not be there."""

VALIDATION = "validation_"
"""How the names of the arrays for evaluation begin."""


def archive_names(path: str) -> list[str]:
    """The names of the arrays of an archive.

    Raises:
        DataError: it cannot be read.
    """
    return list(_read(path, None))


def read_arrays(path: str, names: Iterable[str]) -> dict[str, Array]:
    """Arrays of an archive, those of the names that it has.

    Raises:
        DataError: it cannot be read.
    """
    return _read(path, set(names))


def class_names_of(arrays: Mapping[str, Array]) -> tuple[str, ...]:
    """The names of the classes that an archive has; none where it has none."""
    names = arrays.get(CLASS_NAMES)
    return tuple(str(name) for name in names) if names is not None and names.ndim == 1 else ()


def held(names: Iterable[str]) -> str:
    """The names of arrays in words."""
    return ", ".join(f"`{name}`" for name in sorted(names)) or "nothing"


def _read(path: str, names: set[str] | None) -> dict[str, Array]:
    # What zipfile, its decompressors and numpy raise for damaged bytes has no class in common.
    try:
        with zipfile.ZipFile(path):
            # numpy would take a lone array, or a pickle, for an archive as well.
            pass
        opened = np.load(path, allow_pickle=False)
    except Exception as error:
        raise DataError(f"cannot read `{path}` as an archive of arrays: {_reason(error)}") from None
    with opened as archive:
        if names is None:
            return dict.fromkeys(archive.files, np.empty(0))
        return {name: _array(path, archive, name) for name in archive.files if name in names}


def _array(path: str, archive: Mapping[str, Array], name: str) -> Array:
    try:
        found = archive[name]
    except Exception as error:
        raise DataError(f"cannot read the array `{name}` of `{path}`: {_reason(error)}") from None
    if not isinstance(found, np.ndarray):
        raise DataError(f"cannot read the array `{name}` of `{path}`: it is none that numpy has written")
    return readable(found)


def _reason(error: Exception) -> str:
    """Why bytes cannot be read, in one line."""
    lines = str(error).splitlines()
    if isinstance(error, MemoryError):
        return "it does not fit into the memory" + (f": {lines[0]}" if lines else "")
    if isinstance(error, EOFError):
        return "it is cut off"
    if isinstance(error, ValueError) and "allow_pickle" in str(error):
        return "it holds Python objects, which are never loaded: save it as numbers"
    if isinstance(error, RuntimeError) and "encrypted" in str(error):
        return "it is encrypted"
    if isinstance(error, (OSError, ValueError, RuntimeError, zipfile.BadZipFile)) and lines:
        return lines[0]
    return "it is damaged" + (f": {lines[0]}" if lines else "")
