"""Make `slim.table.json` from the grammar, by way of Lark: ``python -m slimdsl.syntax.build_table``.

Lark reads the grammar and computes the LALR(1) automaton; here its states and rules become numbers. The only module
that may know Lark, and no run of the compiler needs it while the table is current.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from lark import Lark
from lark.grammar import Rule as LarkRule
from lark.lexer import PatternStr

from slimdsl.syntax.table import Stored, grammar_record, grammar_text

STARTS = ("module", "expr", "body", "train_body")
# Nesting is counted apart for statements and for expressions: a statement counts the bodies in it, an expression all
# its parts. Items stand in nothing, and have at most one statement or expression that is nested.
_NESTING_STATEMENT_PARTS = frozenset({"body", "train_body", "if_stmt", "flow_stmt"})
_ITEM_SUFFIXES = ("_item", "net_alias", "train_setting", "train_directive")
_NESTING_EXPRESSIONS = (
    "list_expr", "tuple_expr", "call_expr", "index_expr", "unary_expr", "binary_expr", "conditional_expr",
    "pipeline_expr", "tuple_pattern",
)  # fmt: skip


def lark_parser(grammar: str, **options: Any) -> Lark:
    """Lark's own parser for the grammar, with every option that the table depends on."""
    return Lark(grammar, parser="lalr", start=list(STARTS), maybe_placeholders=True, **options)


def build_table(grammar: str) -> Stored:
    """Compute the table of a grammar.

    Raises:
        lark.exceptions.GrammarError: the text is not a grammar, or not an LALR(1) one.
    """
    lark: Any = lark_parser(grammar, lexer="basic")
    automaton: Any = lark.parser.parser._parse_table  # noqa: SLF001  # Lark has no other way to it
    terminals = ["$END", *sorted(terminal.name for terminal in lark.terminals)]
    nonterminals = sorted({rule.origin.name for rule in lark.rules})
    kinds = {name: kind for kind, name in enumerate(terminals)}
    symbols = {name: symbol for symbol, name in enumerate(nonterminals)}
    numbers = {rule: number for number, rule in enumerate(lark.rules)}

    order = _state_order(automaton)
    action_rows: list[list[int]] = []
    goto_rows: list[list[int]] = []
    actions, gotos = [], []
    for state in order:
        action_row, goto_row = {}, {}
        for name, (action, argument) in automaton.states[state].items():
            if str(action) != "Shift":
                action_row[kinds[name]] = -numbers[argument] - 1
            elif name in kinds:
                action_row[kinds[name]] = order[argument] + 1
            else:
                goto_row[symbols[name]] = order[argument]
        actions.append(_shared(action_rows, action_row))
        gotos.append(_shared(goto_rows, goto_row))

    plain = {t.pattern.value: kinds[t.name] for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    urgent = sorted(lark.terminals, key=lambda t: (-t.priority, t.name))
    return {
        "grammar": grammar_record(grammar),
        "terminals": terminals,
        "words": {text: kind for text, kind in sorted(plain.items()) if text.isalpha()},
        "marks": {text: kind for text, kind in sorted(plain.items()) if not text.isalpha()},
        "patterns": [(kinds[t.name], t.pattern.value) for t in urgent if not isinstance(t.pattern, PatternStr)],
        "nonterminals": nonterminals,
        "rules": [_stored_rule(rule, symbols[rule.origin.name]) for rule in lark.rules],
        "action_rows": action_rows,
        "actions": actions,
        "goto_rows": goto_rows,
        "gotos": gotos,
        "starts": {name: (order[automaton.start_states[name]], order[automaton.end_states[name]]) for name in STARTS},
    }


def _state_order(automaton: Any) -> dict[int, int]:
    """New numbers for the states, in the order one meets them: Lark's own differ from run to run."""
    found = [automaton.start_states[name] for name in STARTS]
    known = set(found)
    for state in found:
        for _, (action, argument) in sorted(automaton.states[state].items()):
            if str(action) == "Shift" and argument not in known:
                known.add(argument)
                found.append(argument)
    return {state: number for number, state in enumerate(found)}


def _shared(rows: list[list[int]], entries: dict[int, int]) -> int:
    """The index of a row among the rows; added where it is new."""
    row = [number for entry in sorted(entries.items()) for number in entry]
    if row not in rows:
        rows.append(row)
    return rows.index(row)


def _stored_rule(rule: LarkRule, symbol: int) -> tuple[int, int, str, list[int], list[int], int]:
    name = str(rule.alias or rule.origin.name)
    kept = _kept(rule)
    if name.startswith("__"):
        builder = "*"
    elif rule.options.expand1 and not rule.alias:
        if len(kept) != 1 or kept[0] < 0:
            raise ValueError(f"`?{name}` must have exactly one part where no alias is given")
        builder = ""
    else:
        builder = name
    parts = range(len(rule.expansion))
    if builder.endswith(_ITEM_SUFFIXES):
        counted, deeper = [], 0
    elif builder.endswith("_stmt"):
        counted = [i for i in parts if rule.expansion[i].name in _NESTING_STATEMENT_PARTS]
        deeper = int(bool(counted))
    else:
        counted = [i for i in parts if not rule.expansion[i].is_term]
        deeper = int(builder in _NESTING_EXPRESSIONS)
    return symbol, len(rule.expansion), builder, kept, counted, deeper


def _kept(rule: LarkRule) -> list[int]:
    """The parts a builder gets, by Lark's rules: no plain texts, None for what is left out, helper lists spliced."""
    absent = list(rule.options.empty_indices) or [False] * len(rule.expansion)
    kept, part = [], 0
    for missing in absent:
        if missing:
            kept.append(-1)
            continue
        symbol: Any = rule.expansion[part]
        if not symbol.is_term:
            kept.append(-2 - part if symbol.name.startswith("_") else part)
        elif rule.options.keep_all_tokens or not symbol.filter_out:
            kept.append(part)
        part += 1
    return kept


def table_json(stored: Stored) -> str:
    """The text of `slim.table.json`: one entry a line, so that a change is readable."""
    entries = (f"{json.dumps(key)}:{json.dumps(entry, separators=(',', ':'))}" for key, entry in stored.items())
    return "{" + ",\n".join(entries) + "}\n"


def main() -> int:
    """Write the table beside this file."""
    grammar = grammar_text()
    if grammar is None:
        print("grammar/slim.lark is not there", file=sys.stderr)
        return 1
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slim.table.json")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(table_json(build_table(grammar)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
