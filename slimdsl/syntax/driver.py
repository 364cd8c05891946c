"""The LALR machine: runs the table over tokens and calls the builder; on an error it drops a statement and goes on.

Recovery is panic mode on statements. The stack is cut back to the innermost place where a statement (or an item) may
stand, the tokens up to the statement's end are skipped, and the statement counts as read. Bodies among the skipped
tokens are parsed on their own afterwards, for their errors. Nothing here recurses, however deep the text is. Must not
know what the rules mean, nor word any message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from slimdsl.diagnostics.source import Source, Span
from slimdsl.syntax.lexer import Token
from slimdsl.syntax.table import Table

MAX_NESTING = 100

Builder = Callable[..., object]


class Listener(Protocol):
    """Who hears of errors."""

    def trouble(self, machine: Machine, first: int, resumed: int) -> bool:
        """Note that the machine cannot go on at its `index`; tokens from `first` up to `resumed` are dropped.

        Returns:
            False where the parse should end here.
        """
        ...


class Machine:
    """One parse of one sequence of tokens.

    Attributes:
        table: the automaton.
        source: the text.
        tokens: what `layout` made; the last one is the end.
        index: the token that comes next.
        states: the stack of states.
        values: what each of them has read: a token, a node or a list; None for the first and for what was dropped.
        firsts: the index of the first token of each.
        depths: the nesting of each.
        last_state: the state in which the text may end.
        too_deep: True where the text fits the grammar and is nested too deep.
        bodies: bodies that were skipped with the statement around them, with their start symbols.
        stopped: True where the listener has heard enough.
    """

    __slots__ = (
        "_builders", "bodies", "depths", "firsts", "index", "last_state", "source", "states", "stopped", "table",
        "tokens", "too_deep", "values",
    )  # fmt: skip

    def __init__(self, table: Table, builders: Mapping[str, Builder], source: Source, tokens: list[Token]) -> None:
        self.table = table
        self.source = source
        self.tokens = tokens
        self.index = 0
        self.states: list[int] = []
        self.values: list[object] = [None]
        self.firsts = [0]
        self.depths = [0]
        self.last_state = -1
        self.too_deep = False
        self.stopped = False
        self.bodies: list[tuple[list[Token], str]] = []
        self._builders = builders

    def run(self, start: str, listener: Listener) -> object | None:
        """Parse.

        Returns:
            What the builder made of the start symbol, where None stands for each statement that was dropped; None where
            there is no telling what the rest of the text is.
        """
        first_state, self.last_state = self.table.starts[start]
        actions, gotos, rules = self.table.actions, self.table.gotos, self.table.rules
        end_kind = self.table.kinds["$END"]
        tokens, values, firsts, depths = self.tokens, self.values, self.firsts, self.depths
        self.states = states = [first_state]
        recovered = -1
        while True:
            token = tokens[self.index]
            action = actions[states[-1]].get(token.kind, 0)
            if action > 0:
                states.append(action - 1)
                values.append(token)
                firsts.append(self.index)
                depths.append(0)
                self.index += 1
            elif action < 0 and not rules[-action - 1][2] and rules[-action - 1][1] == 1:
                # The shortest way for what is most frequent: one symbol counts as another.
                states[-1] = gotos[states[-2]][rules[-action - 1][0]]
            elif action == 0 or not self._reduce(-action - 1):
                if not self._recover(listener) or self.index == recovered:
                    return None
                recovered = self.index
            if token.kind == end_kind and states[-1] == self.last_state:
                return values[-1]

    def _reduce(self, number: int) -> bool:
        """Replace the topmost symbols by what the rule makes of them; False where that is nested too deep."""
        symbol, length, builder, kept, counted, deeper = self.table.rules[number]
        states, values, firsts, depths = self.states, self.values, self.firsts, self.depths
        base = len(states) - length
        depth = deeper
        for part in counted:
            if depths[base + part] + deeper > depth:  # noqa: PLR1730  # a call to max takes thrice as long
                depth = depths[base + part] + deeper
        if depth > MAX_NESTING:
            self.too_deep = True
            return False
        first = firsts[base] if length else self.index
        value: object
        if not builder:
            value = values[base + kept[0]]
        elif builder == "*":
            value = _parts(values, base, kept)
        else:
            start = self.tokens[first].start
            end = self.tokens[self.index - 1].end if self.index > first else start
            value = self._builders[builder](Span(self.source, start, end), *_parts(values, base, kept))
        del states[base:], values[base:], firsts[base:], depths[base:]
        states.append(self.table.gotos[states[-1]][symbol])
        values.append(value)
        firsts.append(first)
        depths.append(depth)
        return True

    def _recover(self, listener: Listener) -> bool:
        """Drop the innermost statement with the rest of its tokens; False where none can be dropped."""
        self._finish()
        gotos, symbols = self.table.gotos, self.table.symbols
        recoverable = [symbols[name] for name in ("item", "stmt", "train_stmt")]
        for depth in range(len(self.states) - 1, -1, -1):
            row = gotos[self.states[depth]]
            symbol = next((symbol for symbol in recoverable if symbol in row), -1)
            if symbol >= 0:
                break
        else:
            listener.trouble(self, 0, len(self.tokens) - 1)
            return False
        first = self.firsts[depth + 1] if depth + 1 < len(self.states) else self.index
        resumed = self._statement_end(first, top_level=symbol == symbols["item"])
        self.stopped = not listener.trouble(self, first, resumed)
        self.too_deep = False
        complete = len(self.states) == depth + 2 and self.states[-1] == row[symbol]
        if not complete:
            base = depth + 1
            del self.states[base:], self.values[base:], self.firsts[base:], self.depths[base:]
            self.states.append(row[symbol])
            self.values.append(None)
            self.firsts.append(first)
            self.depths.append(0)
        self.index = resumed
        return not self.stopped

    def _finish(self) -> None:
        """Put away bodies and lists that are complete, so that they are not cut with what follows them."""
        while True:
            possible = set(self.table.actions[self.states[-1]].values())
            action = min(possible, default=0)
            if len(possible) != 1 or action >= 0 or self.table.rules[-action - 1][2] not in ("*", "body", "train_body"):
                return
            if not self._reduce(-action - 1):
                return

    def _statement_end(self, first: int, top_level: bool) -> int:
        """The token that ends the statement at hand: a line break, a `}` of what is around it, or the end."""
        tokens, kinds = self.tokens, self.table.kinds
        newline, end, brace, closer = kinds["_NEWLINE"], kinds["$END"], kinds["LBRACE"], kinds["RBRACE"]
        item_starts = {kinds[name] for name in ("USE", "NET", "BLOCK", "TRAIN", "LET", "$END")}
        # Of all items `train` alone has no name, however it is spelt.
        train = tokens[first].kind == kinds["TRAIN"] or (top_level and tokens[first + 1].kind == brace)
        start = "train_body" if train else "body"
        index, depth, opened = self.index, 0, 0
        while tokens[index].kind != end:
            kind, follows = tokens[index].kind, tokens[index + 1].kind
            if kind == brace:
                if not depth:
                    opened = index
                depth += 1
            elif kind == closer and depth:
                depth -= 1
                if not depth and tokens[opened + 1].kind == newline:
                    self.bodies.append(([*tokens[opened : index + 1], tokens[-1]], start))
            elif kind == closer or (
                kind == newline and not depth and follows != brace and (not top_level or follows in item_starts)
            ):
                break
            index += 1
        return index


def _parts(values: list[object], base: int, kept: list[int]) -> list[object]:
    """What a rule keeps of its parts; the list of a left-recursive rule is taken over, not copied."""
    parts: list[object] | None = None
    for part in kept:
        if part >= -1:
            child = values[base + part] if part >= 0 else None
            if parts is None:
                parts = [child]
            else:
                parts.append(child)
        else:
            items = values[base - 2 - part]
            if not isinstance(items, list):
                continue
            if parts is None:
                parts = items
            else:
                parts.extend(items)
    return parts or []


def parse_tokens(
    table: Table,
    builders: Mapping[str, Builder],
    source: Source,
    tokens: list[Token],
    start: str,
    listener: Listener,
) -> object | None:
    """Parse tokens, and the bodies that recovery skipped, each of them once."""
    machine = Machine(table, builders, source, tokens)
    result = machine.run(start, listener)
    waiting = machine.bodies
    while waiting and not machine.stopped:
        body, body_start = waiting.pop()
        machine = Machine(table, builders, source, body)
        machine.run(body_start, listener)
        waiting.extend(machine.bodies)
    return result
