"""Checkpoints by the clock: whether so many minutes have gone by since the last one."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECONDS = 60.0


class SaveClock:
    """Says when a checkpoint is due.

    Args:
        minutes: from one checkpoint to the next; None where none is due by the clock.
        clock: seconds, from any start, which never go back.
    """

    def __init__(self, minutes: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._minutes = minutes
        self._clock = clock
        self._saved_at = clock()

    def restart(self) -> None:
        """Count from now on."""
        self._saved_at = self._clock()

    @property
    def due(self) -> bool:
        """Whether the minutes have gone by."""
        return self._minutes is not None and self._clock() - self._saved_at >= self._minutes * _SECONDS
