"""The recipes of texts. `python -m tests.semantics.train_runner` rewrites the expectations."""

from __future__ import annotations

from pathlib import Path

from slimdsl.compiler import Compilation, read_source
from slimdsl.recipe.recipe import Recipe
from slimdsl.recipe.text import recipe_text

CASES = Path(__file__).parent / "train_cases"
NETS = {"several_nets": "ten"}


def recipe_of(path: Path) -> Recipe:
    """The recipe of a case."""
    source, findings = read_source(str(path))
    recipe = Compilation(source, net=NETS.get(path.stem), read_diagnostics=findings).recipe()
    assert recipe is not None
    return recipe


if __name__ == "__main__":
    for case in sorted(CASES.glob("*.slim")):
        case.with_suffix(".train").write_text(recipe_text(recipe_of(case)), encoding="utf-8")
