"""What literals stand for: numbers, kernels, and the pieces of strings and scope paths.

Pure text; the expressions in braces are only found here, and parsed by the caller.
"""

from __future__ import annotations

import re

_SUFFIXES = {"K": 10**3, "M": 10**6, "G": 10**9}
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "{": "{", "}": "}"}
_STRING_PIECE = re.compile(r"[^\\{}]+|\\.|\{[^{}]*\}|[{}]")
_SCOPE_PIECE = re.compile(r"[^{}]+|\{[^{}]*\}")


def int_value(text: str) -> int:
    """``140M`` is 140,000,000."""
    factor = _SUFFIXES.get(text[-1])
    return int(text[:-1]) * factor if factor else int(text)


def kernel_sizes(text: str) -> tuple[int, ...]:
    """``3x3`` is (3, 3)."""
    return tuple(int(size) for size in text.split("x"))


class Piece:
    """A part of a string or a path.

    Attributes:
        text: the characters it stands for; "" for an expression.
        start: offset of its first character; of an expression, without the brace.
        end: one past its last character; of an expression, without the brace.
        expression: whether it is an expression.
        problem: what is wrong with it, or "".
    """

    __slots__ = ("end", "expression", "problem", "start", "text")

    def __init__(self, text: str, start: int, end: int, *, expression: bool = False, problem: str = "") -> None:
        self.text = text
        self.start = start
        self.end = end
        self.expression = expression
        self.problem = problem


def string_pieces(text: str, start: int) -> list[Piece]:
    """The pieces of a string, given without its quotes; `start` is the offset of the text."""
    pieces = []
    for match in _STRING_PIECE.finditer(text):
        first, last, piece = start + match.start(), start + match.end(), match.group()
        if piece[0] == "\\":
            known = _ESCAPES.get(piece[1])
            problem = "" if known else f"`{piece}` is no escape"
            pieces.append(Piece(known or "", first, last, problem=problem))
        elif piece[0] == "{" and len(piece) > 1:
            pieces.append(_expression(piece, first, last))
        elif piece in ("{", "}"):
            other = "}" if piece == "{" else "{"
            pieces.append(Piece("", first, last, problem=f"`{piece}` without its `{other}`"))
        else:
            pieces.append(Piece(piece, first, last))
    return pieces


def scope_pieces(text: str, start: int) -> list[Piece]:
    """The pieces of the path after `as`; `start` is the offset of the text."""
    pieces = []
    for match in _SCOPE_PIECE.finditer(text):
        first, last, piece = start + match.start(), start + match.end(), match.group()
        pieces.append(_expression(piece, first, last) if piece[0] == "{" else Piece(piece, first, last))
    return pieces


def _expression(piece: str, first: int, last: int) -> Piece:
    if piece[1:-1].strip():
        return Piece("", first + 1, last - 1, expression=True)
    return Piece("", first, last, problem="there is no expression between the braces")
