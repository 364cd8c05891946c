"""Which line breaks end a statement, and which brackets belong together.

Works on tokens before they are parsed, so that one lost bracket costs one error: a `{` that is never closed gets its
`}` here, a `}` that closes nothing is dropped, and a parenthesis without a partner does not swallow the lines below it.
After this the braces are always balanced. Must not know the grammar's rules.
"""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Diagnostic, Label
from slimdsl.diagnostics.source import Source, Span
from slimdsl.syntax.lexer import MAX_ERRORS, Token
from slimdsl.syntax.table import Table

MAX_BRACKETS = 100
OPEN_BRACE = "this `{` is never closed"
STRAY_BRACE = "this `}` closes nothing"


class Layout:
    """Tokens ready for the parser.

    Attributes:
        tokens: ends with the token of the end of the text.
        unclosed: where `(` and `[` without a partner start.
        stray: where `)` and `]` without a partner start.
    """

    __slots__ = ("stray", "tokens", "unclosed")

    def __init__(self, tokens: list[Token], unclosed: frozenset[int], stray: frozenset[int]) -> None:
        self.tokens = tokens
        self.unclosed = unclosed
        self.stray = stray


class _Brackets:
    """The first pass: finds the partner of every bracket."""

    def __init__(self, source: Source, tokens: list[Token], table: Table, diagnostics: list[Diagnostic]) -> None:
        kinds = table.kinds
        self.source = source
        self.tokens = tokens
        self.diagnostics = diagnostics
        self.newline = kinds["_NEWLINE"]
        self.brace = kinds["LBRACE"]
        self.openers = frozenset({kinds["LPAR"], kinds["LSQB"], self.brace})
        self.partners = {kinds["RPAR"]: kinds["LPAR"], kinds["RSQB"]: kinds["LSQB"], kinds["RBRACE"]: self.brace}
        self.items = frozenset(kinds[name] for name in ("USE", "NET", "BLOCK", "TRAIN"))
        # No expression holds these words, so that they end every parenthesis.
        self.starters = self.items | {
            kinds[name] for name in ("LET", "INPUT", "OUTPUT", "REPEAT", "WITH", "STACK", "HEAD", "ASSERT", "FROM")
        }
        self.stack: list[int] = []
        self.matched: set[int] = set()
        self.dropped: set[int] = set()
        self.closed_before: dict[int, int] = {}
        self.suspects: list[int] = []
        self.too_deep = False

    def match(self) -> None:
        """Fill `matched`, `dropped` and `closed_before` (token -> number of braces that end before it)."""
        tokens, openers, partners = self.tokens, self.openers, self.partners
        for index, token in enumerate(tokens):
            kind = token.kind
            if kind in openers:
                if kind == self.brace:
                    self._leave_parentheses()
                self.stack.append(index)
                if len(self.stack) > MAX_BRACKETS:
                    self.too_deep = True
                    self._report("E0114", f"brackets are nested more than {MAX_BRACKETS} deep", index)
                    return
            elif kind in partners:
                self._close(index, partners[kind])
            elif kind in self.starters and (index == 0 or tokens[index - 1].kind == self.newline):
                self._leave_parentheses()
                if kind in self.items and self.stack and self._column(index) <= self._indent(self.stack[0]):
                    self._close_all(index)
        self._leave_parentheses()
        if self.stack:
            self._close_all(len(tokens))

    def _leave_parentheses(self) -> None:
        while self.stack and self.tokens[self.stack[-1]].kind != self.brace:
            self.stack.pop()

    def _close(self, index: int, wanted: int) -> None:
        if wanted == self.brace:
            self._leave_parentheses()
            if not self.stack:
                self.dropped.add(index)
                self._report("E0106", STRAY_BRACE, index)
                return
            opener = self.stack.pop()
            if self._starts_line(index) and self._column(index) < self._indent(opener):
                self.suspects.append(opener)
            if not self.stack:
                self.suspects.clear()
            self.matched.update((opener, index))
            return
        for depth in range(len(self.stack) - 1, -1, -1):
            kind = self.tokens[self.stack[depth]].kind
            if kind == self.brace:
                return
            if kind == wanted:
                self.matched.update((self.stack[depth], index))
                del self.stack[depth:]
                return

    def _close_all(self, before: int) -> None:
        """One error for all braces that are open; indentation tells which one was forgotten."""
        inner = self.stack[-1]
        blamed = next((opener for opener in self.suspects if opener > inner), inner)
        others = tuple(Label(self._span(i), "not closed either") for i in self.stack if i not in (blamed, inner))
        self.diagnostics.append(
            Diagnostic(code="E0105", message=OPEN_BRACE, span=self._span(blamed), labels=others, help="add a `}`")
        )
        self.closed_before[before] = len(self.stack)
        self.stack.clear()
        self.suspects.clear()

    def _report(self, code: str, message: str, index: int) -> None:
        if len(self.diagnostics) > MAX_ERRORS:
            return
        self.diagnostics.append(Diagnostic(code=code, message=message, span=self._span(index)))

    def _span(self, index: int) -> Span:
        return Span(self.source, self.tokens[index].start, self.tokens[index].end)

    def _starts_line(self, index: int) -> bool:
        return index == 0 or self.tokens[index - 1].kind == self.newline

    def _column(self, index: int) -> int:
        start = self.tokens[index].start
        return start - self.source.text.rfind("\n", 0, start) - 1

    def _indent(self, index: int) -> int:
        text = self.source.text
        first = text.rfind("\n", 0, self.tokens[index].start) + 1
        last = first
        while text[last] in " \t\ufeff":
            last += 1
        return last - first


def lay_out(
    source: Source, raw: list[Token], table: Table, diagnostics: list[Diagnostic], *, final_newline: bool = True
) -> Layout | None:
    """Drop the line breaks that do not matter and balance the braces.

    Args:
        source: the text.
        raw: its tokens with all line breaks.
        table: the table that the kinds are from.
        diagnostics: gets what is wrong.
        final_newline: whether the last line ends a statement even without a line break.

    Returns:
        The tokens for the parser; None where brackets are nested too deep.
    """
    brackets = _Brackets(source, raw, table, diagnostics)
    brackets.match()
    if brackets.too_deep:
        return None
    kinds = table.kinds
    newline, end_kind = kinds["_NEWLINE"], kinds["$END"]
    openers, closers = {kinds["LPAR"], kinds["LSQB"]}, {kinds["RPAR"], kinds["RSQB"]}
    continuing = {kinds["COMMA"], table.marks["->"], newline}
    continued = {table.marks["->"], kinds["ELSE"], newline}
    if not final_newline:
        continued.add(end_kind)
    tokens: list[Token] = []
    unclosed: list[int] = []
    stray: list[int] = []
    depth = 0
    for index, token in enumerate(raw):
        kind = token.kind
        if index in brackets.closed_before:
            _add_closers(tokens, brackets.closed_before[index], kinds)
        if kind == newline:
            follows = raw[index + 1].kind if index + 1 < len(raw) else end_kind
            if depth or not tokens or tokens[-1].kind in continuing or follows in continued:
                continue
        elif kind in openers or kind in closers:
            if index in brackets.matched:
                depth += 1 if kind in openers else -1
            else:
                (unclosed if kind in openers else stray).append(token.start)
        elif index in brackets.dropped:
            continue
        tokens.append(token)
    if len(raw) in brackets.closed_before:
        _add_closers(tokens, brackets.closed_before[len(raw)], kinds)
    end = tokens[-1].end if tokens else 0
    if final_newline and tokens and tokens[-1].kind != newline:
        tokens.append(Token(newline, "", end, end))
    tokens.append(Token(end_kind, "", end, end))
    return Layout(tokens, frozenset(unclosed), frozenset(stray))


def _add_closers(tokens: list[Token], count: int, kinds: dict[str, int]) -> None:
    end = tokens[-1].end if tokens else 0
    tokens.extend(Token(kinds["RBRACE"], "", end, end) for _ in range(count))
    tokens.append(Token(kinds["_NEWLINE"], "", end, end))
