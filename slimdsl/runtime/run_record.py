"""What the record of a run says to those who look at it later; a record of another making says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slimdsl.runtime.data.arrays import DIGITS
from slimdsl.runtime.record_file import read_record
from slimdsl.values import Value, value


@value
class RunRecord(Value):
    """What a run was.

    Attributes:
        data: what ``--data`` named; "" where the record does not say it.
        preprocessing: of the images, likewise.
        labels_offset: what was taken off every label.
        holdout: the share that was held out for evaluation; None for the usual one.
        averages: whether moving averages are kept.
        last: the step at which it ends; None where that cannot be told.
    """

    data: str
    preprocessing: str
    labels_offset: int
    holdout: float | None
    averages: bool
    last: int | None

    @property
    def digits(self) -> bool:
        """Whether it was trained on the digits that are there without ``--data``."""
        return self.data == DIGITS


def read_run_record(folder: str) -> RunRecord | None:
    """The record in a run's folder; None where there is none that can be read."""
    document = read_record(folder)
    if document is None:
        return None
    data, recipe = (_table(document, name) for name in ("data", "recipe"))
    return RunRecord(
        data=_text(data, "spec"),
        preprocessing=_text(data, "preprocessing"),
        labels_offset=_number(data, "labels_offset"),
        holdout=_share(data, "holdout"),
        averages=recipe.get("averages") is not None,
        last=_last(recipe, data),
    )


def _last(recipe: Mapping[str, Any], data: Mapping[str, Any]) -> int | None:
    """The last step: as the recipe says it, or by its epochs."""
    steps, epochs, batch, examples = (
        recipe.get("steps"),
        recipe.get("epochs"),
        recipe.get("batch"),
        data.get("examples"),
    )
    if type(steps) is int:
        return steps
    if isinstance(epochs, (int, float)) and type(batch) is int and type(examples) is int and batch > 0:
        return max(1, int(epochs * max(examples // batch, 1)))
    return None


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _text(table: Mapping[str, Any], name: str) -> str:
    found = table.get(name)
    return found if isinstance(found, str) else ""


def _share(table: Mapping[str, Any], name: str) -> float | None:
    found = table.get(name)
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def _number(table: Mapping[str, Any], name: str) -> int:
    found = table.get(name)
    return found if type(found) is int else 0
