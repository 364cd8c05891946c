"""Which run a checkpoint is of, however it was named: by the run's folder, by its prefix, or by one of its files.

Needs no TensorFlow: it is asked before that is loaded.
"""

from __future__ import annotations

import os

from slimdsl.runtime.checkpoints import checkpoint_path, checkpoint_steps
from slimdsl.runtime.record_file import read_record
from slimdsl.weights.checkpoint_state import find_checkpoint
from slimdsl.weights.source import WeightsError


def run_of(weights: str) -> str:
    """The folder of the run that weights are of; "" where they are of none.

    A file in the folder of a run is of that run only if it is one of its checkpoints: others may lie beside them.

    Args:
        weights: a path as given to ``--weights``.
    """
    if os.path.isdir(weights):
        folder = weights
    else:
        try:
            found = find_checkpoint(weights)
        except WeightsError:
            # Who reads the weights says what is wrong with them.
            return ""
        folder = os.path.dirname(found.prefix) or os.curdir if found else ""
        names = {os.path.basename(checkpoint_path(folder, step)) for step in checkpoint_steps(folder)} if found else ()
        if found is None or os.path.basename(found.prefix) not in names:
            return ""
    return folder if read_record(folder) is not None else ""
