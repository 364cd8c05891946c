"""Which module reads which format back; it is loaded when there is something to read."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import cast

from slimdsl.artefacts.read_back import ReadBack
from slimdsl.artefacts.wire import DamagedError
from slimdsl.backends.order import Artefact, Order

Reader = Callable[[Order, Artefact], ReadBack]

READERS: dict[str, tuple[str, str]] = {
    "frozen": ("graph_files", "read_frozen"),
    "graphdef": ("graph_files", "read_graphdef"),
    "pbtxt": ("graph_files", "read_pbtxt"),
    "savedmodel": ("saved_models", "read_saved_model"),
    "onnx": ("converted", "read_onnx"),
    "tflite": ("converted", "read_litert"),
    "stablehlo": ("converted", "read_stablehlo"),
    "dot": ("descriptions", "read_dot"),
    "json": ("descriptions", "read_json"),
}
"""Module and function by the names of the formats; each raises DamagedError or OSError for what it cannot read."""


def read_artefact(format: str, order: Order, artefact: Artefact) -> ReadBack:
    """Read an artefact back; whatever is wrong with it stands in the result."""
    module, function = READERS[format]
    reader = cast("Reader", getattr(import_module(f"slimdsl.artefacts.{module}"), function))
    try:
        found = reader(order, artefact)
        size = _size(artefact.path)
    except DamagedError as error:
        return ReadBack("", (str(error),))
    except OSError as error:
        reason = error.strerror or "unknown reason"
        return ReadBack("", (f"cannot be read: {reason[0].lower() + reason[1:]}",))
    if size != artefact.size and not found.problems:
        # What a reader passes over, such as the last field of a message, may be missing.
        return ReadBack(found.summary, (f"has {size:,} bytes, and {artefact.size:,} were written",))
    return found


def _size(path: str) -> int:
    """Bytes of a file, or of all files of a folder."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(above, name)) for above, _, names in os.walk(path) for name in names)
