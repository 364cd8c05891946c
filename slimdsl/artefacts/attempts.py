"""The inputs that a network is tried on, written where runtimes find them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice

from slimdsl.artefacts.examples import example_inputs
from slimdsl.artefacts.fixed_inputs import Array, NoInputsError, candidate_sizes, fixed_inputs
from slimdsl.backends.running import write_arrays
from slimdsl.ir.graph import Graph
from slimdsl.types import DType
from slimdsl.values import Value, positional

MOST_SIZES = 4
"""How many different sizes are tried until TensorFlow runs the reference."""


@positional
class Attempt(Value):
    """Inputs for a run: the sizes, and the path of the arrays."""

    sizes: dict[str, int]
    arrays: str


def make_attempts(graph: Graph, fixed: Mapping[str, int], examples: str, folder: str) -> list[Attempt]:
    """Inputs of several sizes, and with other integers, in case that the first ones do not do.

    Args:
        graph: the network.
        fixed: sizes that are decided.
        examples: the archive that an artefact was calibrated with, whose examples come first; "" for none.
        folder: where they are written.

    Raises:
        NoInputsError: there are none.
        OSError: they cannot be written.
    """
    wanted: list[tuple[dict[str, int], dict[str, Array]]] = []
    if examples:
        try:
            wanted.append(example_inputs(graph, examples, fixed))
        except NoInputsError:
            # Another artefact has fixed sizes that the examples do not have: drawn numbers must do.
            pass
    chosen = list(islice(candidate_sizes(graph, fixed), MOST_SIZES)) if not wanted else []
    wanted += [(sizes, fixed_inputs(graph, sizes)) for sizes in chosen]
    if chosen and any(tensor.type.dtype in (DType.INT32, DType.INT64) for tensor in graph.inputs.values()):
        wanted.insert(1, (chosen[0], fixed_inputs(graph, chosen[0], zeros=True)))
    attempts = []
    for number, (sizes, arrays) in enumerate(wanted):
        path = os.path.join(folder, f"inputs_{number}.npz")
        write_arrays(path, arrays)
        attempts.append(Attempt(sizes, path))
    return attempts
