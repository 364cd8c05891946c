"""Text to tree: the door of this room. Nothing here raises, whatever the text is; nothing here knows what it means."""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Diagnostic, sort_diagnostics
from slimdsl.diagnostics.source import Source, Span
from slimdsl.syntax import tree
from slimdsl.syntax.builder import Builder
from slimdsl.syntax.complaints import complain, line_bounds
from slimdsl.syntax.driver import Machine, parse_tokens
from slimdsl.syntax.layout import OPEN_BRACE, STRAY_BRACE, Layout, lay_out
from slimdsl.syntax.lexer import MAX_ERRORS, MAX_TOKENS, Lexer, Token
from slimdsl.syntax.table import Table, load_table
from slimdsl.values import Value, positional


@positional
class ParseResult(Value):
    """A tree and what is wrong with its text; where there are errors, the statements at fault are not in the tree."""

    module: tree.Module
    diagnostics: tuple[Diagnostic, ...]


def parse(source: Source) -> ParseResult:
    """Parse a file."""
    version: int | None = None
    items: tuple[tree.Item, ...] = ()
    run = _Run(source)
    nul = source.text.find("\0")
    if nul >= 0:
        span = Span(source, nul, nul + 1)
        run.diagnostics.append(Diagnostic(code="E0117", message="this is not a text file: it holds a NUL", span=span))
    else:
        made = run.file()
        if isinstance(made, tuple):
            version, items = made
    module = tree.Module(
        span=Span(source, 0, len(source.text)), version=version, items=items, comments=tuple(run.comments),
        blank_lines=_blank_lines(source),
    )  # fmt: skip
    return ParseResult(module, _cut(run.diagnostics))


def parse_expression(source: Source) -> tuple[tree.Expr | None, tuple[Diagnostic, ...]]:
    """Parse a text that is one expression, such as the value in ``-D name=value``; None where it has errors."""
    run = _Run(source)
    made = run.expression(0, len(source.text), "the end")
    diagnostics = _cut(run.diagnostics)
    return (None if diagnostics else made), diagnostics


def _cut(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """In order, and no more than anyone reads."""
    found = sort_diagnostics(diagnostics)
    if len(found) <= MAX_ERRORS:
        return found
    message = f"stopped after {MAX_ERRORS} errors"
    return (*found[:MAX_ERRORS], Diagnostic(code="E0119", message=message, span=found[MAX_ERRORS].span))


class _Run:
    """One source on its way through lexer, layout, driver and builder, and the diagnostics and comments of all."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []
        self.comments: list[tree.Comment] = []
        self._docs: dict[int, str] = {}
        self._token_count = 0
        self._table, self._lexer = _shared()
        builder = Builder(source, self._docs, self.expression, self.diagnostics)
        self._methods = {rule[2]: getattr(builder, rule[2]) for rule in self._table.rules if rule[2] not in ("", "*")}

    def file(self) -> object | None:
        """The version and the items of a file; None where nothing could be saved."""
        source = self.source
        start = 1 if source.text.startswith("\ufeff") else 0
        raw = self._scan(start, len(source.text), self.comments)
        self._lexer.mark_version(raw)
        self._docs.update(_docs(source, self.comments))
        layout = lay_out(source, raw, self._table, self.diagnostics)
        return self._parse(layout, "module", "the end of the file") if layout else None

    def expression(self, start: int, end: int, end_name: str = "`}`") -> tree.Expr | None:
        """The expression between two offsets."""
        raw = self._scan(start, end)
        layout = lay_out(self.source, raw, self._table, self.diagnostics, final_newline=False)
        made = self._parse(layout, "expr", end_name) if layout else None
        return made if isinstance(made, tree.Node) else None  # type: ignore[return-value]  # the table makes an Expr

    def _scan(self, start: int, end: int, comments: list[tree.Comment] | None = None) -> list[Token]:
        """Tokens; none where the file has too many."""
        limit = MAX_TOKENS - self._token_count
        raw = self._lexer.scan(self.source, start, end, limit, self.diagnostics, comments)
        self._token_count += len(raw)
        return raw

    def _parse(self, layout: Layout, start: str, end_name: str) -> object | None:
        if len(self.diagnostics) > MAX_ERRORS:
            return None
        listener = _Listener(self.diagnostics, layout, end_name)
        return parse_tokens(self._table, self._methods, self.source, layout.tokens, start, listener)


class _Listener:
    """Turns the machine's troubles into diagnostics, one for each mistake."""

    def __init__(self, diagnostics: list[Diagnostic], layout: Layout, end_name: str) -> None:
        self._diagnostics = diagnostics
        self._layout = layout
        self._end_name = end_name

    def trouble(self, machine: Machine, first: int, resumed: int) -> bool:
        """See `driver.Listener`."""
        tokens, index = machine.tokens, machine.index
        begin, end = line_bounds(machine, first)
        # What the lexer or the layout found on this line explains that the rest of it does not fit.
        known = any(
            diagnostic.span and begin <= diagnostic.span.start <= end
            for diagnostic in self._diagnostics
            if diagnostic.message != OPEN_BRACE
        )
        invented = not tokens[index].text and tokens[index].kind == machine.table.kinds["RBRACE"]
        if machine.too_deep or not (known or invented):
            after = tokens[min(resumed + 1, len(tokens) - 1)]
            self._forget_stray_braces(tokens[first].start, after.start)
            self._diagnostics.append(complain(machine, self._layout, first, self._end_name))
        return len(self._diagnostics) <= MAX_ERRORS

    def _forget_stray_braces(self, start: int, end: int) -> None:
        """Statements outside of every net and the `}` that comes after them are one mistake: a `}` too early."""
        self._diagnostics[:] = [
            diagnostic
            for diagnostic in self._diagnostics
            if diagnostic.message != STRAY_BRACE or not (diagnostic.span and start < diagnostic.span.start < end)
        ]


def _docs(source: Source, comments: list[tree.Comment]) -> dict[int, str]:
    """The texts of runs of `##` lines, by the offset of what stands on the line below."""
    runs: dict[int, list[str]] = {}
    for comment in comments:
        if comment.own_line and comment.text.startswith("##"):
            lines = runs.pop(comment.span.start, [])
            lines.append(comment.text[2:].removeprefix(" "))
            runs[_below(source.text, comment.span.end)] = lines
    return {offset: "\n".join(lines) for offset, lines in runs.items()}


def _below(text: str, offset: int) -> int:
    """The offset of the first character that is no blank on the next line; of its end where there is none."""
    position = text.find("\n", offset) + 1
    while position and position < len(text) and text[position] in " \t":
        position += 1
    return position or len(text)


def _blank_lines(source: Source) -> tuple[int, ...]:
    lines = source.text.removeprefix("\ufeff").split("\n")
    return tuple(number for number, line in enumerate(lines[:-1], 1) if not line.strip())


_SHARED: list[tuple[Table, Lexer]] = []


def _shared() -> tuple[Table, Lexer]:
    """Table and lexer, made once in a process."""
    if not _SHARED:
        table = load_table()
        _SHARED.append((table, Lexer(table)))
    return _SHARED[0]
