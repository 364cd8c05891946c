"""Printing diagnostics and figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from slimdsl.cli.streams import say
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.types import Dim


def wants_colour(choice: str, stream: TextIO) -> bool:
    """Whether to write colours: the option first, then NO_COLOR, FORCE_COLOR, and whether a terminal reads it."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def print_diagnostics(diagnostics: Sequence[Diagnostic], choice: str) -> None:
    """Write diagnostics and their number to standard error; nothing where there are none."""
    if not diagnostics:
        return
    # Loaded only where something was found: a clean run has no use for it.
    from slimdsl.diagnostics.render_text import render, summary_line

    text = render(diagnostics, colour=wants_colour(choice, sys.stderr))
    say(f"{text}{summary_line(diagnostics)}")


def size_text(size: Dim) -> str:
    """A number of bytes as people read it: ``527.8 MiB``."""
    if not isinstance(size, int):
        return f"({size}) B"
    if size < 1024:
        return f"{size} B"
    units = ("KiB", "MiB", "GiB", "TiB")
    amount, index = size / 1024, 0
    while amount >= 1000 and index < len(units) - 1:
        amount, index = amount / 1024, index + 1
    return f"{amount:.1f} {units[index]}"


def count_text(count: Dim) -> str:
    """A number with commas, or the polynomial."""
    return f"{count:,}" if isinstance(count, int) else str(count)


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
