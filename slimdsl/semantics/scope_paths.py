"""The text after `as` to a scope path: interpolated, and made of characters that TensorFlow takes."""

from __future__ import annotations

from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.values import Unknown
from slimdsl.syntax import tree

_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
MAX_PATH = 500


def scope_text(
    scope: tree.ScopePath, environment: Environment, evaluator: Evaluator, reporter: Reporter
) -> str | None:
    """The path with its expressions filled in; None where something was reported."""
    text = evaluator.text(scope.parts, environment)
    if isinstance(text, Unknown) or not isinstance(text, str):
        return None
    problem = _problem(text)
    if problem:
        reporter.report("E0208", f"`{text[:80]}` cannot be a scope: {problem}", scope.span)
        return None
    return text


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
