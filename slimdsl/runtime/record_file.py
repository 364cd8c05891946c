"""The file that says what a run is. Needs no TensorFlow: it is read before that is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

RECIPE_FILE = "recipe.json"

LENGTH = "length"
"""The key of the step at which the run ends."""

PARAMETERS = "parameters"
"""The key of the parameters that the net was given: name -> text of an expression."""

SPEC, PLACE, FINGERPRINT = "spec", "path", "fingerprint"
"""Keys of what the data were: as they were named, their absolute path (null for none), and what they are told by."""


def read_record(folder: str) -> Mapping[str, Any] | None:
    """The record in a run's folder; None where there is none that can be read."""
    try:
        with open(os.path.join(folder, RECIPE_FILE), encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def recorded_parameters(folder: str) -> dict[str, str] | None:
    """The parameters that a run's net was given; None where no record says it."""
    found = (read_record(folder) or {}).get(PARAMETERS)
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        return None
    return found
