"""How much work something may be: calls of functions, which are as many on every machine; seconds are not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

PATIENCE = 300.0
"""Seconds a test waits for a process or a thread before it takes it for one that hangs: far from what it takes."""


@contextmanager
def at_most(calls: int) -> Iterator[None]:
    """Fails where what is done here calls more functions than this, those written in C among them.

    A loop that calls nothing, or makes objects alone, is not seen. A million calls are about half a second here, a
    fifth of that where nobody counts.
    """
    left = calls

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal left
        if event in ("call", "c_call"):
            left -= 1
            if left < 0:
                sys.setprofile(None)
                raise AssertionError(f"more than {calls:,} calls, the last in {frame.f_code.co_name}")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
