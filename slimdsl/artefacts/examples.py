"""The first of the examples that an int8 model was calibrated with, as the inputs that it is run on.

Its integers stand for the range of numbers that the examples have: with other numbers it may be far off, and right.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from slimdsl.artefacts.fixed_inputs import BATCH, Array, NoInputsError, sized, types_with
from slimdsl.artefacts.stored_values import beginning
from slimdsl.ir.graph import Graph
from slimdsl.types import symbol_names
from slimdsl.weights.npz import DESCRIPTIONS, NpzFile
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile


def example_inputs(graph: Graph, path: str, given: Mapping[str, int]) -> tuple[dict[str, int], dict[str, Array]]:
    """The first examples of an archive.

    Args:
        graph: the network.
        path: the archive, whose arrays were found to fit when the model was calibrated.
        given: sizes that are decided.

    Returns:
        The sizes that they make, and the inputs.

    Raises:
        NoInputsError: they cannot be read, or do not fit these sizes.
    """
    try:
        with NpzFile.open(path) as archive:
            shapes = {name: tensor.shape for name, tensor in archive.tensors.items()}
            missing = [name for name in graph.inputs if name not in shapes]
            if missing:
                raise NoInputsError(f"there are no examples for the input `{missing[0]}`")
            sizes = _sizes(graph, shapes, given)
            return sizes, {name: _first(archive, graph, name, sizes) for name in graph.inputs}
    except (WeightsError, OSError) as error:
        raise NoInputsError(f"the examples cannot be read: {error}") from None


def _sizes(graph: Graph, shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, int]) -> dict[str, int]:
    """The sizes that examples make; a batch is as large as usual, where there are so many."""
    sizes = dict(given)
    for name, tensor in graph.inputs.items():
        for axis, (dim, size) in enumerate(zip(tensor.type.shape, shapes[name])):
            for symbol in symbol_names(dim):
                sizes.setdefault(symbol, min(BATCH, size) if axis == 0 else size)
    if types_with(graph, sizes) is None:
        raise NoInputsError("the examples do not fit the network")
    return sizes


def _first(archive: WeightsFile, graph: Graph, name: str, sizes: Mapping[str, int]) -> Array:
    """The first examples of one input."""
    type = sized(graph.inputs[name].type, sizes)
    shape = tuple(dim for dim in type.shape if isinstance(dim, int))
    stored = archive.tensors[name]
    fits = stored.dtype is type.dtype and len(shape) == type.rank
    if shape:
        fits = fits and stored.shape[1:] == shape[1:] and stored.shape[0] >= shape[0]
    if not fits:
        raise NoInputsError(
            f"the examples of the input `{name}` are {stored.type_text}{list(stored.shape)}, not {type}"
        )
    size = type.dtype.size
    for dim in shape:
        size *= dim
    return np.frombuffer(beginning(archive, name, size), DESCRIPTIONS[type.dtype]).reshape(shape)
