"""A GraphDef with resource variables."""

from __future__ import annotations

from slimdsl.backends.graphdef.artefact import write_graph
from slimdsl.backends.order import Artefact, Order


def write(order: Order) -> Artefact:
    """Write one; errors as `write_graph`."""
    return write_graph(order, "graphdef", text=order.options.text)
