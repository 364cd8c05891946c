"""The parser's table: what Lark worked out from the grammar, as plain lists.

`slim.table.json` is made by `build_table` and kept in the tree, so that no run builds the grammar. Where the text of
the grammar is at hand and is not the one the table was made from, the table is made anew in memory; that is the only
time that Lark is loaded. Must not know the tree.
"""

from __future__ import annotations

import json
import os
from typing import TypedDict
from zlib import crc32

_HERE = os.path.dirname(os.path.abspath(__file__))
_COMMITTED = os.path.join(_HERE, "slim.table.json")
# In a wheel the grammar lies inside the package, in a checkout beside it.
_GRAMMARS = (
    os.path.join(_HERE, "slim.lark"),
    os.path.join(os.path.dirname(os.path.dirname(_HERE)), "grammar", "slim.lark"),
)


Rule = tuple[int, int, str, list[int], list[int], int]
"""One rule of the grammar: (symbol, length, builder, kept, counted, deeper).

symbol: the nonterminal that it reduces to. length: how many symbols it replaces. builder: the builder's method; ""
where its one part stands for it, "*" where it gathers a list. kept: the parts that the builder gets: i for part i, -1
for one that was left out, -2-i for the items of the list in part i. counted: the parts whose nesting counts. deeper: 1
where it adds a level of nesting, else 0.
"""


class Stored(TypedDict):
    """The table as JSON holds it.

    A kind is an index into `terminals`, a symbol an index into `nonterminals`. `words` and `marks` are the terminals
    that are plain texts, `patterns` the others with their regular expressions, the most urgent first. A rule has the
    fields of `Rule`. States with equal rows share them: the row of state s is ``action_rows[actions[s]]``, a flat list
    of pairs: kind and action, or symbol and next state. An action is s+1 for a shift to state s and -(r+1) for a
    reduction by rule r. `starts` gives the first and the last state of each start symbol.
    """

    grammar: int
    terminals: list[str]
    words: dict[str, int]
    marks: dict[str, int]
    patterns: list[tuple[int, str]]
    nonterminals: list[str]
    rules: list[Rule]
    action_rows: list[list[int]]
    actions: list[int]
    goto_rows: list[list[int]]
    gotos: list[int]
    starts: dict[str, tuple[int, int]]


class Table:
    """A `Stored` with its rows laid out by state."""

    __slots__ = (
        "actions", "gotos", "grammar", "kinds", "marks", "nonterminals", "patterns", "rules", "starts", "symbols",
        "terminals", "words",
    )  # fmt: skip

    def __init__(self, stored: Stored) -> None:
        self.grammar = stored["grammar"]
        self.terminals = stored["terminals"]
        self.kinds = {name: kind for kind, name in enumerate(self.terminals)}
        self.words = stored["words"]
        self.marks = stored["marks"]
        self.patterns = stored["patterns"]
        self.nonterminals = stored["nonterminals"]
        self.symbols = {name: symbol for symbol, name in enumerate(self.nonterminals)}
        self.rules = stored["rules"]
        action_rows = [dict(zip(row[::2], row[1::2])) for row in stored["action_rows"]]
        goto_rows = [dict(zip(row[::2], row[1::2])) for row in stored["goto_rows"]]
        self.actions = [action_rows[row] for row in stored["actions"]]
        self.gotos = [goto_rows[row] for row in stored["gotos"]]
        self.starts = stored["starts"]


def grammar_record(text: str) -> int:
    """The number by which a table knows the text it was made from; line ends do not matter."""
    return crc32(text.replace("\r\n", "\n").encode())


def grammar_text() -> str | None:
    """The text of the grammar, or None where it was not installed."""
    for path in _GRAMMARS:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError:
            continue
    return None


def load_table() -> Table:
    """The table for the grammar that is there."""
    text = grammar_text()
    try:
        with open(_COMMITTED, encoding="utf-8") as file:
            stored: Stored = json.load(file)
    except OSError:
        if text is None:
            raise
    else:
        if text is None or stored["grammar"] == grammar_record(text):
            return Table(stored)
    # Lark is loaded here and not above: its import takes longer than a whole check.
    from slimdsl.syntax.build_table import build_table  # noqa: PLC0415

    return Table(build_table(text))
