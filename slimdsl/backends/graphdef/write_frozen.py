"""A frozen GraphDef: the weights are constants in the file."""

from __future__ import annotations

from slimdsl.backends.graphdef.artefact import write_graph
from slimdsl.backends.order import Artefact, Order


def write(order: Order) -> Artefact:
    """Write one; errors as `write_graph`."""
    return write_graph(order, "frozen", text=order.options.text)
