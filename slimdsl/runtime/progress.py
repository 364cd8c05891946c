"""The line that says how a training goes: drawn by rich on a terminal, plain lines elsewhere."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Mapping
from threading import Timer
from typing import Any, TextIO

from slimdsl.values import Value, value

INTERVAL = 5.0
"""Seconds between two plain lines; a terminal is drawn as often as there is news."""

PATIENCE = 2.0
"""Seconds without a line after which it is said what takes so long."""

FIRST_STEPS = "taking the first steps; the very first is traced before, which takes a while where the network is large"


@value
class Status(Value):
    """How far a training is.

    Attributes:
        step: steps done.
        steps: steps of the whole training.
        epoch: passes over the data done; None where nobody knows how long one is.
        numbers: what is shown by name: the loss, metrics.
        learning_rate: of the last step.
        images_per_second: since the status before.
        waiting: share of that time spent waiting for data.
        seconds_left: until the end, at that speed.
    """

    step: int
    steps: int
    epoch: float | None
    numbers: Mapping[str, float]
    learning_rate: float
    images_per_second: float
    waiting: float
    seconds_left: float


def status_text(status: Status) -> str:
    """The line."""
    parts = [f"step {status.step:,}/{status.steps:,}"]
    if status.epoch is not None:
        parts.append(f"epoch {status.epoch:.2f}")
    parts += [f"{name} {number:.4g}" for name, number in status.numbers.items()]
    parts.append(f"lr {status.learning_rate:.4g}")
    parts.append(f"{status.images_per_second:,.0f} images/s")
    parts.append(f"waiting for data {status.waiting:.0%}")
    parts.append(f"ETA {_duration(status.seconds_left)}")
    return "  ".join(parts)


class Progress:
    """Shows the line.

    Args:
        stream: where to; None for standard error.
        clock: seconds, from any start.
        patience: seconds before it is said that there are only the first steps yet; None to say nothing.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience: float | None = None,
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._next = self._shown = clock()
        self._live: Any = _live(self._stream)
        self._waiting = Timer(patience or 0.0, self.note, [FIRST_STEPS])
        self._waiting.daemon = True
        if patience is not None:
            self._waiting.start()

    @property
    def due(self) -> bool:
        """Whether somebody who watches has been told nothing for `INTERVAL` seconds."""
        return self._clock() - self._shown >= INTERVAL

    def show(self, status: Status, *, last: bool = False) -> None:
        """Show how far it is; the last one is always shown."""
        self._waiting.cancel()
        self._shown = self._clock()
        text = status_text(status)
        if self._live is not None:
            self._draw(text)
        elif last or self._clock() >= self._next:
            self._say(text)
            self._next = self._clock() + INTERVAL

    def note(self, text: str) -> None:
        """Say something besides the line."""
        if self._live is None:
            self._say(text)
            return
        try:
            self._live.console.print(text, markup=False)
        except (OSError, ValueError):
            self.close()

    def close(self) -> None:
        """Leave the last line where it is."""
        self._waiting.cancel()
        if self._live is not None:
            live, self._live = self._live, None
            try:
                live.stop()
            except (OSError, ValueError):
                # The terminal was closed.
                return

    def _draw(self, text: str) -> None:
        try:
            self._live.update(text, refresh=True)
        except (OSError, ValueError):
            # The terminal was closed; the training goes on, or is saved.
            self.close()

    def _say(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except (OSError, ValueError):
            # Nobody reads it; the training goes on.
            return


def _live(stream: TextIO) -> Any:
    """What draws on a terminal; None elsewhere, or where rich is not installed."""
    if stream is not sys.stderr or not stream.isatty():
        return None
    try:
        live = importlib.import_module("rich.live")
        console = importlib.import_module("rich.console")
    except ImportError:
        return None
    drawn = live.Live(console=console.Console(stderr=True, highlight=False), auto_refresh=False)
    drawn.start()
    return drawn


def _duration(seconds: float) -> str:
    """``1:02:03`` or ``2:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
