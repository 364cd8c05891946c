"""`slimdsl explain FILE SCOPE`: how a layer came about, as text or JSON."""

from __future__ import annotations

import json
from argparse import Namespace

from slimdsl.cli.loading import open_graph
from slimdsl.cli.refusal import Refusal
from slimdsl.diagnostics.display import visible
from slimdsl.diagnostics.source import Span
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.ir.explain import ArgumentExplanation, LayerExplanation, explain_scope
from slimdsl.ops.arguments import written
from slimdsl.types import shape_text


def explain_layer(path: str, scope: str, arguments: Namespace) -> int:
    """Print the layer of a scope, or all below it; 1 where the file has errors.

    Raises:
        Refusal: the file cannot be read, or has no such scope.
    """
    graph = open_graph(path, arguments)
    if graph is None:
        return 1
    found = explain_scope(graph, scope)
    if not found:
        hint = did_you_mean(scope, [*graph.end_points]) or f"`slimdsl summary {path}` lists the scopes"
        raise Refusal(f"`{graph.name}` has no layer in the scope `{scope}`: {hint}")
    if arguments.json:
        print(json.dumps([_document(explanation) for explanation in found], indent=2))
    else:
        print("\n".join(_text(explanation) for explanation in found), end="")
    return 0


def _text(explanation: LayerExplanation) -> str:
    record = explanation.record
    lines = [f"{record.scope}: {record.op}, {record.result.type}, result {record.result.name}"]
    if record.span is not None:
        lines.append(f"  written at {_place(record.span)}: {_excerpt(record.span)}")
    lines += [f"  {message} ({_place(span)})" for message, span in record.chain]
    for op in explanation.ops:
        if not op.arguments:
            continue
        lines += ["", f"  {op.name}"] if op is not explanation.ops[0] else [""]
        rows = [("argument", "value", "default", "set by")]
        rows += [(item.name, item.value, item.default, _set_by(item)) for item in op.arguments]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines += [f"  {'  '.join(f'{cell:<{width}}' for cell, width in zip(row, widths))}  {row[3]}" for row in rows]
    for variable in explanation.variables:
        trained = "trained" if variable.trainable else "not trained"
        penalty = f", {written(variable.regularizer)}" if variable.regularizer else ""
        shape = shape_text(variable.shape)
        lines.append(f"  variable {variable.name} {shape}, {trained}, {written(variable.initializer)}{penalty}")
    return "\n".join(lines) + "\n"


def _set_by(item: ArgumentExplanation) -> str:
    if item.span is None:
        return "default" if item.set_by == "default" else "written in the argument above"
    prefix = "with " if item.set_by == "with" else ""
    return f"{_place(item.span)}: {prefix}{_excerpt(item.span)}"


def _place(span: Span) -> str:
    line, column = span.source.line_column(span.start)
    return f"{visible(span.source.name)}:{line}:{column}"


def _excerpt(span: Span) -> str:
    """The first line of what was written there."""
    first, newline, _ = span.text.partition("\n")
    return f"`{visible(first.strip())}{' …' if newline else ''}`"


def _document(explanation: LayerExplanation) -> dict[str, object]:
    record = explanation.record
    return {
        "scope": record.scope,
        "op": record.op,
        "type": str(record.result.type),
        "tensor": record.result.name,
        "written_at": _place(record.span) if record.span else None,
        "chain": [{"message": message, "at": _place(span)} for message, span in record.chain],
        "ops": [
            {
                "name": op.name,
                "arguments": [
                    {
                        "name": item.name,
                        "value": item.value,
                        "default": item.default,
                        "set_by": item.set_by,
                        "at": _place(item.span) if item.span else None,
                        "text": item.span.text if item.span else None,
                    }
                    for item in op.arguments
                ],
            }
            for op in explanation.ops
        ],
        "variables": [
            {"name": v.name, "shape": list(v.shape), "trainable": v.trainable} for v in explanation.variables
        ],
        "nodes": list(explanation.nodes),
    }
