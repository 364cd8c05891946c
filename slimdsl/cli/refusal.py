"""What ends a command with exit code 2: it was used in a way that makes no sense, or a file is not there."""

from __future__ import annotations


class Refusal(Exception):
    """The command cannot be carried out as given; the message is one sentence without a full stop."""


class Unreadable(Refusal):
    """A file or a folder cannot be read."""


def unreadable(path: str, error: OSError) -> Unreadable:
    """The refusal of a file or a folder that cannot be read."""
    return Unreadable(f"cannot read `{path}`: {reason(error)}")


def reason(error: OSError) -> str:
    """Why a file cannot be used, in small letters: ``no such file or directory``."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]
