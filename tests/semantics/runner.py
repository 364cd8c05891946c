"""The graph of a text, as text. `python -m tests.semantics.runner` rewrites the expectations."""

from __future__ import annotations

from pathlib import Path

import slimdsl
from slimdsl.ir.text import print_graph

CASES = Path(__file__).parent / "cases"


def graph_text(path: Path) -> str:
    """The printed graph of a case; `training` builds the training graph."""
    model = slimdsl.load(path, training=path.stem == "training", net="small" if path.stem == "aliases" else None)
    return print_graph(model.graph)


if __name__ == "__main__":
    for case in sorted(CASES.glob("*.slim")):
        case.with_suffix(".ir").write_text(graph_text(case), encoding="utf-8")
