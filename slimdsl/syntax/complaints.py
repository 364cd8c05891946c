"""What to say where the text does not fit the grammar: the usual slips by name, and otherwise what was expected.

Every check looks at one `Scene` and answers with a diagnostic or None; the first answer counts. Must not change the
machine, nor decide how parsing goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from slimdsl.diagnostics.diagnostic import Diagnostic, Edit, Label
from slimdsl.diagnostics.source import Span
from slimdsl.diagnostics.suggest import nearest
from slimdsl.syntax.driver import MAX_NESTING, Machine
from slimdsl.syntax.expectation import acceptable, described
from slimdsl.syntax.layout import Layout
from slimdsl.syntax.lexer import Token

_ITEM_WORDS = ("net", "block", "train", "use")
_STATEMENT_WORDS = (
    "input", "let", "for", "if", "with", "repeat", "stack", "from", "head", "assert", "output",
)  # fmt: skip
_FOREIGN = {
    "elif": "else if", "elseif": "else if", "import": "use", "include": "use", "return": "output", "while": "for",
    "foreach": "for", "def": "let", "fn": "let", "func": "let", "function": "let", "var": "let", "const": "let",
    "set": "let", "of": "in", "model": "net", "network": "net", "class": "block", "module": "block",
}  # fmt: skip
_VALUES = ("true", "false", "none", "not")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in")


class Scene:
    """The place of an error, as the checks see it.

    Attributes:
        machine: the machine that cannot go on.
        layout: the tokens, with what is known of their brackets.
        token: the token that does not fit; `before` and `after` are its neighbours.
        first: the first token of the statement.
        at_start: True where the token is the statement's first.
        expected: what would fit: texts of words and marks, names of other terminals.
        items: True where what is dropped is an item.
        end_name: what the end of the text is called.
    """

    __slots__ = (
        "after", "at_start", "before", "end_name", "expected", "first", "items", "layout", "machine", "second", "token",
        "words",
    )  # fmt: skip

    def __init__(self, machine: Machine, layout: Layout, first: int, end_name: str) -> None:
        tokens, index = machine.tokens, machine.index
        self.machine = machine
        self.layout = layout
        self.token = tokens[index]
        self.before = tokens[index - 1] if index else tokens[index]
        self.after = tokens[index + 1] if index + 1 < len(tokens) else tokens[index]
        self.first = tokens[first]
        self.second = index == first + 1
        self.at_start = index == first
        self.expected = acceptable(machine)
        self.items = self.at_start and "net" in self.expected
        self.words = machine.table.words
        self.end_name = end_name

    def is_name(self, token: Token) -> bool:
        """Whether a token is a name."""
        return token.kind == self.machine.table.kinds["NAME"]

    def is_word(self, token: Token) -> bool:
        """Whether a token is a reserved word."""
        return self.words.get(token.text) == token.kind

    def is_kind(self, token: Token, *names: str) -> bool:
        """Whether a token is one of these terminals."""
        return any(token.kind == self.machine.table.kinds[name] for name in names)

    def span(self, token: Token) -> Span:
        """The place of a token; the end of a line is the place behind its last token."""
        if self.is_kind(token, "_NEWLINE", "$END"):
            return Span(self.machine.source, self.before.end, self.before.end)
        return Span(self.machine.source, token.start, token.end)

    def on_new_line(self) -> bool:
        """Whether a line break, one that does not matter, stands before the token."""
        return "\n" in self.machine.source.text[self.before.end : self.token.start]

    def found(self) -> str:
        """The token in the user's words."""
        if self.is_kind(self.token, "$END"):
            return self.end_name
        if self.is_kind(self.token, "_NEWLINE"):
            return "the end of the line"
        text = self.token.text
        if self.is_kind(self.token, "STRING"):
            return "a string"
        return f"`{text}`" if len(text) <= 40 else f"`{text[:40]}…`"

    def described(self) -> str:
        """What is expected, in the user's words."""
        return described(self.expected, self.before.text, self.end_name)

    def error(
        self, code: str, message: str, *, at: Token | None = None, help: str = "", insert: str = "", replace: str = ""
    ) -> Diagnostic:
        """A diagnostic at a token, with the text that would put it right before it or in its place."""
        span = self.span(at or self.token)
        fix: tuple[Edit, ...] = ()
        if insert:
            fix = (Edit(Span(span.source, span.start, span.start), insert),)
        elif replace:
            fix = (Edit(span, replace),)
        return Diagnostic(code=code, message=message, span=span, help=help, fix=fix)


def complain(machine: Machine, layout: Layout, first: int, end_name: str) -> Diagnostic:
    """The diagnostic for a machine that cannot go on with the statement that begins at token `first`."""
    scene = Scene(machine, layout, first, end_name)
    if machine.too_deep:
        return scene.error("E0114", f"this is nested more than {MAX_NESTING} deep", at=scene.first)
    for check in _CHECKS:
        diagnostic = check(scene)
        if diagnostic is not None:
            return diagnostic
    return _general(scene)


def line_bounds(machine: Machine, first: int) -> tuple[int, int]:
    """Where the line of statements that the machine is on begins in the text, and where the line of its token ends."""
    text = machine.source.text
    start = machine.tokens[_line_start(machine, first)].start
    end = text.find("\n", machine.tokens[machine.index].start)
    return text.rfind("\n", 0, start) + 1, len(text) if end < 0 else end


def _line_start(machine: Machine, first: int) -> int:
    kinds = machine.table.kinds
    bounds = (kinds["_NEWLINE"], kinds["LBRACE"], kinds["RBRACE"])
    index = machine.index
    while index > first and machine.tokens[index - 1].kind not in bounds:
        index -= 1
    return index


def _unclosed(scene: Scene) -> Diagnostic | None:
    machine = scene.machine
    for index in range(machine.index - 1, _line_start(machine, 0) - 1, -1):
        token = machine.tokens[index]
        if token.start in scene.layout.unclosed:
            here: tuple[Label, ...] = ()
            if not scene.is_kind(scene.token, "_NEWLINE", "$END"):
                here = (Label(scene.span(scene.token), f"{scene.found()} does not fit into it"),)
            message = f"this `{token.text}` is never closed"
            return Diagnostic(code="E0105", message=message, span=scene.span(token), labels=here)
    return None


def _stray(scene: Scene) -> Diagnostic | None:
    if scene.token.start in scene.layout.stray and not scene.is_kind(scene.token, "_NEWLINE", "$END"):
        return scene.error("E0106", f"this `{scene.token.text}` closes nothing")
    return None


def _misspelt(scene: Scene) -> Diagnostic | None:
    if scene.is_name(scene.token):
        expected = [word for word in scene.expected if word.isalpha() and word.islower()]
        found = _near(scene.token.text, expected)
        if found:
            return _unknown_word(scene, scene.token, found)
    follows_word = scene.second or scene.before.text == ")"
    if scene.is_name(scene.first) and not scene.at_start and follows_word:
        words = ("let",) if scene.token.text == "=" else _STATEMENT_WORDS
        found = _near(scene.first.text, words)
        if found:
            return _unknown_word(scene, scene.first, found)
    return None


def _near(text: str, words: tuple[str, ...] | list[str]) -> str:
    """The word that a misspelt one is meant to be. Two letters say too little, unless they are swapped."""
    foreign = _FOREIGN.get(text)
    if foreign and foreign.split()[0] in words:
        return foreign
    if len(text) == 2:
        return text[::-1] if text[::-1] in words else ""
    found = nearest(text, [word for word in words if len(word) > 2]) if len(text) > 2 else []
    return found[0] if found else ""


def _unknown_word(scene: Scene, token: Token, found: str) -> Diagnostic:
    return scene.error(
        "E0108", f"`{token.text}` is no word of the language", at=token, help=f"did you mean `{found}`?", replace=found
    )


def _misplaced(scene: Scene) -> Diagnostic | None:
    if not scene.at_start:
        return None
    text = scene.token.text
    if scene.items and scene.is_name(scene.token) and text == "slim":
        return scene.error("E0113", "`slim` and its version stand on the first line of the file, once")
    if scene.items and (scene.is_name(scene.token) or text in _STATEMENT_WORDS):
        return scene.error(
            "E0113", f"`{text}` stands outside of every `net` and `block`", help="put it into the braces of one"
        )
    if text == "else":
        return scene.error("E0113", "`else` without an `if` before it")
    if text in _ITEM_WORDS and scene.is_word(scene.token):
        return scene.error("E0113", f"`{text}` stands inside braces", help=f"a `{text}` stands at the top of a file")
    if text in _STATEMENT_WORDS and scene.is_word(scene.token) and "input" in scene.expected:
        message = f"`{text}` cannot stand in `train`"
        return scene.error("E0113", message, help="it holds inputs, directives and settings")
    return None


def _marks(scene: Scene) -> Diagnostic | None:
    text = scene.token.text
    if scene.first.text == "with" and ":" in scene.expected and not scene.is_kind(scene.token, "_NEWLINE", "$END"):
        if text == "=":
            return scene.error("E0112", "`with` has a colon after its layers, not `=`", replace=":", help="write `:`")
        if scene.is_name(scene.token) and scene.after.text == "=":
            return scene.error("E0112", "`with` has a colon after its layers", insert=": ", help="write `:` here")
    if text == ":" and scene.is_name(scene.before) and "," in scene.expected:
        return scene.error(
            "E0112", "an argument is given with `=`, not `:`", replace="=", help=f"write `{scene.before.text}=…`"
        )
    if text == "==" and "=" in scene.expected:
        return scene.error("E0112", "`==` compares; here stands `=`", replace="=", help="write `=`")
    if text == "=" and scene.is_name(scene.first) and (scene.second or scene.before.text == ")"):
        return scene.error(
            "E0112", "a name is given to a value with `let`", at=scene.first, insert="let ",
            help=f"write `let {scene.first.text} = …`" if scene.second else "write `let` before this",
        )  # fmt: skip
    if text == "=" and "==" in scene.expected | _operators(scene):
        return scene.error("E0112", "`=` does not compare", replace="==", help="write `==`")
    return None


def _operators(scene: Scene) -> set[str]:
    """The comparisons, where the parser has already put the operand before the token away as a whole value."""
    return {"=="} if scene.first.text in ("if", "assert") else set()


def _chain(scene: Scene) -> Diagnostic | None:
    values, text = scene.machine.values, scene.token.text
    operator = values[-2] if len(values) > 2 else None
    if isinstance(operator, Token) and operator.text in _COMPARISONS and text in _COMPARISONS:
        return scene.error("E0118", "comparisons do not chain", help="join two of them with `and`")
    if isinstance(operator, Token) and operator.text == text == "..":
        return scene.error("E0118", "ranges do not chain")
    return None


def _missing_comma(scene: Scene) -> Diagnostic | None:
    starts_value = scene.is_kind(scene.token, "NAME", "INT", "FLOAT", "KERNEL", "STRING", "LBRACE") or (
        scene.token.text in _VALUES and scene.is_word(scene.token)
    )
    if "," in scene.expected and starts_value and scene.token.text != "{":
        place = Span(scene.machine.source, scene.before.end, scene.before.end)
        return Diagnostic(
            code="E0109", message=f"a comma is missing before {scene.found()}", span=scene.span(scene.token),
            fix=(Edit(place, ","),),
        )  # fmt: skip
    return None


def _reserved(scene: Scene) -> Diagnostic | None:
    if scene.at_start or not scene.is_word(scene.token) or "NAME" not in scene.expected or scene.on_new_line():
        return None
    if "{" in scene.expected:
        return None
    text = scene.token.text
    if text == "if" and "INT" in scene.expected:
        return scene.error(
            "E0107", f"expected {scene.described()}, found `if`",
            help="a choice between values is written `a if condition else b`",
        )  # fmt: skip
    return scene.error("E0110", f"`{text}` is a reserved word and cannot be a name", help=f"such as `{text}_`")


def _same_line(scene: Scene) -> Diagnostic | None:
    starts = scene.is_name(scene.token) or scene.token.text in _STATEMENT_WORDS or scene.token.text in _ITEM_WORDS
    if starts and "_NEWLINE" in scene.expected:
        return scene.error(
            "E0111", f"{scene.found()} begins a second statement on this line", help="give it a line of its own"
        )
    return None


def _general(scene: Scene) -> Diagnostic:
    message = f"expected {scene.described()}, found {scene.found()}"
    return scene.error("E0107", message, help=_general_help(scene))


def _general_help(scene: Scene) -> str:
    glued = scene.is_kind(scene.before, "SCOPE") and "{" in scene.before.text
    if "{" in scene.expected and glued:
        return "a `{` directly after a scope belongs to it; put a blank before it"
    if "{" in scene.expected and scene.is_kind(scene.token, "_NEWLINE") and scene.after.text == "{":
        return "the `{` stands at the end of the line"
    if scene.first.text == "repeat" and scene.is_kind(scene.before, "SCOPE"):
        return "the scope follows the layer: `repeat 3 conv(64, 3x3) as conv1`"
    if scene.first.text == "repeat" and scene.token.text == "repeat":
        return "put it into braces: `repeat 2 { … }`"
    if scene.token.text == "for" and scene.is_word(scene.token):
        return "there are no list comprehensions"
    return ""


_CHECKS: tuple[Callable[[Scene], Diagnostic | None], ...] = (
    _unclosed,
    _stray,
    _misspelt,
    _misplaced,
    _marks,
    _chain,
    _reserved,
    _missing_comma,
    _same_line,
)
