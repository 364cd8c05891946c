"""The steps since a checkpoint once more, to find the one that made the first NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

Step = Callable[[Mapping[str, tf.Tensor]], Any]


class StoppedError(Exception):
    """A signal ended the search."""


def first_bad_step(
    step: Step,
    batches: Iterator[Mapping[str, tf.Tensor]],
    variables: Mapping[str, tf.Variable],
    *,
    count: int,
    stopped: Callable[[], bool],
) -> tuple[int, str] | None:
    """Take steps until a variable is not finite.

    Args:
        step: takes one.
        batches: what it is given.
        variables: what it changes.
        count: how many there are.
        stopped: whether to end the search.

    Returns:
        The steps taken, the last of which made it, and the variable's name; None where all are finite after all steps.

    Raises:
        StoppedError: the search is to end.
    """
    for taken in range(1, count + 1):
        take(step, batches, count=1, stopped=stopped)
        bad = first_bad(variables)
        if bad:
            return taken, bad
    return None


def take(step: Step, batches: Iterator[Mapping[str, tf.Tensor]], *, count: int, stopped: Callable[[], bool]) -> None:
    """Take steps.

    Raises:
        StoppedError: the search is to end.
    """
    for _ in range(count):
        if stopped():
            raise StoppedError
        step(next(batches))


def first_bad(variables: Mapping[str, tf.Variable]) -> str:
    """The name of the first variable that is not finite, looked at where it is; "" for none."""
    names = [name for name, variable in variables.items() if variable.dtype.is_floating]
    # Fetched together: each fetch waits for the device.
    finite = tf.stack([tf.reduce_all(tf.math.is_finite(variables[name].read_value())) for name in names]).numpy()
    return next((name for name, good in zip(names, finite, strict=True) if not good), "")
