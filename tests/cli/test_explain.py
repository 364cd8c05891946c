"""`slimdsl explain` and the page of the manual that is made of the same texts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slimdsl.diagnostics.catalogue import Code
from slimdsl.diagnostics.codes import ALL_CODES, reference
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


def test_all_codes_are_listed(run: Run) -> None:
    outcome = run("explain")
    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines()] == [code.code for code in ALL_CODES]


@pytest.mark.parametrize("code", ALL_CODES, ids=lambda code: code.code)
def test_a_code_is_explained_by_number_and_by_name(run: Run, code: Code) -> None:
    outcome = run("explain", code.code.lower())
    assert outcome.code == 0
    assert outcome.out == f"{code.code} ({code.name}): {code.title}\n\n{code.explanation.strip()}\n"
    assert run("explain", code.name.upper()).out == outcome.out


def test_an_unknown_code_gets_a_suggestion(run: Run) -> None:
    outcome = run("explain", ALL_CODES[0].code + "0")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"did you mean `{ALL_CODES[0].code}`?" in outcome.err


def test_codes_and_names_are_unique_and_well_formed() -> None:
    assert len({code.code for code in ALL_CODES}) == len({code.name for code in ALL_CODES}) == len(ALL_CODES)
    for code in ALL_CODES:
        assert re.fullmatch(r"(E0[1-6]|W06)\d\d", code.code)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.name)
        assert code.title
        assert not code.title.endswith(".")
        assert len(code.explanation.split()) >= 10


def test_the_page_of_the_manual_is_current() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert page == reference(ALL_CODES), "run `python -m slimdsl.diagnostics.codes > docs/errors.md`"
