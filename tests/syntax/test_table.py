"""Grammar, table, driver and builder agree with each other and with Lark."""

from __future__ import annotations

import inspect
import io
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lark
import pytest

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.source import Source
from slimdsl.syntax import table as tables
from slimdsl.syntax import tree
from slimdsl.syntax.build_table import build_table, lark_parser, table_json
from slimdsl.syntax.builder import Builder
from slimdsl.syntax.driver import Machine, parse_tokens
from slimdsl.syntax.layout import lay_out
from slimdsl.syntax.lexer import MAX_TOKENS, Lexer, Token
from tests.syntax.support import ROOT, read_cases
from tests.syntax.test_limits import good_texts, mutations

GRAMMAR = (ROOT / "grammar" / "slim.lark").read_text(encoding="utf-8")
TABLE = tables.load_table()
NAMES = {rule[2] for rule in TABLE.rules if rule[2] not in ("", "*")}


def test_the_committed_table_is_that_of_the_grammar() -> None:
    committed = (ROOT / "slimdsl" / "syntax" / "slim.table.json").read_text(encoding="utf-8")
    assert committed == table_json(build_table(GRAMMAR)), "run python -m slimdsl.syntax.build_table"


def test_the_table_does_not_depend_on_the_order_of_hashing() -> None:
    code = (
        "import sys; from slimdsl.syntax import build_table as b, table as t;"
        "sys.stdout.write(b.table_json(b.build_table(t.grammar_text())))"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1


def test_the_grammar_has_no_conflicts() -> None:
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    level = lark.logger.level
    lark.logger.addHandler(handler)
    lark.logger.setLevel(logging.DEBUG)
    try:
        lark_parser(GRAMMAR, lexer="basic", debug=True)
    finally:
        lark.logger.removeHandler(handler)
        lark.logger.setLevel(level)
    assert "onflict" not in log.getvalue()


def test_every_rule_has_its_builder_method_and_the_reverse() -> None:
    methods = {name for name, _ in inspect.getmembers(Builder, inspect.isfunction) if not name.startswith("_")}
    assert methods == NAMES


def test_every_node_is_made_by_the_rule_of_its_name() -> None:
    nodes = {name for name, kind in vars(tree).items() if isinstance(kind, type) and issubclass(kind, tree.Node)}
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in nodes - {"Node", "Comment"}}
    assert snake <= NAMES
    steps = {"version", "params", "train_body", "dims", "stages", "targets", "defaults", "arguments", "sharing"}
    assert snake | steps == NAMES


def test_every_word_of_the_grammar_is_reserved() -> None:
    expected = (
        "use net block train input output let for in if else with repeat stack from head assert as and or not true "
        "false none sharing slim"
    )
    assert set(TABLE.words) == set(expected.split())


def test_an_edited_grammar_is_used_without_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = tmp_path / "slim.lark"
    edited.write_text(GRAMMAR.replace('"repeat"', '"again"'), encoding="utf-8")
    monkeypatch.setattr(tables, "_GRAMMARS", (str(edited),))
    loaded = tables.load_table()
    assert "again" in loaded.words
    assert "repeat" not in loaded.words


def test_the_table_serves_where_no_grammar_was_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_GRAMMARS", ())
    assert tables.load_table().words == TABLE.words


def test_a_missing_table_is_made_from_the_grammar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_COMMITTED", "no such file")
    assert tables.load_table().actions == TABLE.actions


def test_line_ends_of_the_grammar_do_not_matter() -> None:
    assert tables.grammar_record(GRAMMAR.replace("\n", "\r\n")) == TABLE.grammar


def test_parsing_does_not_load_lark() -> None:
    code = (
        "import sys, slimdsl.syntax.parser as parser, slimdsl.diagnostics.source as source;"
        "parser.parse(source.Source('a', 'slim 1')); sys.exit('lark' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


class TokenFeed(lark.lexer.Lexer):
    """A lexer for Lark that hands on the tokens it is given."""

    def __init__(self, _conf: object) -> None:
        pass

    def lex(self, data: Any) -> Iterator[lark.Token]:  # type: ignore[override]  # the form for lexers of one's own
        for token in data:
            yield lark.Token(TABLE.terminals[token.kind], token.text)


LARK = lark_parser(GRAMMAR, lexer=TokenFeed)


class Refusal:
    """Stops the driver at the first error."""

    def trouble(self, machine: Machine, first: int, resumed: int) -> bool:
        raise ValueError


def ours(tokens: list[Token], source: Source) -> object:
    """The derivation by the driver, as nested tuples; None where the text is refused."""

    def builder(name: str) -> Any:
        return lambda _span, *parts: (name, *(part.text if isinstance(part, Token) else part for part in parts))

    try:
        return parse_tokens(TABLE, {name: builder(name) for name in NAMES}, source, tokens, "module", Refusal())
    except ValueError:
        return None


def larks(tokens: list[Token]) -> object:
    """The derivation by Lark."""

    def plain(node: Any) -> object:
        if isinstance(node, lark.Tree):
            return (str(node.data), *(plain(child) for child in node.children))
        return None if node is None else str(node)

    try:
        return plain(LARK.parse(tokens[:-1], start="module"))  # type: ignore[arg-type]  # the feed takes a list
    except lark.exceptions.UnexpectedInput:
        return None


def test_the_driver_and_lark_derive_the_same() -> None:
    lexer = Lexer(TABLE)
    refused = 0
    wrong = [case.text for case in read_cases("errors_*.txt")]
    for text in [*good_texts(), *wrong, *mutations(600)]:
        source = Source("case", text)
        diagnostics: list[Diagnostic] = []
        raw = lexer.scan(source, 0, len(text), MAX_TOKENS, diagnostics)
        lexer.mark_version(raw)
        layout = lay_out(source, raw, TABLE, diagnostics)
        assert layout is not None
        derived = ours(layout.tokens, source)
        assert derived == larks(layout.tokens)
        refused += derived is None
    assert refused > 100
