"""Which module reads which format back. What needs a runtime to be read is left to the run."""

from __future__ import annotations

from collections.abc import Callable

from slimdsl.artefacts.descriptions import read_json
from slimdsl.artefacts.graph_files import read_frozen, read_graphdef, read_pbtxt
from slimdsl.artefacts.read_back import ReadBack
from slimdsl.artefacts.saved_models import read_saved_model
from slimdsl.artefacts.wire import DamagedError
from slimdsl.backends.order import Artefact, Order

Reader = Callable[[Order, Artefact], ReadBack]

READERS: dict[str, Reader] = {
    "frozen": read_frozen,
    "graphdef": read_graphdef,
    "pbtxt": read_pbtxt,
    "savedmodel": read_saved_model,
    "json": read_json,
}
"""By the names of the formats; each raises DamagedError or OSError for what it cannot read."""


def read_artefact(format: str, order: Order, artefact: Artefact) -> ReadBack:
    """Read an artefact back; whatever is wrong with it stands in the result."""
    reader = READERS.get(format)
    if reader is None:
        return ReadBack("")
    try:
        return reader(order, artefact)
    except DamagedError as error:
        return ReadBack("", (str(error),))
    except OSError as error:
        reason = error.strerror or "unknown reason"
        return ReadBack("", (f"cannot be opened: {reason[0].lower() + reason[1:]}",))
