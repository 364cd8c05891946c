"""Nothing is shown in the first second; then a line now and then, or a bar on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from slimdsl.cli.progress import Bar, ProgressMeter


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_quick_shows_nothing() -> None:
    clock, stream = Clock(), io.StringIO()
    meter = ProgressMeter(100 << 20, stream, clock)
    clock.now = 0.9
    meter.advance(100 << 20)
    meter.close()
    assert stream.getvalue() == ""


def test_what_is_small_shows_nothing() -> None:
    clock, stream = Clock(), io.StringIO()
    meter = ProgressMeter(100, stream, clock)
    clock.now = 9.0
    meter.advance(50)
    assert stream.getvalue() == ""


def test_lines_come_every_two_seconds() -> None:
    clock, stream = Clock(), io.StringIO()
    meter = ProgressMeter(10 * 2**20, stream, clock)
    for _ in range(10):
        clock.now += 0.5
        meter.advance(2**20)
    meter.close()
    assert stream.getvalue() == "writing: 20% of 10.0 MiB\nwriting: 60% of 10.0 MiB\nwriting: 100% of 10.0 MiB\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, clock = Terminal(), Clock()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    meter = ProgressMeter(20 * 2**20, None, clock)
    clock.now = 2.0
    meter.advance(10 * 2**20)
    assert isinstance(meter._display, Bar)  # noqa: SLF001  # what is drawn is rich's business
    meter.close()
    assert "10.0/20.0 MiB" in terminal.getvalue()


def test_without_rich_a_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, clock = io.StringIO(), Clock()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    meter = ProgressMeter(100 << 20, None, clock)
    clock.now = 2.0
    meter.advance(50 << 20)
    meter.close()
    assert terminal.getvalue() == "writing: 50% of 100.0 MiB\n"
