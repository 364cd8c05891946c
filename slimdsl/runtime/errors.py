"""What a training cannot be, said before its first step; and what TensorFlow says, as a person would read it."""

from __future__ import annotations

import re

from slimdsl.workers import one_line

_NOISE = re.compile(r"\{\{.*?\}\} *| *\[Op:.*")
"""Names of functions that TensorFlow has made up, and what it ends its messages with."""


class EngineError(Exception):
    """A recipe, a network and a batch do not go together; the message says what, with its numbers."""


def tensorflow_text(error: Exception) -> str:
    """An error of TensorFlow as one line."""
    return _NOISE.sub("", one_line(error)) or type(error).__name__
