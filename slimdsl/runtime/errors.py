"""What a training cannot be, said before its first step; and what TensorFlow says, as a person would read it."""

from __future__ import annotations

import re

_LONGEST = 500

_NOISE = re.compile(r"\{\{.*?\}\} *| *\[Op:.*")
"""Names of functions that TensorFlow has made up, and what it ends its messages with."""

_PLACE = re.compile(r'File ".*", line \d+|Detected at node |Graph execution error')
"""Of a line that comes before the error itself."""


class EngineError(Exception):
    """A recipe, a network and a batch do not go together; the message says what, with its numbers."""


def tensorflow_text(error: Exception) -> str:
    """An error of TensorFlow as one line: the first that says something, behind the places where a node was defined."""
    lines = [line.strip() for line in str(error).splitlines()]
    behind = max((number for number, line in enumerate(lines, 1) if _PLACE.match(line)), default=0)
    said = next((line for line in lines[behind:] if line), "")[:_LONGEST].rstrip(".")
    return _NOISE.sub("", said) or type(error).__name__
