"""Waiting for the other processes of a training: it is said, and a signal ends it.

TensorFlow waits in C++, where Python's own handlers of signals never run. Nothing has been written yet that they would
have to finish or remove, so the system's way of ending a process is the right one. SIGTERM alone is out of reach there:
TensorFlow's notice of preemption installs a handler of its own for it, behind ours, and only takes note of the signal.
So the long wait, until all are there, comes before TensorFlow's (see `meeting`).
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

PATIENCE = 3.0
"""Seconds before it is said."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let signals end the process at once within the block; nothing may be half written there."""
    before = {}
    # Only the main thread may say what a signal does.
    if threading.current_thread() is threading.main_thread():
        for name in _SIGNALS:
            # Windows has no SIGHUP.
            number = getattr(signal, name, None)
            # One that is ignored, as by nohup, stays so; a handler that is none of Python's cannot be put back.
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def waiting_for(others: Sequence[str]) -> Iterator[None]:
    """Say on standard error which processes are waited for, where the block takes longer than `PATIENCE` seconds.

    Args:
        others: their addresses, ``host:port``.
    """
    if not others:
        yield
        return
    timer = threading.Timer(PATIENCE, say_waiting, [others])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def say_waiting(others: Sequence[str]) -> None:
    """Say at once which processes are waited for: where TensorFlow waits with Python's lock held, no timer runs."""
    count = f"{len(others)} other {'worker' if len(others) == 1 else 'workers'}"
    try:
        print(f"waiting for {count}: {', '.join(others)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        # Nobody reads it; the waiting goes on.
        return
