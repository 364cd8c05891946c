"""Meeting the other processes of a training before TensorFlow waits for them.

Each listens at its own address and tries those of the others until all have been there. TensorFlow could wait as well,
but in C++, where SIGTERM does not reach the process and nobody is told who is missing. Whoever has met all goes on to
TensorFlow, whose server takes the same address a moment later: others that have not been there yet find that one.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from slimdsl.runtime.waiting import PATIENCE, say_waiting

LIMIT = 3600.0
"""Seconds that are waited; TensorFlow's own limit for a cluster."""

_PAUSE, _ANSWER = 0.2, 2.0
"""Seconds between two tries, and for the answer to one."""


class MeetingError(Exception):
    """Some did not come, or this process cannot listen; the message says who, or why."""


def meet(own: str, others: Sequence[str], *, limit: float = LIMIT) -> None:
    """Wait for the other processes; say for whom, where it takes long.

    Args:
        own: the address of this process, ``host:port``. It listens at the port, whatever its host is called.
        others: theirs.
        limit: seconds that are waited.

    Raises:
        MeetingError: not all came in time, an address is none, or this process cannot listen.
    """
    missing, said = [(address, _place(address)) for address in others], 0
    began = time.monotonic()
    try:
        listener = _listener(_place(own)[1], len(others))
    except OSError as error:
        raise MeetingError(f"this process is `{own}`, and cannot listen there: {error.strerror or error}") from error
    with listener:
        while missing := [each for each in missing if not _listens(each[1])]:
            waited, names = time.monotonic() - began, [address for address, _ in missing]
            if waited > limit:
                raise MeetingError(f"after {limit / 60:.0f} minutes nobody listens at {', '.join(names)}")
            if waited > PATIENCE and said != len(missing):
                say_waiting(names)
                said = len(missing)
            time.sleep(_PAUSE)


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise MeetingError(f"`{address}` is no `host:port`")
    return host.strip("[]"), int(port)


def _listener(port: int, callers: int) -> socket.socket:
    # Nobody takes the calls, so there has to be room for one of each.
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    return socket.create_server(("", port), family=family, backlog=callers + 8, dualstack_ipv6=both)


def _listens(place: tuple[str, int]) -> bool:
    """Whether somebody does. A name that is not known may become so: that of a machine that is still to be started."""
    try:
        socket.create_connection(place, timeout=_ANSWER).close()
    except (OSError, UnicodeError):
        return False
    return True
