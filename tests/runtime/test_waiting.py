"""While others are waited for, signals end the process as the system does it; then the old handlers are there again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence

import pytest

from slimdsl.runtime import waiting
from slimdsl.runtime.waiting import ended_by_signals, waiting_for


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, "what nohup ignores stays ignored"
        assert signal.getsignal(signal.SIGTERM) is before[0]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGHUP, before[1])


def test_what_is_waited_for_is_said_when_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with waiting_for(["a:1"]):
        pass
    assert capsys.readouterr().err == ""
    said = threading.Event()
    tell = waiting.say_waiting

    def told(others: Sequence[str]) -> None:
        tell(others)
        said.set()

    monkeypatch.setattr(waiting, "say_waiting", told)
    monkeypatch.setattr(waiting, "PATIENCE", 0.01)
    with waiting_for(["a:1", "b:2"]):
        assert said.wait(30)
    assert capsys.readouterr().err == "waiting for 2 other workers: a:1, b:2\n"
