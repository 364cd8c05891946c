"""For a layer of a graph: each argument's value, its default, and where it was set. Plain data; prints nothing."""

from __future__ import annotations

from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import AppliedOp, Graph, LayerRecord, Variable
from slimdsl.ops.arguments import argument_specs, written
from slimdsl.values import Value, value


@value
class ArgumentExplanation(Value):
    """One argument.

    Attributes:
        name: its name.
        value: its value, as one would write it.
        default: its default, or "required".
        set_by: ``call``, ``with`` or ``default``.
        span: where it was set; None for a default.
    """

    name: str
    value: str
    default: str
    set_by: str
    span: Span | None


@value
class OpExplanation(Value):
    """An op and its arguments: the layer itself, or one that stands in an argument of it."""

    name: str
    arguments: tuple[ArgumentExplanation, ...]


@value
class LayerExplanation(Value):
    """A layer: what it is, how the compiler came to it, what it made."""

    record: LayerRecord
    ops: tuple[OpExplanation, ...]
    variables: tuple[Variable, ...]
    nodes: tuple[str, ...]


def explain_scope(graph: Graph, scope: str) -> tuple[LayerExplanation, ...]:
    """The layers of a scope path: the one of that very scope, or all those below it; none where there is no such scope.

    The root scope may be left out: ``conv1`` stands for ``vgg_16/conv1``.
    """
    wanted = scope.strip("/")
    for path in (wanted, f"{_root(graph)}/{wanted}"):
        exact = [record for record in graph.layers if record.scope == path]
        below = exact or [record for record in graph.layers if record.scope.startswith(f"{path}/")]
        if below:
            return tuple(_explain(graph, record) for record in below)
    return ()


def _root(graph: Graph) -> str:
    scopes = [record.scope for record in graph.layers]
    return scopes[0].partition("/")[0] if scopes else ""


def _explain(graph: Graph, record: LayerRecord) -> LayerExplanation:
    return LayerExplanation(
        record=record,
        ops=tuple(_op(applied) for applied in record.applied),
        variables=graph.variables[record.first_variable : record.end_variable],
        nodes=tuple(node.name for node in graph.nodes[record.first_node : record.end_node]),
    )


def _op(applied: AppliedOp) -> OpExplanation:
    found = []
    for spec in argument_specs(type(applied.op)).values():
        origin = applied.origins.get(spec.name)
        given = written(getattr(applied.op, spec.name))
        default = "required" if spec.required else written(spec.default)
        set_by = "default" if given == default else "call"
        if origin is not None:
            set_by = "with" if origin.by_with else "call"
        span = origin.span if origin is not None else None
        found.append(ArgumentExplanation(name=spec.name, value=given, default=default, set_by=set_by, span=span))
    return OpExplanation(name=applied.op.name, arguments=tuple(found))
