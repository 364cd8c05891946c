"""Every diagnostic code there is, in order. Loaded only where codes are explained or named."""

from __future__ import annotations

from slimdsl.diagnostics import (
    codes_backend,
    codes_lints,
    codes_names,
    codes_reading,
    codes_shapes,
    codes_syntax,
    codes_train,
    codes_values,
)
from slimdsl.diagnostics.catalogue import Code

ALL_CODES: tuple[Code, ...] = (
    codes_syntax.CODES
    + codes_reading.CODES
    + codes_names.CODES
    + codes_train.CODES
    + codes_values.CODES
    + codes_shapes.CODES
    + codes_backend.CODES
    + codes_lints.CODES
)

BY_CODE: dict[str, Code] = {code.code: code for code in ALL_CODES}


def find_code(word: str) -> Code | None:
    """The code of this number or name, in whatever case; None where there is none."""
    wanted = word.strip().lower().replace("_", "-")
    return next((code for code in ALL_CODES if wanted in (code.code.lower(), code.name)), None)


def reference(codes: tuple[Code, ...]) -> str:
    """The page of the manual that lists all codes, as Markdown."""
    parts = [
        "# Diagnostics\n",
        "Every finding has a code that never changes its meaning. `slimdsl explain E0401` prints one of the sections",
        "below. Codes that begin with E are errors, those that begin with W are warnings, which do not change the exit",
        "code. This page is generated from `slimdsl/diagnostics/codes_*.py` by `python -m slimdsl.diagnostics.codes`.",
    ]
    parts += [f"\n## {code.code}: {code.title}\n\nName: `{code.name}`\n\n{code.explanation.strip()}" for code in codes]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(reference(ALL_CODES), end="")
