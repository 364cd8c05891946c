"""Every code that the compiler raises is documented, and every documented code is raised."""

from __future__ import annotations

import re
from pathlib import Path

from slimdsl.diagnostics.codes import ALL_CODES

PACKAGE = Path(__file__).parents[2] / "slimdsl"


def test_documented_codes_are_those_that_are_raised() -> None:
    raised: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if not path.stem.startswith("codes_"):
            raised.update(re.findall(r"\"([EW]0\d{3})\"", path.read_text(encoding="utf-8")))
    assert raised == {code.code for code in ALL_CODES}
