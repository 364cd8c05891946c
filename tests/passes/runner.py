"""What `deploy` makes of a text, as text. `python -m tests.passes.runner` rewrites the expectations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import slimdsl
from slimdsl.ir.text import print_graph
from slimdsl.passes.deploy import Deployed, deploy
from slimdsl.passes.derivation import (
    Computed,
    Derivation,
    Difference,
    Gain,
    Number,
    Original,
    Product,
    ScaledKernel,
    Sum,
)

CASES = Path(__file__).parent / "cases"


def deployed_text(path: Path) -> str:
    """The deployed graph of a case, how its constants are computed, and which end points are gone."""
    deployed = deploy(slimdsl.load(path).graph)
    return print_graph(deployed.graph) + "".join(f"{line}\n" for line in _more(deployed))


def _more(deployed: Deployed) -> Iterator[str]:
    for name, derivation in deployed.derivations.items():
        yield f"# {name} = {formula(derivation)}"
    for path, reason in deployed.folded_end_points.items():
        yield f"# no {path}: {reason}"


def formula(given: Derivation) -> str:
    """A derivation as a formula."""
    if isinstance(given, Original):
        return given.variable.name
    if isinstance(given, Number):
        return str(given.number)
    if isinstance(given, Gain):
        return f"rsqrt({formula(given.variance)} + {given.epsilon})"
    if isinstance(given, ScaledKernel):
        axis = "last axis" if given.repeat == 1 else f"every {given.repeat}"
        return f"{formula(given.kernel)} * [{formula(given.factors)}] ({axis})"
    if isinstance(given, Computed):
        return f"{given.op}({formula(given.operand)})"
    for kind, sign in ((Product, "*"), (Sum, "+"), (Difference, "-")):
        if isinstance(given, kind):
            return f"({formula(given.left)} {sign} {formula(given.right)})"
    raise TypeError(f"{given!r} has no formula")


if __name__ == "__main__":
    for case in sorted(CASES.glob("*.slim")):
        case.with_suffix(".ir").write_text(deployed_text(case), encoding="utf-8")
