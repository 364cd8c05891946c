"""The recipe by which the recorded networks' variables and inputs were drawn."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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


def batch_values(inputs: Mapping[str, Mapping[str, Any]], step: int) -> dict[str, np.ndarray]:
    """The recorded batch of a step of training: name of an input -> its numbers.

    Args:
        inputs: name -> how its numbers are drawn (`draw`) and their `shape`, one after the other in this order.
        step: the step, from 0.
    """
    state = np.random.RandomState(1000 + step)
    return {name: _DRAWS[data["draw"]](state, data) for name, data in inputs.items()}


def _unit_vectors(state: np.random.RandomState, data: Mapping[str, Any]) -> np.ndarray:
    z = state.standard_normal(data["shape"])
    return (z / np.linalg.norm(z, axis=-1, keepdims=True)).astype(np.float32)


_DRAWS: dict[str, Callable[[np.random.RandomState, Mapping[str, Any]], np.ndarray]] = {
    "normal": lambda state, data: (0.5 * state.standard_normal(data["shape"])).astype(np.float32),
    "classes": lambda state, data: state.randint(0, data["classes"], data["shape"]),
    "bits": lambda state, data: state.randint(0, 2, data["shape"]).astype(np.float32),
    "shares": lambda state, data: state.uniform(0.05, 0.95, data["shape"]).astype(np.float32),
    "unit_vectors": _unit_vectors,
    "weights": lambda state, data: state.choice([0.0, 0.5, 1.0, 2.0], data["shape"]).astype(np.float32),
    "zeros": lambda state, data: np.zeros(data["shape"], np.float32),
}
