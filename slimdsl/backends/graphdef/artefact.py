"""A GraphDef as an artefact: the one way in which frozen, graphdef and pbtxt are written."""

from __future__ import annotations

from collections.abc import Iterator

from slimdsl.backends.graphdef.emission import Emission
from slimdsl.backends.graphdef.emitter import Form, emit
from slimdsl.backends.graphdef.pbtxt import write_text
from slimdsl.backends.graphdef.stream import write_emission
from slimdsl.backends.order import Artefact, Order


def write_graph(order: Order, form: Form, *, text: bool) -> Artefact:
    """Emit a graph and write it.

    Raises:
        GraphTooLargeError: no reader could take it.
        WeightsError: the weights cannot be read.
        FileWriteError: the file cannot be written.
    """
    graph = order.graph
    emission = emit(graph, form=form, seed=order.seed, store_weights=order.weights is not None)
    written = (write_text if text else write_emission)(emission, order.weights, order.path)
    if graph.training:
        kind = "training graph with " + ("constant weights" if form == "frozen" else "variables")
    else:
        kind = "frozen graph" if form == "frozen" else "graph with variables"
    return Artefact(
        path=written.path,
        kind=kind,
        size=written.size,
        nodes=written.nodes,
        inputs=dict(emission.inputs),
        outputs=dict(emission.outputs),
        init=emission.init,
        facts=tuple(_facts(emission)),
    )


def _facts(emission: Emission) -> Iterator[tuple[str, str]]:
    """How the ops that stand for no layer are used."""
    if emission.init:
        yield "initialise", f"run the op {emission.init}"
    if emission.update_ops:
        yield "updates", f"run the op {emission.update_ops} with each step"
    if emission.regularization_loss:
        yield "penalties", emission.regularization_loss
    if emission.random_seed:
        yield "random", f"feed {emission.random_seed} for other numbers in each step"
    if emission.training_step:
        yield "step", f"feed {emission.training_step} with the steps done, from 0; unfed, every burn-in is over"
