"""Whatever the text: a result for work in proportion to its length, no exception, and few diagnostics."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimdsl.diagnostics.source import Source
from slimdsl.syntax.lexer import MAX_ERRORS
from slimdsl.syntax.parser import ParseResult, parse, parse_expression
from tests.syntax.support import ROOT, line_of, read_cases
from tests.work import at_most

CALLS = 20_000
CALLS_A_CHARACTER = 200
"""What work a text may be. The dearest, which are nested as deep as may be, are 180 calls a character; most are 10."""

# Each text with what it is worth; "" for a sound text.
EXTREMES = {
    "a sum of 101": ("let x = " + "+".join(["1"] * 101), ""),
    "a sum of 102": ("let x = " + "+".join(["1"] * 102), "1:1 E0114 this is nested more than 100 deep"),
    "a sum of 10,000": ("let x = " + "+".join(["1"] * 10_000), "1:1 E0114 this is nested more than 100 deep"),
    "10,000 signs": ("let x = " + "-" * 10_000 + "1", "1:1 E0114 this is nested more than 100 deep"),
    "10,000 negations": ("let x = " + "not " * 10_000 + "1", "1:1 E0114 this is nested more than 100 deep"),
    "10,000 choices": ("let x = " + "a if b else " * 10_000 + "c", "1:1 E0114 this is nested more than 100 deep"),
    "10,000 powers": ("let x = " + "2 ** " * 10_000 + "c", "1:1 E0114 this is nested more than 100 deep"),
    "10,000 calls": ("let x = f" + "(1)" * 10_000, "1:1 E0114 this is nested more than 100 deep"),
    "10,000 indices": ("let x = f" + "[1]" * 10_000, "1:1 E0114 this is nested more than 100 deep"),
    "99 times else if": ("net f {\nif a { b }" + " else if a { b }" * 99 + "\n}", ""),
    "100 times else if": (
        "net f {\nif a { b }" + " else if a { b }" * 100 + "\n}",
        "2:1 E0114 this is nested more than 100 deep",
    ),
    "5,000 times else if": (
        "net f {\nif a { b }" + " else if a { b }" * 5_000 + "\n}",
        "2:1 E0114 this is nested more than 100 deep",
    ),
    "errors in 10,000 branches on a line": (
        "net f {\n" + "if a { b c } else " * 10_000 + "{ d }\n}",
        (
            "2:1 E0114 this is nested more than 100 deep\n"
            "2:10 E0111 `c` begins a second statement on this line | give it a line of its own"
        ),
    ),
    "10,000 repeats": (
        "net f {\n" + "repeat 2 " * 10_000 + "conv\n}",
        "2:10 E0107 expected a layer or `{`, found `repeat` | put it into braces: `repeat 2 { … }`",
    ),
    "99 braces in a net": ("net f {\n" + "if a {\n" * 99 + "}\n" * 100, ""),
    "100 braces in a net": (
        "net f {\n" + "if a {\n" * 100 + "}\n" * 101,
        "101:6 E0114 brackets are nested more than 100 deep",
    ),
    "10,000 braces, none closed": (
        "net f {\n" + "if a {" * 10_000,
        "2:600 E0114 brackets are nested more than 100 deep",
    ),
    "10,000 parentheses": (
        "let x = " + "(" * 10_000 + "1" + ")" * 10_000,
        "1:109 E0114 brackets are nested more than 100 deep",
    ),
    "an integer of 10,000 digits": (
        "let x = " + "9" * 10_000,
        "1:9 E0103 an integer has at most 18 digits, not 10,000",
    ),
    "a name of a million letters": ("let " + "x" * 1_000_000 + " = 1", ""),
    "a million blanks": (" " * 1_000_000, ""),
    "a million line breaks": ("\n" * 1_000_000, ""),
    "90,000 closing parentheses": (")" * 90_000, "1:1 E0106 this `)` closes nothing"),
    "40,000 commas on lines": (
        ",\n" * 40_000,
        "1:1 E0107 expected `net`, `block`, `train`, `use` or `let`, found `,`",
    ),
    "100,001 tokens": (
        "let x = " + "1 " * 99_998,
        "1:200003 E0115 the file has more than 100,000 tokens | split it with `use`",
    ),
    "300,000 comments": (
        "##\n" * 300_000,
        "100001:3 E0115 the file has more than 100,000 tokens | split it with `use`",
    ),
    "a binary file": ("\x7fELF\0\0\x01\x02 net f {", "1:5 E0117 this is not a text file: it holds a NUL"),
    "a control character": ("let a = \x01 1", "1:9 E0101 the character U+0001 has no meaning here"),
    "a lone carriage return": (
        "let a = 1\rlet b",
        "1:10 E0101 the character U+000D has no meaning here | end lines with a line feed",
    ),
}


def bounded(text: str) -> ParseResult:
    """Parse, for no more work than the length of the text allows."""
    with at_most(CALLS + CALLS_A_CHARACTER * len(text)):
        return parse(Source("case", text))


@pytest.mark.parametrize(("text", "expected"), EXTREMES.values(), ids=EXTREMES.keys())
def test_an_extreme_text_is_worth_exactly_this(text: str, expected: str) -> None:
    assert "\n".join(line_of(d) for d in bounded(text).diagnostics) == expected


@pytest.mark.parametrize(
    "text",
    [
        "net f {\n" + "relu as a{1 1}\n" * 8_000 + "}",
        "$ " * 30_000,
        "}" * 90_000,
        "net f {\n" + "conv(64 3x3)\n" * 8_000 + "}",
        "net f { conv(64 3x3) }\n" * 8_000,
    ],
)
def test_many_errors_are_cut(text: str) -> None:
    found = bounded(text).diagnostics
    assert len(found) == MAX_ERRORS + 1
    assert found[-1].code == "E0119"


def test_trees_of_the_greatest_depth_can_be_compared_and_hashed() -> None:
    text = "net f {\n" + "if a {\n" * 99 + "let x = " + "-" * 100 + "1\n" + "}\n" * 100
    first, second, other = bounded(text), bounded(text), bounded(text.replace("-1", "-2"))
    assert first.diagnostics == ()
    assert first.module == second.module
    assert hash(first.module) == hash(second.module)
    assert first.module != other.module


def good_texts() -> list[str]:
    """The models and all sound cases."""
    models = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "models").rglob("*.slim"))]
    return models + [case.text for case in read_cases("trees_*.txt")]


PIECES = [
    "{", "}", "(", ")", "[", "]", ",", "->", "=", ":", "\n", " as ", " if ", " else ", "net f {\n", "repeat 3 ", '"',
    "{x}", "1..", "3x3", "..", "#", "\0", "\r", "\ufeff", "$", "ö", " in ", "for ", "let ", "0", "-", " not ", "\n\n",
    "train {",
]  # fmt: skip


def mutations(count: int) -> Iterator[str]:
    """Sound texts with a few pieces deleted, doubled, moved or put in."""
    chance = random.Random(20160816)
    texts = good_texts()
    for _ in range(count):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 4)):
            start = chance.randint(0, len(text))
            end = min(len(text), start + chance.choice([0, 1, 1, 2, 5, 40]))
            middle = chance.choice([chance.choice(PIECES), "", text[start:end] * 2])
            text = text[:start] + middle + text[end:]
        yield text


def test_mutated_texts_give_diagnostics_or_a_tree() -> None:
    for text in mutations(1500):
        result = bounded(text)
        assert all(d.span is not None and d.span.end <= len(text) for d in result.diagnostics)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=60).map("".join))
def test_random_texts_give_diagnostics_or_a_tree(text: str) -> None:
    bounded(text)
    parse_expression(Source("case", text))
