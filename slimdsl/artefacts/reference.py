"""What artefacts are compared with: the network as it was written, frozen, for TensorFlow to run."""

from __future__ import annotations

import os
from functools import partial

from slimdsl.artefacts.running import Run
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import GraphTooLargeError, check_size, pass_on
from slimdsl.files import write_all
from slimdsl.ir.graph import Graph
from slimdsl.weights.source import WeightsError, WeightSource


class NoReferenceError(Exception):
    """There can be none; the message says why, without a full stop."""


def write_reference(graph: Graph, weights: WeightSource, seed: int, folder: str) -> Run:
    """Write the frozen graph of a network into a folder.

    Raises:
        NoReferenceError: it cannot be written.
    """
    emission = emit(graph, form="frozen", seed=seed)
    path = os.path.join(folder, "reference.pb")
    try:
        check_size(emission)
        # Not through `replace_file`: it waits for the disk, and nobody but the runtime is to read this.
        with open(path, "wb", buffering=0) as file:
            pass_on(emission, weights, partial(write_all, file.fileno()), file.fileno())
    except GraphTooLargeError:
        reason = "the frozen graph to be compared with would be larger than TensorFlow reads"
        raise NoReferenceError(reason) from None
    except WeightsError as error:
        raise NoReferenceError(str(error)) from None
    except OSError as error:
        raise NoReferenceError(f"the graph to be compared with cannot be written: {error.strerror}") from None
    return Run(
        kind="graphdef",
        path=path,
        inputs=dict(emission.inputs),
        outputs=dict(emission.outputs),
        results=os.path.join(folder, "reference.npz"),
    )
