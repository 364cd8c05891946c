"""Every renderer gives, for every case, exactly the text of its golden file.

`python -m tests.diagnostics.test_renderers` writes the golden files anew; read the difference before you commit it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slimdsl.diagnostics import render_github, render_json, render_sarif, render_text
from slimdsl.diagnostics.diagnostic import Diagnostic
from tests.diagnostics.cases import CASES, CODES

GOLDEN = Path(__file__).parent / "golden"

RENDERERS: dict[str, Callable[[list[Diagnostic]], str]] = {
    "text": lambda found: render_text.render(found) + render_text.summary_line(found) + "\n",
    "colour": lambda found: render_text.render(found, colour=True),
    "json": lambda found: render_json.render(found, CODES),
    "github": lambda found: render_github.render(found, CODES),
    "sarif": lambda found: render_sarif.render(found, CODES, version="1.2.3", root="/project"),
}
CHOSEN = {
    "text": tuple(CASES),
    "colour": ("labels_in_two_lines", "several_labels_on_one_line"),
    "json": ("nothing", "several_with_summary"),
    "github": ("several_with_summary", "long_span"),
    "sarif": ("nothing", "several_with_summary"),
}
PAIRS = [(renderer, case) for renderer, cases in CHOSEN.items() for case in cases]


@pytest.mark.parametrize(("renderer", "case"), PAIRS)
def test_rendered_text_is_the_golden_one(renderer: str, case: str) -> None:
    expected = (GOLDEN / renderer / f"{case}.txt").read_bytes().decode("utf-8")
    assert RENDERERS[renderer](CASES[case]) == expected


def test_every_golden_file_belongs_to_a_case() -> None:
    files = {(path.parent.name, path.stem) for path in GOLDEN.glob("*/*.txt")}
    assert files == set(PAIRS)


if __name__ == "__main__":
    for renderer, case in PAIRS:
        path = GOLDEN / renderer / f"{case}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(RENDERERS[renderer](CASES[case]).encode("utf-8"))
