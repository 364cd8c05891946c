"""Ctrl-C, SIGTERM and SIGHUP during a training: the step is finished and saved; a second Ctrl-C ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Windows has no SIGHUP, which comes when a terminal or a connection is closed."""


class Interrupt:
    """While it is entered, signals set `received` instead of ending the process.

    Attributes:
        received: the name of the signal that came; "" for none.
    """

    def __init__(self) -> None:
        self.received = ""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:  # noqa: PYI034 - typing.Self is not in Python 3.10
        # Only the main thread may say what a signal does.
        if threading.current_thread() is threading.main_thread():
            for name in _SIGNALS:
                number = getattr(signal, name, None)
                # Where it is ignored, as SIGHUP is under nohup, it stays so.
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        # A terminal that is closed sends SIGHUP itself, and so does its shell.
        if self.received and name != "SIGHUP":
            raise KeyboardInterrupt
        self.received = self.received or name
