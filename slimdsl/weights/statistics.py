"""What the numbers of a tensor are like, gathered while they pass: enough to see that a checkpoint is broken.

Loads numpy; `weights show --stats` alone needs it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdsl.types import DType
from slimdsl.values import Value, value
from slimdsl.weights.stored import WeightsFile

_PIECE = 1 << 18
"""Bytes that are looked at together: the copies that this takes stay small."""


@value
class Statistics(Value):
    """The numbers of a tensor.

    Attributes:
        minimum: the smallest of those that are finite; None where there is none. Truth values count as 0 and 1.
        maximum: the largest.
        mean: their mean; None also where it is too large for a float.
        not_finite: how many are infinite or no number (NaN).
    """

    minimum: float | int | None
    maximum: float | int | None
    mean: float | None
    not_finite: int


def statistics(file: WeightsFile, name: str) -> Statistics:
    """Look at all numbers of a tensor, whose element type is one that variables have.

    Raises:
        WeightsError: they cannot be read, or are damaged.
    """
    dtype = file.tensors[name].dtype
    assert dtype is not None
    gathered = _Gathered(dtype)
    file.write(name, gathered.take)
    return gathered.statistics()


class _Gathered:
    """The state of one pass; pieces may end within a number."""

    def __init__(self, dtype: DType) -> None:
        self._dtype = dtype
        self._rest = b""
        self._minimum: float | int | None = None
        self._maximum: float | int | None = None
        self._sum: float | int = 0
        self._finite = 0
        self._not_finite = 0

    def take(self, data: bytes | memoryview) -> None:
        """The next bytes."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PIECE):
            content = self._rest + bytes(view[start : start + _PIECE])
            whole = len(content) - len(content) % self._dtype.size
            self._rest = content[whole:]
            if whole:
                self._add(_numbers(content[:whole], self._dtype))

    def statistics(self) -> Statistics:
        """What came of it."""
        mean = float(self._sum / self._finite) if self._finite else math.inf
        return Statistics(
            minimum=self._minimum,
            maximum=self._maximum,
            mean=mean if math.isfinite(mean) else None,
            not_finite=self._not_finite,
        )

    def _add(self, numbers: npt.NDArray[Any]) -> None:
        finite = numbers
        if self._dtype.floating:
            finite = numbers[np.isfinite(numbers)]
            self._not_finite += numbers.size - finite.size
        if not finite.size:
            return
        self._finite += finite.size
        low, high = finite.min().item(), finite.max().item()
        self._minimum = low if self._minimum is None else min(self._minimum, low)
        self._maximum = high if self._maximum is None else max(self._maximum, high)
        # Sums of integers are exact; an int64 tensor may hold numbers whose sum is none.
        with np.errstate(over="ignore"):
            exact = self._dtype is DType.INT64
            self._sum += sum(finite.tolist()) if exact else finite.sum(dtype=np.float64).item()


def _numbers(content: bytes, dtype: DType) -> npt.NDArray[Any]:
    if dtype is DType.BFLOAT16:
        # The upper half of a float32.
        return (np.frombuffer(content, "<u2").astype("<u4") << 16).view("<f4")
    if dtype is DType.BOOL:
        return np.frombuffer(content, "u1")
    return np.frombuffer(content, np.dtype(dtype.value).newbyteorder("<"))
