"""Opening a file of weights, whatever its format: it is told by what is in it, not by its name.

The readers of each format are loaded when one of it is opened.
"""

from __future__ import annotations

import errno
import os
from importlib import import_module
from typing import cast

from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile, unreadable

_SAVED_MODEL = "saved_model.pb"
_VARIABLES = os.path.join("variables", "variables")

_FOREIGN = (
    (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file, as Keras writes them", "save a checkpoint or an `.npz` with Keras"),
    *(
        (bytes([0x80, protocol]), "it is a pickle, which can run any code", "save the tensors as `.safetensors`")
        for protocol in range(2, 6)
    ),
)
"""How files begin that people take for weights, what they are, and what to do."""

_KINDS = "weights are TensorFlow checkpoints, SavedModels, .safetensors and .npz"


def open_weights(path: str) -> WeightsFile:
    """Open a file of weights.

    Args:
        path: a file; a checkpoint's prefix or the folder that it stands in; a SavedModel's folder.

    Raises:
        WeightsError: it is none that can be read.
        OSError: it does not exist or may not be read.
    """
    checkpoints = import_module("slimdsl.weights.checkpoints")
    if os.path.isfile(os.path.join(path, _SAVED_MODEL)):
        return _open_saved_model(path)
    if not os.path.isfile(path) or checkpoints.find_checkpoint(path):
        opened = checkpoints.open_checkpoint(path)
        if opened is not None:
            return cast("WeightsFile", opened)
        if os.path.isdir(path):
            help = "name a checkpoint by its prefix, such as `folder/model.ckpt-1000`"
            raise WeightsError((unreadable(path, "the folder has no `checkpoint` and is no SavedModel", help),))
        if not os.path.exists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return _open_file(path)


def _open_file(path: str) -> WeightsFile:
    if not os.path.isfile(path):
        # A pipe or a device would be waited for, maybe for ever.
        raise WeightsError((unreadable(path, "it is no file"),))
    with open(path, "rb") as file:
        start = file.read(9)
    if start[:2] == b"PK" or path.endswith(".npz"):
        return cast("WeightsFile", import_module("slimdsl.weights.npz").NpzFile.open(path))
    if start[8:] == b"{" or path.endswith(".safetensors"):
        return cast("WeightsFile", import_module("slimdsl.weights.safetensors").open_safetensors(path))
    for beginning, what, help in _FOREIGN:
        if start.startswith(beginning):
            raise WeightsError((unreadable(path, what, help),))
    raise WeightsError((unreadable(path, "it is empty" if not start else "it is no file of weights", _KINDS),))


def _open_saved_model(path: str) -> WeightsFile:
    prefix = os.path.join(path, _VARIABLES)
    if not os.path.exists(f"{prefix}.index"):
        help = "its weights are constants; a SavedModel with variables holds them in `variables/`"
        raise WeightsError((unreadable(path, "the SavedModel has no variables", help),))
    return cast("WeightsFile", import_module("slimdsl.weights.checkpoints").open_bundle(prefix, path))
