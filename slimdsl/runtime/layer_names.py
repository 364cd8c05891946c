"""What a node of a network is called to its author: the layer that it belongs to, with its line."""

from __future__ import annotations

from slimdsl.ir.graph import Graph, LayerRecord, Node


def layer_text(graph: Graph, node: str) -> str:
    """The layer of a node in words, such as ``the layer `LeNet/fc3` (fc), lenet.slim:15:3``.

    Args:
        graph: the network, with the record of its layers.
        node: name of a node; of nodes that lowering or a cast has made of it too.
    """
    found = _node_of(graph, node)
    if found is None:
        return f"`{node}`"
    number, made = found
    layers = [record for record in graph.layers if record.first_node <= number < record.end_node]
    layer: LayerRecord | None = min(layers, key=lambda record: record.end_node - record.first_node, default=None)
    span = layer.span if layer is not None and layer.span is not None else made.span
    what = f"the layer `{layer.scope}` ({layer.op})" if layer is not None else f"`{node}`"
    return f"{what}, {span!r}" if span is not None else what


def _node_of(graph: Graph, name: str) -> tuple[int, Node] | None:
    """The node of that name, or the one with the longest name that this one stands below."""
    numbers = {node.name: number for number, node in enumerate(graph.nodes)}
    while name and name not in numbers:
        name = name.rpartition("/")[0]
    return (numbers[name], graph.nodes[numbers[name]]) if name else None
