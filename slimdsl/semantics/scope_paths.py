"""The text after `as` to an open scope: interpolated, made of characters that TensorFlow takes, and used once."""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scopes import join
from slimdsl.semantics.values import UNKNOWN, Unknown
from slimdsl.syntax import tree

_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
MAX_PATH = 500


class ScopeOpener:
    """Opens the scopes of one net."""

    def __init__(self, reporter: Reporter, builder: GraphBuilder, evaluator: Evaluator) -> None:
        self._reporter = reporter
        self._builder = builder
        self._evaluator = evaluator

    def text(self, scope: tree.ScopePath, environment: Environment) -> str | Unknown:
        """The path as it was written, with its expressions filled in; UNKNOWN where something was reported."""
        text = self._evaluator.text(scope.parts, environment)
        if not isinstance(text, str):
            return UNKNOWN
        problem = _problem(text)
        if problem:
            self._reporter.report("E0208", f"`{text[:80]}` cannot be a scope: {problem}", scope.span)
            return UNKNOWN
        return text

    def open(self, scope: tree.ScopePath, environment: Environment) -> str | Unknown:
        """Open the scope below the one that is open; its path, or UNKNOWN where something was reported."""
        text = self.text(scope, environment)
        if isinstance(text, Unknown):
            return text
        names = self._builder.names
        path = join(self._builder.scope, text)
        if names.is_open(path):
            earlier = names.opened_at(path)
            labels = (Label(earlier, "first here"),) if earlier is not None and earlier != scope.span else ()
            help = "variables are named after their scopes, so each scope is used once"
            self._reporter.report("E0209", f"the scope `{path}` is used already", scope.span, labels=labels, help=help)
            return UNKNOWN
        names.open(path, scope.span)
        return path

    def group(self, scope: tree.ScopePath | None, default: str, environment: Environment) -> str | Unknown:
        """Open the scope of several layers: as written, or the default one, numbered."""
        if scope is None:
            return self._builder.names.default_scope(self._builder.scope, default)
        return self.open(scope, environment)

    def bind(self, scope: tree.ScopePath | None, result: object, environment: Environment) -> None:
        """`as enc1` makes `enc1` name the result, where it is a plain name."""
        if scope is not None and len(scope.parts) == 1 and scope.text.isidentifier():
            environment.bind(scope.text, result, scope.span, by_scope=True)


def _problem(text: str) -> str:
    if len(text) > MAX_PATH:
        return f"it is longer than {MAX_PATH} characters"
    for part in text.removeprefix("/").split("/"):
        if not part:
            return "a part of the path is empty"
        if not set(part) <= _ALLOWED:
            return "scopes are made of letters, digits, `_`, `.`, `-` and `/`"
        if part[0] in "_-" or part in (".", ".."):
            return f"the part `{part}` must begin with a letter or a digit"
    return ""
