"""What the record of a run says to those who look at it later; a record of another making says nothing."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from typing import Any

from slimdsl.runtime.data.arrays import DIGITS, is_synthetic
from slimdsl.runtime.record_file import LENGTH, PLACE, SPEC, read_record
from slimdsl.values import Value, value


@value
class RunRecord(Value):
    """What a run was.

    Attributes:
        data: what ``--data`` named, by its absolute path where it is not there as it was written; "" where the record
            does not say it.
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

    @property
    def moved(self) -> bool:
        """Whether its data lie in files that are not there any more."""
        made_up = not self.data or self.digits or is_synthetic(self.data)
        return not made_up and not os.path.exists(self.data) and not glob.glob(self.data)


def read_run_record(folder: str) -> RunRecord | None:
    """The record in a run's folder; None where there is none that can be read."""
    document = read_record(folder)
    if document is None:
        return None
    data, recipe = (_table(document, name) for name in ("data", "recipe"))
    return RunRecord(
        data=_data(data),
        preprocessing=_text(data, "preprocessing"),
        labels_offset=_number(data, "labels_offset"),
        holdout=_share(data, "holdout"),
        averages=recipe.get("averages") is not None,
        last=document[LENGTH] if type(document.get(LENGTH)) is int else _last(recipe, data),
    )


def _data(table: Mapping[str, Any]) -> str:
    """What the data are called from here: a relative path is meant from the folder that the training was started in."""
    spec, place = _text(table, SPEC), _text(table, PLACE)
    return place if place and not os.path.exists(spec) and not glob.glob(spec) else spec


def _last(recipe: Mapping[str, Any], data: Mapping[str, Any]) -> int | None:
    """The last step where the record does not say it: of the recipe, or of its epochs as they were counted then."""
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
