"""Weights that a seed decides: every variable's initialiser, drawn by numpy."""

from __future__ import annotations

from slimdsl.ir.graph import Variable
from slimdsl.weights.initial_values import draw_chunks
from slimdsl.weights.source import Sink


class SeedWeights:
    """A `WeightSource` of first values.

    Args:
        seed: an integer from 0 to 2^64 - 1.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the variable's first values, little-endian."""
        for piece in draw_chunks(variable.initializer, variable.name, variable.shape, self.seed):
            sink(piece.astype("<f4", copy=False).data)
