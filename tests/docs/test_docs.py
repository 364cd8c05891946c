"""The documentation is current, and its examples compile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import slimdsl
from slimdsl.diagnostics.codes import ALL_CODES, reference
from slimdsl.ops.reference import reference as op_reference

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "slimdsl" / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [
    (page.name, number, text)
    for page in PAGES
    for number, text in enumerate(
        re.findall(r"^```slim\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL), 1
    )
]


def test_the_page_of_layers_is_what_the_classes_say() -> None:
    page = (ROOT / "docs" / "ops.md").read_text(encoding="utf-8")
    assert page == op_reference(), "run `python -m slimdsl.ops.reference > docs/ops.md`"


def test_the_page_of_errors_is_what_the_catalogue_says() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert page == reference(ALL_CODES), "run `python -m slimdsl.diagnostics.codes > docs/errors.md`"


def test_every_code_that_is_raised_is_explained() -> None:
    raised = {
        code
        for path in (ROOT / "slimdsl").rglob("*.py")
        if not path.name.startswith("codes_")
        for code in re.findall(r'"([EW]\d{4})"', path.read_text(encoding="utf-8"))
    }
    assert raised == {code.code for code in ALL_CODES}


@pytest.mark.parametrize(("page", "number", "text"), EXAMPLES, ids=[f"{page}-{number}" for page, number, _ in EXAMPLES])
def test_every_example_compiles_without_a_finding(page: str, number: int, text: str) -> None:
    assert slimdsl.loads(text).diagnostics == ()


def test_there_are_examples() -> None:
    assert {"language.md", "README.md"} <= {page for page, _, _ in EXAMPLES}


def test_every_op_has_a_manual_page_with_an_example_that_is_parsed() -> None:
    examples = re.findall(r"Example: `([^`]+)`", op_reference())
    assert len(examples) > 30
    for example in examples:
        text = f"slim 1\nnet f() {{\n  input logits: float32[N, 8, 8, 8]\n  {example}\n  output y\n}}\n"
        codes = {diagnostic.code for diagnostic in slimdsl.loads(text).diagnostics}
        # The shape may not suit every layer; the words must.
        assert codes <= {"E0401"}, (example, codes)
