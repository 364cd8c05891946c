"""Writing the outputs of predictions: one archive of numpy arrays, whole or not at all."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence

import numpy as np

from slimdsl.files import replace_file
from slimdsl.runtime.prediction import Prediction, Predictor, joined

NAMES = "inputs.names"
"""The array with the names of the examples, in the order of the others; no output can be called so."""


def write_outputs(path: str, predictions: Sequence[Prediction], predictor: Predictor) -> None:
    """Write every output, the examples along its first axis, and what the examples are called.

    Raises:
        DataError: the shapes of the examples do not go together.
        FileWriteError: the file cannot be written.
    """
    arrays = {**joined(predictions, predictor), NAMES: np.array([prediction.name for prediction in predictions])}
    with (
        replace_file(path) as descriptor,
        os.fdopen(descriptor, "wb", closefd=False) as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        # Not by `numpy.savez`: it takes an output called `file` for its own argument.
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
