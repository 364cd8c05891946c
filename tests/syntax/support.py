"""What the tests of this room share: the case files, and a short way to print trees and diagnostics."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.syntax import tree
from slimdsl.values import fields

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"


class Case(NamedTuple):
    """A text and what is expected of it: ``=== name``, the text, ``---``, the expected lines."""

    name: str
    text: str
    expected: str


def read_cases(pattern: str) -> list[Case]:
    """The cases of all files that match."""
    cases = []
    for path in sorted(CASES.glob(pattern)):
        for part in path.read_text(encoding="utf-8").split("=== ")[1:]:
            name, rest = part.split("\n", 1)
            text, expected = rest.split("---\n")
            cases.append(Case(f"{path.stem}: {name}", text, expected))
    return cases


def line_of(diagnostic: Diagnostic) -> str:
    """``line:column code message | help``."""
    assert diagnostic.span is not None
    line, column = diagnostic.span.source.line_column(diagnostic.span.start)
    hint = f" | {diagnostic.help}" if diagnostic.help else ""
    return f"{line}:{column} {diagnostic.code} {diagnostic.message}{hint}"


def dump(node: object, indent: str = "") -> str:
    """A tree in few characters: leaves as they are written, other nodes as ``Kind(parts)``, bodies indented."""
    match node:
        case tree.Argument() if node.name:
            return f"{node.name}={dump(node.value)}"
        case tree.Argument():
            return dump(node.value)
        case tree.Body():
            return _block(node.statements, indent)
        case tree.TrainItem():
            return "TrainItem" + _block(node.statements, indent)
        case tree.Module():
            return f"slim {node.version}\n" + "".join(dump(item) + "\n" for item in node.items)
        case tuple():
            return "[" + " ".join(dump(part, indent) for part in node) + "]"
        case None:
            return "-"
    return _leaf(node, indent)


def _leaf(node: object, indent: str) -> str:
    match node:
        case tree.IntLit() | tree.FloatLit():
            return repr(node.value)
        case tree.BoolLit():
            return str(node.value).lower()
        case tree.NoneLit():
            return "none"
        case tree.KernelLit():
            return "x".join(str(size) for size in node.sizes)
        case tree.NameExpr() | tree.NamePattern() | tree.Target():
            return node.name
        case tree.StringLit():
            return _pieces(node.parts, '"')
        case tree.ScopePath():
            return "as " + _pieces(node.parts, "'")
        case tree.Stage() if node.sharing is None:
            return f"Stage({node.name}, {dump(node.arguments, indent)}, {dump(node.scope, indent)})"
        case tree.Node():
            parts = [dump(getattr(node, f.name), indent) for f in fields(node) if f.compare]
            return f"{type(node).__name__}({', '.join(parts)})"
    return str(node)


def _pieces(parts: tuple[object, ...], quote: str) -> str:
    return quote + "".join(part if isinstance(part, str) else f"{{{dump(part)}}}" for part in parts) + quote


def _block(statements: tuple[object, ...], indent: str) -> str:
    inner = indent + "  "
    return "{\n" + "".join(f"{inner}{dump(statement, inner)}\n" for statement in statements) + indent + "}"
