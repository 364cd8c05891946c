"""What all workers that run an artefact have in common; only they load it, for it brings numpy.

Such a worker is asked with::

    {"path": the artefact, "inputs": an .npz with an array for each input of the text, "outputs": the .npz to write,
     "names": {"inputs": {name in the text: name in the artefact}, "outputs": {…}}, "init": the op to run first, or ""}

and answers ``{"runtime": "onnxruntime 1.32.0", "outputs": [names in the text]}``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.lib.format import write_array

from slimdsl.workers import Answer, Request


def read_inputs(request: Request) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays to be fed, by the names of the artefact."""
    names: Mapping[str, str] = request["names"]["inputs"]
    with np.load(request["inputs"], allow_pickle=False) as archive:
        missing = [name for name in names if name not in archive.files]
        if missing:
            raise ValueError(f"there is no array for the input `{missing[0]}`")
        return {artefact_name: _with_bfloat16(archive[name]) for name, artefact_name in names.items()}


def write_outputs(request: Request, runtime: str, found: Mapping[str, Any]) -> Answer:
    """Write what came out, given by the names of the artefact, and answer.

    Args:
        request: what was asked for.
        runtime: what has run the artefact, with its version.
        found: name in the artefact -> array.
    """
    names: Mapping[str, str] = request["names"]["outputs"]
    arrays = {name: _plain(found[artefact_name]) for name, artefact_name in names.items()}
    write_arrays(request["outputs"], arrays)
    return {"runtime": runtime, "outputs": list(arrays)}


def write_arrays(path: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write an ``.npz``."""
    # Not by `numpy.savez`, whose keywords are the names: an output may be called `file`, as its first argument is.
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                write_array(entry, array, allow_pickle=False)


def _with_bfloat16(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array; elements of two bytes without a type, which is how numpy saves bfloat16, become that."""
    if array.dtype.str != "|V2":
        return array
    # Comes with every runtime that takes bfloat16.
    return array.view(import_module("ml_dtypes").bfloat16)


def _plain(array: Any) -> np.ndarray[Any, Any]:
    """The array; numbers of a type that numpy itself does not know, as bfloat16, become float32."""
    found = np.asarray(array)
    return found.astype(np.float32) if found.dtype.kind == "V" else found
