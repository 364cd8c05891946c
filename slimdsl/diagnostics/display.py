"""How the characters of an untrusted text appear in a terminal: what is printed for them, and how wide that is.

A text may hold tabs, characters that take two columns or none, and control characters that would move the cursor, turn
the writing direction or worse; none of the last kind is ever printed as it is. Knows nothing of diagnostics.
"""

from __future__ import annotations

from unicodedata import category, east_asian_width

from slimdsl.values import Value, positional

TAB = "    "
ELLIPSIS = "..."


def visible(text: str) -> str:
    r"""The text with everything that is not printable written as an escape, such as ``\x1b`` or ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return TAB if char == "\t" else _escape(char)


def width(text: str) -> int:
    """Columns that a printable text takes: two for East Asian wide characters, none for combining ones."""
    return len(text) if text.isascii() else sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if category(char) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(char) in ("W", "F") else 1


@positional
class ShownLine(Value):
    """A line as it is printed.

    Attributes:
        text: what is printed.
        first: the index of the first character of the line that is printed.
        columns: the column (from 0) at which each printed character begins, and the one after the last.
    """

    text: str
    first: int
    columns: tuple[int, ...]

    def column(self, index: int) -> int:
        """The column at which character `index` of the line begins; what was cut off is at the ellipsis."""
        if index < self.first:
            return 0
        if index - self.first < len(self.columns):
            return self.columns[index - self.first]
        return width(self.text)


def show_line(line: str, focus: tuple[int, int], limit: int) -> ShownLine:
    """A line as it is printed; of one with more than `limit` characters, the part around the range `focus`."""
    first, last = 0, len(line)
    if last > limit:
        if focus[1] > limit:
            first = max(0, min(focus[0] - limit // 4, last - limit))
        last = min(last, first + limit)
    before = ELLIPSIS if first else ""
    after = ELLIPSIS if last < len(line) else ""
    pieces = [_shown(char) for char in line[first:last]]
    columns = [len(before)]
    for piece in pieces:
        columns.append(columns[-1] + width(piece))
    return ShownLine(before + "".join(pieces) + after, first, tuple(columns))
