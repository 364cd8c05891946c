"""Going on from a checkpoint: every variable gets the value of its name, shape and type, or what differs is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from slimdsl.types import DType, shape_text
from slimdsl.weights.opening import open_weights
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile, unreadable
from slimdsl.weights.training_state import SHADOW

_MOST_NAMED = 3


def host_values(variables: Mapping[str, tf.Variable]) -> dict[str, npt.NDArray[Any]]:
    """Copies of the variables' values in the memory of the host."""
    return {name: np.array(variable.numpy()) for name, variable in variables.items()}


def restore(variables: Mapping[str, tf.Variable], prefix: str) -> None:
    """Give all variables the values of a checkpoint; none of them where it does not fit.

    Raises:
        WeightsError: the checkpoint cannot be read, is damaged, or is of another training.
        OSError: it is not there.
    """
    with open_weights(prefix) as file:
        problems = _differences(variables, file)
        if problems:
            listed = "; ".join(problems[:_MOST_NAMED])
            more = f"; and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
            reason = f"it is of another network or optimizer: {listed}{more}"
            raise WeightsError((unreadable(prefix, reason, "--fresh starts anew; --init takes the values that fit"),))
        values = {name: _read(file, name, variable) for name, variable in variables.items()}
    for name, variable in variables.items():
        variable.assign(values[name])


def assign_initial(variables: Mapping[str, tf.Variable], values: Mapping[str, npt.NDArray[Any]]) -> None:
    """Begin with these values; moving averages of them begin there too."""
    for name, value in values.items():
        variables[name].assign(value)
        shadow = variables.get(f"{name}{SHADOW}")
        if shadow is not None:
            shadow.assign(value)


def read_tensor(file: WeightsFile, name: str, dtype: Any) -> npt.NDArray[Any]:
    """The numbers of a tensor of a file."""
    content = bytearray()
    file.write(name, content.extend)
    return np.frombuffer(bytes(content), dtype).reshape(file.tensors[name].shape)


def _read(file: WeightsFile, name: str, variable: tf.Variable) -> npt.NDArray[Any]:
    return read_tensor(file, name, variable.dtype.as_numpy_dtype)


def _differences(variables: Mapping[str, tf.Variable], file: WeightsFile) -> list[str]:
    """What of the file does not fit, each in words."""
    found = [problem.message for problem in file.problems.values()]
    for name, variable in variables.items():
        stored = file.tensors.get(name)
        shape = tuple(variable.shape)
        if stored is None:
            found.append(f"it has no `{name}`")
        elif stored.shape != shape:
            found.append(f"`{name}` is {shape_text(stored.shape)} there and {shape_text(shape)} here")
        elif stored.dtype is not DType(variable.dtype.name):
            found.append(f"`{name}` is {stored.type_text or stored.dtype} there and {variable.dtype.name} here")
    found += [f"it has `{name}` besides" for name in file.tensors if name not in variables]
    return found
