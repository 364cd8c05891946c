"""A short text by which data are told from others of the same name: what is cheap to know of them, and no times.

A copy of a data set in another place has the same one, and so has an archive that was packed anew.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from hashlib import sha256

import numpy as np

from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.image_files import FileSource
from slimdsl.runtime.data.records import RecordSource
from slimdsl.runtime.data.source import DataSource

_MOST_SIZES = 1000
"""Of so many image files the sizes are looked at: to ask for a million takes minutes on some file systems."""


def fingerprint(source: DataSource) -> str:
    """The fingerprint of a source; "" for data that are made up, or come with a library.

    Of image files: their names, labels and number, and the sizes of up to 1000 that are spread over them. Of records:
    the names of their files, and the length of every record. Of an archive: the names, sizes and checksums of its
    arrays.

    Raises:
        DataError: a file has gone.
    """
    if not source.path:
        return ""
    try:
        digest = sha256()
        for part in _parts(source):
            digest.update(part)
            digest.update(b"\0")
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read the data in `{source.path}`: {error}") from None
    return digest.hexdigest()[:16]


def _parts(source: DataSource) -> Iterator[bytes]:
    if isinstance(source, FileSource):
        base = source.path if os.path.isdir(source.path) else os.path.dirname(source.path)
        yield from (os.fsencode(os.path.relpath(path, base or os.curdir)) for path in source.paths)
        yield np.asarray(source.labels, "<i8").tobytes()
        yield from _sizes(source.paths[:: -(-len(source.paths) // _MOST_SIZES) or 1])
    elif isinstance(source, RecordSource):
        yield from (os.fsencode(os.path.basename(path)) for path in source.paths)
        yield np.asarray(source.table.files, "<i8").tobytes()
        yield np.asarray(source.table.sizes, "<i8").tobytes()
    else:
        with zipfile.ZipFile(source.path) as archive:
            entries = sorted((entry.filename, entry.file_size, entry.CRC) for entry in archive.infolist())
        yield from (repr(entry).encode() for entry in entries)


def _sizes(paths: Iterable[str]) -> Iterator[bytes]:
    return (str(os.stat(path).st_size).encode() for path in paths)
