"""Where a `train` block takes the first values of variables from: ``init from "old.ckpt" except logits``.

What it names is compared with the file and the network where the values are loaded; here it only has to be readable.
"""

from __future__ import annotations

from slimdsl.diagnostics.source import Span
from slimdsl.semantics.reporter import Reporter
from slimdsl.syntax import tree
from slimdsl.values import Value, field, value

_WORD = "init"
_CLAUSES = ("except", "rename")


@value
class InitSource(Value):
    """A file of weights, and what of it is taken.

    Attributes:
        path: as it is written, relative to the folder of the text.
        excepted: scopes of the network that are not taken.
        renames: (scope in the file, scope in the network).
        span: where it is written.
    """

    path: str
    excepted: tuple[str, ...]
    renames: tuple[tuple[str, str], ...]
    span: Span | None = field(default=None, compare=False)


def init_source(train: tree.TrainItem, reporter: Reporter) -> InitSource | None:
    """The source of a `train` block; None where it has none, or where something was reported."""
    sources = [statement for statement in train.statements if isinstance(statement, tree.TrainSource)]
    for source in sources:
        if source.name != _WORD:
            help = reporter.did_you_mean(source.name, (_WORD,)) or 'first values are written `init from "weights.ckpt"`'
            reporter.report("E0216", f"`{source.name} from` means nothing", source.name_span, help=help)
            return None
    for extra in sources[1:]:
        reporter.report("E0216", "a `train` block takes first values from one file", extra.span)
    return _read(sources[0], reporter) if sources else None


def _read(source: tree.TrainSource, reporter: Reporter) -> InitSource | None:
    path = _text(source.value)
    if not path:
        reporter.report("E0216", "a file of weights is named by a plain text", source.value.span)
        return None
    excepted: list[str] = []
    renames: list[tuple[str, str]] = []
    for clause in source.clauses:
        scopes = [_scope(given) for given in clause.values]
        if clause.name not in _CLAUSES:
            help = reporter.did_you_mean(clause.name, _CLAUSES) or "there are `except SCOPE` and `rename OLD as NEW`"
            reporter.report("E0216", f"`{clause.name}` says nothing about first values", clause.name_span, help=help)
            return None
        for scope, given in zip(scopes, clause.values, strict=True):
            if not scope:
                help = 'a scope is written `logits`, `resnet/logits` or, with other characters, `"a-b/c"`'
                reporter.report("E0216", "this is no scope", given.span, help=help)
                return None
        if clause.name == "except" and clause.scope is None:
            excepted += scopes
        elif clause.name == "rename" and clause.scope is not None and len(scopes) == 1:
            renames.append((scopes[0], clause.scope.text.strip("/")))
        else:
            help = "`except SCOPE, SCOPE` or `rename OLD as NEW`"
            reporter.report("E0216", f"`{clause.name}` is not written like this", clause.span, help=help)
            return None
    return InitSource(path=path, excepted=tuple(excepted), renames=tuple(renames), span=source.span)


def _text(expression: tree.Expr) -> str:
    if isinstance(expression, tree.StringLit) and all(isinstance(part, str) for part in expression.parts):
        return "".join(part for part in expression.parts if isinstance(part, str))
    return ""


def _scope(expression: tree.Expr) -> str:
    """The path that names with strokes between them spell; "" for anything else."""
    if isinstance(expression, tree.NameExpr):
        return expression.name
    if isinstance(expression, tree.BinaryExpr) and expression.operator == "/":
        left, right = _scope(expression.left), _scope(expression.right)
        return f"{left}/{right}" if left and right else ""
    return _text(expression).strip("/")
