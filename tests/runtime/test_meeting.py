"""Processes of a training wait for each other where they can be ended, and say for whom."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from slimdsl.runtime import meeting
from slimdsl.runtime.meeting import MeetingError, meet


def addresses(count: int) -> list[str]:
    """Of this machine, that nothing listens to."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [f"127.0.0.1:{each.getsockname()[1]}" for each in held]
    for each in held:
        each.close()
    return found


def meet_all(places: list[str], limit: float) -> None:
    """Let one for each address meet the others. Once it has, something else takes its place, as TensorFlow does."""
    left, all_met = [], threading.Event()

    def come(own: str) -> None:
        meet(own, [each for each in places if each != own], limit=limit)
        with socket.create_server(("127.0.0.1", int(own.rpartition(":")[2]))):
            left.append(own)
            if len(left) == len(places):
                all_met.set()
            assert all_met.wait(limit)

    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(come, places))


@pytest.mark.parametrize("count", [2, 5])
def test_all_that_are_there_meet(count: int) -> None:
    meet_all(addresses(count), limit=30)


def test_one_alone_need_not_wait() -> None:
    meet(addresses(1)[0], [])


def test_who_is_missing_is_said_and_waited_for_in_vain(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meeting, "PATIENCE", 0.0)
    own, missing = addresses(2)
    unknown = "no.such.host.invalid:2222"
    with socket.create_server(("127.0.0.1", 0)) as there:
        present = f"127.0.0.1:{there.getsockname()[1]}"
        with pytest.raises(MeetingError, match=rf"^after 0 minutes nobody listens at {missing}, {unknown}$"):
            meet(own, [missing, present, unknown], limit=0.5)
    assert capsys.readouterr().err == f"waiting for 2 other workers: {missing}, {unknown}\n"


@pytest.mark.parametrize("address", ["host:http", "host:0", "host:65536", "host:", "host"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(MeetingError, match=f"^`{address}` is no `host:port`$"):
        meet(addresses(1)[0], [address])


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("", 0)) as taken:
        own = f"localhost:{taken.getsockname()[1]}"
        with pytest.raises(MeetingError, match=rf"^this process is `{own}`, and cannot listen there: .*in use"):
            meet(own, ["localhost:1"])
