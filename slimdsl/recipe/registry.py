"""All parts of a recipe by the names under which they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slimdsl.recipe.base import RecipeOp
from slimdsl.recipe.losses import LOSSES
from slimdsl.recipe.metrics import METRICS
from slimdsl.recipe.optimizers import OPTIMIZERS
from slimdsl.recipe.schedules import SCHEDULES


def _by_name(parts: Iterable[type[RecipeOp]]) -> dict[str, type[RecipeOp]]:
    return {name: part for part in parts for name in (part.name, *part.aliases)}


TABLES: Mapping[str, Mapping[str, type[RecipeOp]]] = {
    "loss": _by_name(LOSSES),
    "metric": _by_name(METRICS),
    "optimizer": _by_name(OPTIMIZERS),
    "schedule": _by_name(SCHEDULES),
}
"""By the table of a `Kind`: spelling -> class."""
