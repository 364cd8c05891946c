"""The classic leak: an output layer that gets its activation or its normaliser from a `with` alone."""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.ir.graph import Tensor
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.reporter import Reporter


def output_from_with(name: str, result: Tensor, builder: GraphBuilder, reporter: Reporter) -> None:
    """Warn where the layer that makes this output takes `activation` or `norm` from a `with`."""
    record = next((layer for layer in reversed(builder.layers) if layer.result is result), None)
    if record is None or record.span is None:
        return
    origins = record.applied[0].origins if record.applied else {}
    for argument in ("activation", "norm"):
        origin = origins.get(argument)
        given = getattr(record.applied[0].op, argument, None) if record.applied else None
        if origin is None or not origin.by_with or given is None:
            continue
        message = f"the output `{name}` gets its `{argument}` (`{given}`) only from a `with`"
        reporter.report(
            "W0601",
            message,
            record.span,
            labels=(Label(origin.span, "set here"),),
            help=f"write `{argument}=none` at the layer, or `{argument}={given}` if it is meant",
        )
