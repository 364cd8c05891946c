"""Text to tokens: one regular expression made of the table's terminals, and a word to the user about what fits none.

Comments are collected beside the tokens. A malformed token is reported and replaced by a sound one, so that the parser
does not complain a second time. Must not know the grammar's rules; which line breaks matter is `layout`'s business.
"""

from __future__ import annotations

import re

from slimdsl.diagnostics.diagnostic import Diagnostic, Edit
from slimdsl.diagnostics.source import Source, Span
from slimdsl.syntax.table import Table
from slimdsl.syntax.tree import Comment

MAX_TOKENS = 100_000
MAX_DIGITS = 18
MAX_WINDOW = 99_999
MAX_WINDOW_AXES = 3
# A file that is not of this language at all is not worth a thousand complaints.
MAX_ERRORS = 50

_BAD_NUMBER = r"[0-9][A-Za-z0-9_]*(?:\.[0-9][A-Za-z0-9_]*)*"
_BAD_STRING = r"\"[^\n]*|'(?:[^'\n]*')?"
_REPLACEMENTS = {
    "\N{RIGHTWARDS ARROW}": "->", "\N{MULTIPLICATION SIGN}": "x", "\N{EN DASH}": "-", "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-", "\N{LEFT DOUBLE QUOTATION MARK}": '"', "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{DOUBLE LOW-9 QUOTATION MARK}": '"', "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{NOT EQUAL TO}": "!=", "\N{HORIZONTAL ELLIPSIS}": "..", "\N{NO-BREAK SPACE}": " ", "&": "and", "|": "or",
    "!": "not", "^": "**",
}  # fmt: skip
_HINTS = {
    ";": "a statement ends with its line",
    "@": "there are no decorators",
    "\\": "a line goes on after `,` and `->`, and inside brackets",
    ".": "a float has a digit on both sides of its point: `0.5`",
    "\r": "end lines with a line feed",
}


class Token:
    """A piece of the text: its kind (an index into the table's terminals), its text and its place."""

    __slots__ = ("end", "kind", "start", "text")

    def __init__(self, kind: int, text: str, start: int, end: int) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end


class Lexer:
    """The tokens of the language."""

    __slots__ = ("_digits", "_kinds", "_master", "_plain")

    def __init__(self, table: Table) -> None:
        kinds = table.kinds
        patterns = {table.terminals[kind]: pattern for kind, pattern in table.patterns}
        # `as` (or `sharing`) and its scope are one match: only there do these characters mean a path. Malformed tokens
        # come after the sound ones, and what nothing fits comes last.
        scope = rf"(?:as|sharing)(?:[ \t]+|(?=[/{{]))(?P<SCOPE>{patterns.pop('SCOPE')})"
        marks = "|".join(re.escape(mark) for mark in sorted(table.marks, key=len, reverse=True))
        sound = "|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items())
        self._master = re.compile(
            rf"{scope}|{sound}|(?P<MARK>{marks})|(?P<BAD_NUMBER>{_BAD_NUMBER})|(?P<BAD_STRING>{_BAD_STRING})"
            r"|(?P<BAD>[^\x00-\x7f]+|[^\n])"
        )
        self._plain = {**table.words, **table.marks}
        # Only `mark_version` makes this word more than a name.
        self._plain.pop("slim", None)
        self._kinds = kinds
        self._digits = frozenset({kinds["INT"], kinds["FLOAT"], kinds["KERNEL"]})

    def scan(
        self,
        source: Source,
        start: int,
        end: int,
        limit: int,
        diagnostics: list[Diagnostic],
        comments: list[Comment] | None = None,
    ) -> list[Token]:
        """The tokens between two offsets, line breaks included.

        Args:
            source: the text.
            start: the first character.
            end: one past the last character.
            limit: how many tokens there may be, of the `MAX_TOKENS` of a file.
            diagnostics: gets what is wrong; once it holds more than `MAX_ERRORS`, the rest of the text is left out.
            comments: gets the comments, where it is given.

        Returns:
            The tokens; none where there are too many.
        """
        kinds, plain, digits = self._kinds, self._plain, self._digits
        name_kind = kinds["NAME"]
        tokens: list[Token] = []
        for match in self._master.finditer(source.text, start, end):
            group = match.lastgroup
            first, last = match.span()
            if group == "BLANK":
                continue
            text = match.group()
            if group == "NAME":
                tokens.append(Token(plain.get(text, name_kind), text, first, last))
            elif group == "MARK":
                tokens.append(Token(plain[text], text, first, last))
            elif group == "SCOPE":
                word = "as" if text.startswith("as") else "sharing"
                tokens.append(Token(plain[word], word, first, first + len(word)))
                tokens.append(Token(kinds["SCOPE"], match.group("SCOPE"), match.start("SCOPE"), last))
            elif group == "COMMENT":
                if comments is not None:
                    comments.append(_comment(source, first, last))
            elif group in kinds:
                token = Token(kinds[group], text, first, last)
                if token.kind in digits:
                    _check_number(source, token, diagnostics)
                tokens.append(token)
            else:
                self._bad(source, group or "", first, last, tokens, diagnostics)
                if len(diagnostics) > MAX_ERRORS:
                    break
            if len(tokens) > limit:
                span = Span(source, first, last)
                message = f"the file has more than {MAX_TOKENS:,} tokens"
                diagnostics.append(Diagnostic(code="E0115", message=message, span=span, help="split it with `use`"))
                return []
        return tokens

    def mark_version(self, tokens: list[Token]) -> None:
        """Make the `slim` at the beginning of a file the word that it is there."""
        first = next((token for token in tokens if token.kind != self._kinds["_NEWLINE"]), None)
        if first is not None and first.text == "slim" and first.kind == self._kinds["NAME"]:
            first.kind = self._kinds["SLIM"]

    def _bad(
        self, source: Source, group: str, first: int, last: int, tokens: list[Token], diagnostics: list[Diagnostic]
    ) -> None:
        text = source.text[first:last]
        if group == "BAD_NUMBER":
            tokens.append(Token(self._kinds["INT"], "0", first, last))
            diagnostics.append(_bad_number(Span(source, first, last), text))
        elif group == "BAD_STRING":
            last -= len(text) - len(text.rstrip("\r"))
            tokens.append(Token(self._kinds["STRING"], '""', first, last))
            diagnostics.append(_bad_string(Span(source, first, last), text.rstrip("\r")))
        else:
            previous = diagnostics[-1].span if diagnostics and diagnostics[-1].code == "E0101" else None
            if previous is None or previous.end != first:
                diagnostics.append(_bad_character(source, first, last))
            else:
                # A run of bad characters is one mistake.
                diagnostics[-1] = _bad_character(source, previous.start, last)


def _comment(source: Source, first: int, last: int) -> Comment:
    before = source.text[source.text.rfind("\n", 0, first) + 1 : first]
    text = source.text[first:last].rstrip()
    return Comment(text=text, own_line=not before.strip(" \t\ufeff"), span=Span(source, first, first + len(text)))


def _check_number(source: Source, token: Token, diagnostics: list[Diagnostic]) -> None:
    """Report a number that is sound in form and too large, and make it a small one."""
    text, span = token.text, Span(source, token.start, token.end)
    message = ""
    if "x" in text:
        sizes = text.split("x")
        if len(sizes) > MAX_WINDOW_AXES:
            message = f"a kernel has at most {MAX_WINDOW_AXES} axes, not {len(sizes)}"
        elif any(len(size) > len(str(MAX_WINDOW)) for size in sizes):
            message = f"a kernel's sizes are at most {MAX_WINDOW:,}"
        token.text = "1x1" if message else text
    elif "." in text or "e" in text or "E" in text:
        if float(text) == float("inf"):
            message = "the number is too large for a float"
            token.text = "1.0"
    elif len(text.rstrip("KMG")) > MAX_DIGITS:
        message = f"an integer has at most {MAX_DIGITS} digits, not {len(text.rstrip('KMG')):,}"
        token.text = "1"
    if message:
        diagnostics.append(Diagnostic(code="E0103", message=message, span=span))


def _bad_number(span: Span, text: str) -> Diagnostic:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    if "_" in text and text.replace("_", "").isdigit():
        plain = text.replace("_", "")
        return Diagnostic(
            code="E0103", message=f"`{shown}` is not a number", span=span, help=f"write `{plain}`",
            fix=(Edit(span, plain),),
        )  # fmt: skip
    hint = ""
    if text[-1:] in "KMG" and "." in text:
        hint = "K, M and G follow an integer: `1500K`"
    elif text[-1:].lower() in "kmg" and text[:-1].isdigit():
        hint = f"write `{text[:-1]}{text[-1].upper()}`"
    elif text[:2] in ("0x", "0b", "0o"):
        hint = "numbers are decimal"
    elif text[-1:] == "x" or "X" in text:
        hint = "a kernel is written `3x3`"
    elif text.count(".") > 1:
        hint = "a number has one point at most"
    elif not text[-1:].isdigit():
        hint = "a name begins with a letter"
    return Diagnostic(code="E0103", message=f"`{shown}` is not a number", span=span, help=hint)


def _bad_string(span: Span, text: str) -> Diagnostic:
    if text[0] == "'":
        return Diagnostic(code="E0102", message="a string stands in double quotes", span=span, help='write `"…"`')
    return Diagnostic(code="E0102", message="the string is not closed on its line", span=span, help='end it with `"`')


def _bad_character(source: Source, first: int, last: int) -> Diagnostic:
    span = Span(source, first, last)
    character = source.text[first]
    if last - first > 1:
        shown = source.text[first:last] if last - first <= 20 else f"{source.text[first : first + 20]}…"
        what = f"`{shown}` has no meaning here" if shown.isprintable() else f"{last - first} bytes that are no text"
    elif character.isprintable():
        what = f"`{character}` has no meaning here"
    else:
        what = f"the character U+{ord(character):04X} has no meaning here"
    if last - first == 1 and character in _REPLACEMENTS:
        text = _REPLACEMENTS[character]
        shown = f"`{text}`" if text.strip() else "a blank"
        return Diagnostic(code="E0101", message=what, span=span, help=f"write {shown}", fix=(Edit(span, text),))
    hint = _HINTS.get(character, "")
    if not hint and all(c.isalpha() for c in source.text[first:last]):
        hint = "names consist of the letters a to z, digits and `_`"
    return Diagnostic(code="E0101", message=what, span=span, help=hint)
