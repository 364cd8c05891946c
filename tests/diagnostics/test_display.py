"""What is printed for the characters of a text, and how wide it is."""

from __future__ import annotations

import pytest

from slimdsl.diagnostics.display import show_line, visible, width


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ü 全", "plain ü 全"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\u202e\u2066\ufeff\u200b", r"\u202e\u2066\ufeff\u200b"),
        ("\xa0\u3000", r"\xa0\u3000"),
        ("\ud800\x9b", r"\ud800\x9b"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, expected: str) -> None:
    assert visible(text) == expected


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("全角", 4), ("e\u0301", 1), ("\uff21", 2), ("", 0)])
def test_width_counts_columns_of_a_terminal(text: str, columns: int) -> None:
    assert width(text) == columns


def test_a_line_within_the_limit_is_shown_whole() -> None:
    shown = show_line("a\tb全c", (0, 1), 10)
    assert shown.text == "a    b全c"
    assert [shown.column(index) for index in range(6)] == [0, 1, 5, 6, 8, 9]


@pytest.mark.parametrize("start", [0, 5, 50, 500, 990])
def test_a_long_line_is_cropped_around_the_focus(start: int) -> None:
    line = "".join(chr(ord("a") + index % 26) for index in range(1000))
    shown = show_line(line, (start, start + 5), 40)
    column = shown.column(start)
    assert shown.text[column : column + 5] == line[start : start + 5]
    assert len(shown.text) <= 40 + 2 * len("...")
