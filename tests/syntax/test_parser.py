"""What a tree says of its text: spans, comments, blank lines, expressions on their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slimdsl.diagnostics.source import Source
from slimdsl.syntax import tree
from slimdsl.syntax.parser import parse, parse_expression
from slimdsl.values import fields
from tests.syntax.support import CASES, ROOT, Case, dump, line_of, read_cases

MODELS = [*sorted((ROOT / "models").rglob("*.slim")), *sorted((CASES / "networks").glob("*.slim"))]
TREES = read_cases("trees_*.txt")


def nodes(node: object) -> Iterator[tree.Node]:
    """All nodes of a tree, from the top."""
    if isinstance(node, tuple):
        for part in node:
            yield from nodes(part)
    elif isinstance(node, tree.Node):
        yield node
        for f in fields(node):
            if f.name != "comments":
                yield from nodes(getattr(node, f.name))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_models_parse(path: Path) -> None:
    result = parse(Source(path.name, path.read_text(encoding="utf-8")))
    assert result.diagnostics == ()
    assert result.module.version == 1


@pytest.mark.parametrize("case", TREES, ids=lambda case: case.name)
def test_expressions_are_what_their_span_says(case: Case) -> None:
    text = case.text
    for node in nodes(parse(Source("case", text)).module):
        if type(node).__name__.endswith(("Lit", "Expr")):
            alone, diagnostics = parse_expression(Source("piece", node.span.text))
            assert diagnostics == ()
            assert alone == node


@pytest.mark.parametrize("case", TREES, ids=lambda case: case.name)
def test_spans_of_parts_lie_in_the_span_of_the_whole(case: Case) -> None:
    module = parse(Source("case", case.text)).module
    for node in nodes(module):
        for part in nodes(tuple(getattr(node, f.name) for f in fields(node) if f.name != "comments")):
            assert node.span.start <= part.span.start <= part.span.end <= node.span.end


def test_names_have_places_of_their_own() -> None:
    text = "net f as F {\n  input x: int32[N]\n  conv(3) as c\n  stack fc [1]\n  output y = it\n  head h { relu }\n}\n"
    found = {
        (f.name, getattr(node, f.name).text)
        for node in nodes(parse(Source("case", text)).module)
        for f in fields(node)
        if f.name.endswith("_span")
    }
    assert found == {
        ("name_span", "f"), ("name_span", "x"), ("dtype_span", "int32"), ("name_span", "conv"), ("layer_span", "fc"),
        ("name_span", "y"), ("name_span", "h"), ("name_span", "relu"),
    }  # fmt: skip


def test_comments_and_blank_lines_are_kept() -> None:
    text = "# one\nslim 1  # two\n\n## three\nnet f(  # four\n  a) {\n \t\n  relu # five\n# six\n}\n\n# seven"
    module = parse(Source("case", text)).module
    assert [comment.text for comment in module.comments] == [
        "# one", "# two", "## three", "# four", "# five", "# six", "# seven",
    ]  # fmt: skip
    assert [comment.own_line for comment in module.comments] == [True, False, True, False, False, True, True]
    assert [comment.span.text for comment in module.comments] == [comment.text for comment in module.comments]
    assert module.blank_lines == (3, 7, 11)


def test_a_comment_mark_in_a_string_is_text() -> None:
    module = parse(Source("case", 'let a = "# no comment"')).module
    assert module.comments == ()
    assert dump(module) == 'slim None\nLetStmt(a, -, "# no comment")\n'


def test_comments_are_kept_where_the_text_is_wrong() -> None:
    module = parse(Source("case", "net f {\n  conv(64 3x3)  # one\n  relu  # two\n")).module
    assert [comment.text for comment in module.comments] == ["# one", "# two"]


def test_statements_without_error_stay_in_the_tree() -> None:
    text = "slim 1\nnet f {\n  relu\n  conv(64 3x3)\n  tanh\n  if a { b c }\n  elu\n}\nnet {\n}\nlet a = 1\n"
    module = parse(Source("case", text)).module
    assert dump(module) == (
        "slim 1\nNetItem(f, [], -, {\n  FlowStmt([Stage(relu, -, -)], -)\n  FlowStmt([Stage(tanh, -, -)], -)\n"
        "  IfStmt(a, {\n  }, -)\n  FlowStmt([Stage(elu, -, -)], -)\n}, )\nLetStmt(a, -, 1)\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64", "64"),
        (" [3, 4,\n 6] ", "ListExpr([3 4 6])"),
        ("same", "same"),
        ("relu6", "relu6"),
        ('"a {1}"', '"a {1}"'),
        ("x -> f\n", "PipelineExpr(x, [Stage(f, -, -)])"),
    ],
)
def test_an_expression_on_its_own(text: str, expected: str) -> None:
    value, diagnostics = parse_expression(Source("-D", text))
    assert diagnostics == ()
    assert dump(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1 E0107 expected a value, found the end"),
        ("1 +", "1:4 E0107 expected a value, found the end"),
        ("1 2", "1:3 E0107 expected the end, found `2`"),
        ("(1", "1:1 E0105 this `(` is never closed"),
        ("1)", "1:2 E0106 this `)` closes nothing"),
        ("12abc", "1:1 E0103 `12abc` is not a number | a name begins with a letter"),
        ("1\n2", "1:2 E0107 expected the end, found the end of the line"),
        ("{1}", "1:1 E0107 expected a value, found `{`"),
        ("let x = 3", "1:1 E0107 expected a value, found `let`"),
        ("\0", "1:1 E0101 the character U+0000 has no meaning here"),
    ],
)
def test_an_expression_with_an_error(text: str, expected: str) -> None:
    value, diagnostics = parse_expression(Source("-D", text))
    assert value is None
    assert "\n".join(line_of(diagnostic) for diagnostic in diagnostics) == expected
