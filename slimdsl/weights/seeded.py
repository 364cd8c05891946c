"""Weights that a seed decides: every variable's initialiser, drawn by numpy."""

from __future__ import annotations

import numpy as np

from slimdsl.ir.graph import Variable
from slimdsl.types import DType
from slimdsl.weights.initial_values import Array, draw_chunks
from slimdsl.weights.source import Sink, WeightSource

_SPELLINGS = {DType.FLOAT32: "<f4", DType.FLOAT64: "<f8", DType.FLOAT16: "<f2"}


class SeedWeights(WeightSource):
    """The first values of variables.

    Args:
        seed: an integer from 0 to 2^64 - 1.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the variable's first values, little-endian and in its element type."""
        for piece in draw_chunks(variable.initializer, variable.name, variable.shape, self.seed):
            sink(_converted(piece, variable.tensor.type.dtype))


def _converted(piece: Array, dtype: DType) -> memoryview:
    """The bytes of the values, rounded to an element type; what is beyond its range becomes infinite."""
    if dtype is DType.BFLOAT16:
        # numpy has no such type: it is the upper half of the float32, rounded to the nearest, ties to even.
        bits = piece.view(np.uint32)
        rounded: memoryview = ((bits + (np.uint32(0x7FFF) + (bits >> 16 & 1))) >> 16).astype("<u2").data
        return rounded
    with np.errstate(over="ignore"):
        return piece.astype(_SPELLINGS[dtype], copy=False).data
