"""The recipe by which the recorded networks' variables and inputs were drawn."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # The recording scripts run beside TF-Slim, where slimdsl cannot be imported.
    from slimdsl.ir.graph import Variable
from slimdsl.weights.source import WeightSource


def variable_values(name: str, shape: Sequence[int]) -> np.ndarray:
    """The recorded value of a variable, float32."""
    z = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(int(np.prod(shape))).reshape(shape)
    return scaled(name, z).astype(np.float32)


def scaled(name: str, z: np.ndarray) -> np.ndarray:
    """Numbers from a normal distribution, in the place of which the variable has others; they may be changed."""
    shape, leaf = z.shape, name.rpartition("/")[2]
    if leaf in ("weights", "pointwise_weights"):
        z *= np.sqrt(2 / np.prod(shape[:-1]))
    elif leaf == "depthwise_weights":
        z *= np.sqrt(2 / np.prod(shape[:-2]))
    elif leaf == "gamma":
        z = 1 + 0.1 * z
    elif leaf == "moving_variance":
        z = 1 + 0.1 * np.abs(z)
    else:
        z *= 0.1
    return z


def input_values(shape: Sequence[int]) -> np.ndarray:
    """The recorded input, float32."""
    z = np.random.RandomState(zlib.crc32(b"input")).standard_normal(int(np.prod(shape))).reshape(shape)
    return (0.5 * z).astype(np.float32)


class RecipeWeights(WeightSource):
    """A `WeightSource` of the recorded values."""

    def write(self, variable: Variable, sink: Callable[[bytes | memoryview], None]) -> None:
        """Pass on the recorded value of a variable."""
        sink(np.ascontiguousarray(variable_values(variable.name, variable.shape)).data.cast("B"))
