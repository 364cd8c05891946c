"""What a training cannot be, said before its first step."""

from __future__ import annotations


class EngineError(Exception):
    """A recipe, a network and a batch do not go together; the message says what, with its numbers."""
