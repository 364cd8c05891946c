"""What artefacts are compared with: the network as it was written, with the same weights, for TensorFlow to run.

It is the frozen graph with placeholders where the constants would be, and a file with the weights that are fed to
them. TensorFlow gives the same results, without the copies that it makes of constants, and a network whose frozen graph
would be larger than any reader takes has a reference too.
"""

from __future__ import annotations

import os
from functools import partial

from slimdsl.artefacts.running import FedWeights, Run
from slimdsl.backends.graphdef.attributes import shape_message
from slimdsl.backends.graphdef.emission import WeightSlot, attr_field, content_size, field
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.proto import DATA_TYPES, AttrValue, NodeDef, serialize
from slimdsl.backends.graphdef.stream import pass_on_weights
from slimdsl.files import write_all
from slimdsl.ir.graph import Graph
from slimdsl.weights.source import WeightsError, WeightSource

_ALIGNMENT = 64
"""Where numbers begin at a multiple of it, TensorFlow takes them where they are."""


class NoReferenceError(Exception):
    """There can be none; the message says why, without a full stop."""


def write_reference(graph: Graph, weights: WeightSource, seed: int, folder: str) -> Run:
    """Write the reference of a network into a folder.

    Raises:
        NoReferenceError: it cannot be written.
    """
    emission = emit(graph, form="frozen", seed=seed)
    path = os.path.join(folder, "reference.pb")
    try:
        # Not through `replace_file`: it waits for the disk, and nobody but the runtime is to read this.
        with open(path, "wb") as file:
            file.writelines(_placeholder(p) if isinstance(p, WeightSlot) else p for p in emission.pieces)
        fed = _write_weights(emission.slots, weights, os.path.join(folder, "weights.bin"))
    except WeightsError as error:
        raise NoReferenceError(str(error)) from None
    except OSError as error:
        raise NoReferenceError(f"what it would be compared with cannot be written: {error.strerror}") from None
    return Run(
        kind="reference",
        path=path,
        inputs=dict(emission.inputs),
        outputs=dict(emission.outputs),
        results=os.path.join(folder, "reference.npz"),
        weights=fed,
    )


def _placeholder(slot: WeightSlot) -> bytes:
    """The placeholder in the place of a constant, as a field of a GraphDef."""
    variable = slot.variable
    dtype = AttrValue(type=DATA_TYPES[variable.tensor.type.dtype.value])
    shape = AttrValue(shape=shape_message(variable.shape))
    attrs = attr_field("dtype", serialize(dtype)) + attr_field("shape", serialize(shape))
    return field(b"\x0a", serialize(NodeDef(name=slot.name, op="Placeholder")) + attrs)


def _write_weights(slots: tuple[WeightSlot, ...], weights: WeightSource, path: str) -> FedWeights:
    """Write the numbers of all slots into a file, one behind the other.

    Raises:
        WeightsError: they cannot be read.
        OSError: they cannot be written.
    """
    tensors: list[tuple[str, str, tuple[int, ...], int]] = []
    with open(path, "wb", buffering=0) as file:
        offset = 0
        for slot in slots:
            write_all(file.fileno(), bytes(-offset % _ALIGNMENT))
            offset += -offset % _ALIGNMENT
            variable = slot.variable
            tensors.append((f"{slot.name}:0", variable.tensor.type.dtype.value, variable.shape, offset))
            pass_on_weights(weights, variable, partial(write_all, file.fileno()), file.fileno())
            offset += content_size(variable)
    return FedWeights(path, tuple(tensors))
