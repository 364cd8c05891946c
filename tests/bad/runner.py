"""What is said about a wrong file. `python -m tests.bad.runner` rewrites the expectations."""

from __future__ import annotations

import os
from pathlib import Path

from slimdsl.compiler import Compilation, read_source
from slimdsl.diagnostics.render_text import render

CASES = Path(__file__).parent / "cases"


def said(path: Path) -> str:
    """The rendered diagnostics of a file, under its bare name."""
    source, findings = read_source(os.path.relpath(path))
    return render(Compilation(source, read_diagnostics=findings).diagnostics).replace(f"{os.path.relpath(CASES)}/", "")


if __name__ == "__main__":
    for case in sorted(CASES.glob("*.slim")):
        case.with_suffix(".txt").write_text(said(case), encoding="utf-8")
