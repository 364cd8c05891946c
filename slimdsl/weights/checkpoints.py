"""Opening a TensorFlow checkpoint, of either version: by our own readers, or by TensorFlow where these cannot."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

from slimdsl.weights.bundle import index_path, read_bundle
from slimdsl.weights.checkpoint_state import find_checkpoint
from slimdsl.weights.checkpoint_v1 import read_checkpoint_v1
from slimdsl.weights.checksums import INSTALL, Extend, library
from slimdsl.weights.stored import WeightsFile
from slimdsl.weights.table_file import NeedsTensorFlowError

_NO_LIBRARY = "its checksums cannot be compared without google-crc32c, which is not installed"


def open_checkpoint(path: str) -> WeightsFile | None:
    """Open the checkpoint that a path stands for; None where it stands for none.

    Args:
        path: a prefix, a file of a checkpoint, or a folder with a file `checkpoint`.

    Raises:
        WeightsError: it is damaged, a part of it is missing, or what reads it is not installed.
        OSError: a file of it cannot be opened.
    """
    found = find_checkpoint(path)
    if found is None:
        return None
    return (
        open_bundle(found.prefix, path) if found.version == 2 else open_checkpoint_v1(found.prefix, found.files, path)
    )


def open_bundle(prefix: str, shown: str) -> WeightsFile:
    """Open a checkpoint of TensorFlow 2 and of `tf.train.Saver` (V2): an index and data files.

    Args:
        prefix: what the names of its files begin with.
        shown: what messages call it.

    Raises:
        WeightsError, OSError: as `open_checkpoint`.
    """
    return _open(lambda extend: read_bundle(prefix, shown, extend), prefix, shown, index_path(prefix))


def open_checkpoint_v1(prefix: str, files: Sequence[str], shown: str) -> WeightsFile:
    """Open a checkpoint of the first version.

    Args:
        prefix: the file, or what the names of its files begin with.
        files: its files, in their order.
        shown: what messages call it.

    Raises:
        WeightsError, OSError: as `open_checkpoint`.
    """
    pattern = prefix if tuple(files) == (prefix,) else f"{prefix}-?????-of-{len(files):05d}"
    return _open(lambda extend: read_checkpoint_v1(files, shown, extend), pattern, shown, files[0])


def _open(read: Callable[[Extend], WeightsFile], pattern: str, shown: str, digest_file: str) -> WeightsFile:
    extend = library()
    reason, help = _NO_LIBRARY, INSTALL
    if extend is not None:
        try:
            return read(extend)
        except NeedsTensorFlowError as error:
            reason, help = str(error), ""
    # What starts processes and makes temporary folders is loaded when it is needed.
    through = importlib.import_module("slimdsl.weights.through_tensorflow")
    wanted = through.Wanted(pattern=pattern, shown=shown, digest_file=digest_file, reason=reason, help=help)
    opened: WeightsFile = through.open_through_tensorflow(wanted)
    return opened
