"""The case files: texts with the exact diagnostics or the exact tree that they come to."""

from __future__ import annotations

import pytest

from slimdsl.diagnostics.codes_syntax import CODES
from slimdsl.diagnostics.source import Source
from slimdsl.syntax.parser import parse
from tests.syntax.support import Case, dump, line_of, read_cases

ERRORS = read_cases("errors_*.txt")
TREES = read_cases("trees_*.txt")


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.name)
def test_errors_are_exactly_these(case: Case) -> None:
    found = parse(Source("case", case.text)).diagnostics
    assert "".join(line_of(diagnostic) + "\n" for diagnostic in found) == case.expected
    assert found


@pytest.mark.parametrize("case", TREES, ids=lambda case: case.name)
def test_trees_are_exactly_these(case: Case) -> None:
    result = parse(Source("case", case.text))
    assert dump(result.module) == case.expected
    assert result.diagnostics == ()


@pytest.mark.parametrize("case", TREES, ids=lambda case: case.name)
def test_line_ends_and_a_byte_order_mark_change_nothing(case: Case) -> None:
    plain = parse(Source("case", case.text)).module
    dressed = parse(Source("case", "\ufeff" + case.text.replace("\n", "\r\n")))
    assert dressed.diagnostics == ()
    assert dressed.module == plain


@pytest.mark.parametrize("case", TREES, ids=lambda case: case.name)
def test_indentation_and_missing_final_line_break_change_nothing(case: Case) -> None:
    plain = parse(Source("case", case.text)).module
    dressed = parse(Source("case", case.text.replace("\n", "   \n\t \t").rstrip()))
    assert dressed.diagnostics == ()
    assert dressed.module.items == plain.items


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.name)
def test_errors_have_documented_codes_and_fixes_inside_the_text(case: Case) -> None:
    documented = {code.code for code in CODES}
    for diagnostic in parse(Source("case", case.text)).diagnostics:
        assert diagnostic.code in documented
        for span in [diagnostic.span, *(label.span for label in diagnostic.labels), *(e.span for e in diagnostic.fix)]:
            assert span is not None
            assert 0 <= span.start <= span.end <= len(case.text)


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.name)
def test_a_fix_removes_its_error(case: Case) -> None:
    for diagnostic in parse(Source("case", case.text)).diagnostics:
        if diagnostic.fix:
            text = case.text
            for edit in diagnostic.fix:
                text = text[: edit.span.start] + edit.text + text[edit.span.end :]
            left = {line_of(d) for d in parse(Source("case", text)).diagnostics}
            assert line_of(diagnostic) not in left


def test_every_code_is_shown_by_a_case_or_a_test_of_limits() -> None:
    shown = {code.code for code in CODES if any(f" {code.code} " in case.expected for case in ERRORS)}
    elsewhere = {"E0114", "E0115", "E0117", "E0119"}
    assert shown | elsewhere == {code.code for code in CODES}
