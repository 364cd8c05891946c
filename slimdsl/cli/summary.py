"""`slimdsl summary`: layers, shapes, parameters, operations and memory."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from slimdsl.cli.loading import open_graph
from slimdsl.cli.options import add_colour_option, add_net_options
from slimdsl.cli.report import count_text, size_text
from slimdsl.ir.summary import LayerCost, Summary, summarize
from slimdsl.types import Dim, Shape, shape_text

HEADINGS = ("layer", "op", "output", "parameters", "MACs", "activations")
_TEXT_COLUMNS = 3


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Show what each layer is called, gives and costs. MACs are multiply-accumulate operations of a forward pass; "
        "activations is the size of a layer's result. Both are for one example."
    )
    parser.add_argument("file", metavar="FILE", help="a .slim file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Print the table or the JSON; return 1 where the file has errors."""
    graph = open_graph(arguments.file, arguments)
    if graph is None:
        return 1
    summary = summarize(graph)
    if arguments.json:
        # Loaded only for this: the table has no use for it.
        from slimdsl.json_text import json_text

        print(json_text(_document(summary)))
    else:
        print("\n".join(_table(summary)))
    return 0


def _table(summary: Summary) -> list[str]:
    inputs = ", ".join(f"{name} {tensor_type}" for name, tensor_type in summary.inputs)
    rows = [HEADINGS, *(_row(layer) for layer in summary.layers)]
    totals = (
        "total",
        "",
        "",
        count_text(summary.parameters),
        count_text(summary.macs),
        size_text(summary.activation_bytes),
    )
    widths = [max(len(row[column]) for row in (*rows, totals)) for column in range(len(HEADINGS))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return [
        f"{summary.net}({inputs})",
        "",
        _aligned(rows[0], widths),
        rule,
        *(_aligned(row, widths) for row in rows[1:]),
        rule,
        _aligned(totals, widths),
        "",
        _weights(summary),
        _note(summary),
    ]


def _row(layer: LayerCost) -> tuple[str, ...]:
    return (
        layer.scope,
        layer.op,
        shape_text(layer.output.shape),
        count_text(layer.parameters),
        count_text(layer.macs),
        size_text(layer.activation_bytes),
    )


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    """Text to the left, numbers to the right."""
    cells = [
        f"{cell:<{width}}" if column < _TEXT_COLUMNS else f"{cell:>{width}}"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _weights(summary: Summary) -> str:
    counts = f"{summary.parameters:,} parameters ({summary.trainable_parameters:,} trainable)"
    return f"{counts}, {size_text(summary.weight_bytes)} of weights"


def _note(summary: Summary) -> str:
    """What the figures of the table are for."""
    if not summary.batch_names:
        return "MACs and activations are for the batch that the inputs declare"
    ones = ", ".join(f"{name} = 1" for name in summary.batch_names)
    return f"MACs and activations are for one example ({ones})"


def _document(summary: Summary) -> dict[str, object]:
    """The summary for JSON; what is not known is the text of its polynomial."""
    return {
        "net": summary.net,
        "inputs": [
            {"name": name, "dtype": tensor_type.dtype.value, "shape": _shape(tensor_type.shape)}
            for name, tensor_type in summary.inputs
        ],
        "counted_as_one": list(summary.batch_names),
        "layers": [
            {
                "scope": layer.scope,
                "op": layer.op,
                "dtype": layer.output.dtype.value,
                "output_shape": _shape(layer.output.shape),
                "parameters": layer.parameters,
                "macs": _figure(layer.macs),
                "activation_bytes": _figure(layer.activation_bytes),
            }
            for layer in summary.layers
        ],
        "totals": {
            "parameters": summary.parameters,
            "trainable_parameters": summary.trainable_parameters,
            "macs": _figure(summary.macs),
            "activation_bytes": _figure(summary.activation_bytes),
            "weight_bytes": summary.weight_bytes,
        },
    }


def _figure(dim: Dim) -> int | str:
    return dim if isinstance(dim, int) else str(dim)


def _shape(shape: Shape) -> list[int | str]:
    return [_figure(dim) for dim in shape]
