"""What reading an artefact back came to."""

from __future__ import annotations

from collections.abc import Iterable

from slimdsl.values import Value, positional


@positional
class ReadBack(Value):
    """What was read, in words, and what is wrong; each problem completes "`model.pb` …"."""

    summary: str
    problems: tuple[str, ...] = ()


def read_back(summary: str, compared: int, size: int, problems: Iterable[str]) -> ReadBack:
    """Say how much of the weights was compared.

    Args:
        summary: what was read, in words.
        compared: bytes of the weights that were compared with their source.
        size: bytes of all weights; 0 where there are none in the artefact, or nothing is to be said of them.
        problems: what is wrong.
    """
    if size:
        much = (
            "all their bytes" if compared == size else f"{compared / 1e6:,.0f} of {size / 1e6:,.0f} MB of their bytes"
        )
        summary = f"{summary}, {much}"
    return ReadBack(summary, tuple(problems))


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 node``, ``30 nodes``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"
