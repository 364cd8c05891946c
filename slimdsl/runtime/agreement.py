"""What the processes of a training put to the vote: before its first step all that they are given, then what comes up.

Processes that differ would train a mixture of their recipes, or wait for each other where the other says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

_DIGITS = 6
"""Hexadecimal ones of a digest: the sum of the squares of such numbers is exact for any number of processes."""


class Voters(Protocol):
    """Processes that can be asked whether all of them have the same number."""

    def agreed(self, number: int) -> tuple[int, bool]:
        """The sum of the numbers of all, and whether all are the same."""
        ...


def differing(voters: Voters, document: Mapping[str, object], name: str = "") -> list[str]:
    """What of a document is another one in another process, each in words, with what this process has.

    All processes ask the same questions in the same order: which one comes next depends on answers that all have heard.

    Args:
        voters: the processes.
        document: what this one is going to do, as JSON has it.
        name: of the document; "" for none.
    """
    if _alike(voters, document):
        return []
    # Of other keys nobody could ask the others.
    if not _alike(voters, list(document)):
        return [f"`{name}`" if name else "the version of slimdsl"]
    found = []
    for key, entry in document.items():
        path = f"{name}.{key}" if name else key
        if _alike(voters, isinstance(entry, Mapping)) and isinstance(entry, Mapping):
            found += differing(voters, entry, path)
        elif not _alike(voters, entry):
            several = isinstance(entry, (Mapping, list, tuple))
            found.append(f"`{path}`" if several else f"`{path}` (here {json.dumps(entry)})")
    return found


def voted(voters: Voters, count: int, *, signalled: bool, due: bool) -> tuple[bool, bool]:
    """Put two questions to one vote.

    Args:
        voters: the processes.
        count: how many there are.
        signalled: whether a signal came to this one.
        due: whether a checkpoint is due by its clock; one of them at most may say so.

    Returns:
        Whether a signal came to any of them, and whether a checkpoint is due.
    """
    # However many have a signal, they come to less than the one checkpoint.
    checkpoints, signals = divmod(voters.agreed(int(signalled) + (count + 1) * int(due))[0], count + 1)
    return signals > 0, checkpoints > 0


def _alike(voters: Voters, entry: object) -> bool:
    digest = sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()
    return voters.agreed(int(digest[:_DIGITS], 16))[1]
