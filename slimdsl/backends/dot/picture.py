"""What is drawn of a graph: boxes, and arrows between them. Knows nothing of how they are written.

A box is a layer as it was written. Nodes that belong to no layer, which deploy passes may leave, have a box each. What
reads the variables of another layer has a second sort of arrow from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from slimdsl.ir.graph import Graph, Node, Tensor, Variable
from slimdsl.ops.merge import Merge
from slimdsl.types import TensorType
from slimdsl.values import Value, field, fields_of, value


@value
class Box(Value):
    """A layer, or a node that belongs to none.

    Attributes:
        path: its scope path, or the name of the node.
        op: the spelling of the op in the language.
        detail: window, stride and rate, where it has them: ``3x3 / 2``.
        result: the type of what it gives.
        parameters: elements of its variables.
        merges: True for what only joins several tensors.
    """

    path: str
    op: str
    detail: str
    result: TensorType
    parameters: int
    merges: bool


@value
class Arrow(Value):
    """From a box or an input to a box or an output, both by their places in the picture.

    Attributes:
        source: place among inputs (first) and boxes.
        target: place among boxes (after the inputs) and outputs (last).
        label: what it carries, where the source does not say it.
        shares: True where it carries no tensor but stands for a variable of the source that the target reads.
    """

    source: int
    target: int
    label: str = field(default="")
    shares: bool = field(default=False)


@value
class Picture(Value):
    """All that is drawn; arrows count inputs, boxes and outputs through, in this order.

    Attributes:
        name: the net's name.
        training: True for the training graph.
        inputs: name -> type.
        boxes: in the order of the graph.
        outputs: name -> type.
        arrows: in the order of the boxes that they end in.
        parameters: elements of all variables.
    """

    name: str
    training: bool
    inputs: tuple[tuple[str, TensorType], ...]
    boxes: tuple[Box, ...]
    outputs: tuple[tuple[str, TensorType], ...]
    arrows: tuple[Arrow, ...]
    parameters: int


@value
class _Part(Value):
    """What a box is made of."""

    path: str
    op: str
    result: Tensor
    nodes: tuple[Node, ...]
    variables: tuple[Variable, ...]


def picture_of(graph: Graph) -> Picture:
    """What is drawn of a graph."""
    parts = _parts(graph)
    return Picture(
        name=graph.name,
        training=graph.training,
        inputs=tuple((name, tensor.type) for name, tensor in graph.inputs.items()),
        boxes=tuple(_box(part) for part in parts),
        outputs=tuple((name, tensor.type) for name, tensor in graph.outputs.items()),
        arrows=tuple(_arrows(graph, parts)),
        parameters=graph.parameter_count(),
    )


def _parts(graph: Graph) -> list[_Part]:
    """The boxes in the order of their first nodes; where layers stand within each other, nodes are the inner one's."""
    layers: dict[int, int] = {}
    for index, layer in enumerate(graph.layers):
        for place in range(layer.first_node, layer.end_node):
            if place not in layers or _length(graph, index) <= _length(graph, layers[place]):
                layers[place] = index
    groups: dict[tuple[str, int], list[Node]] = {}
    for place, node in enumerate(graph.nodes):
        key = ("layer", layers[place]) if place in layers else ("node", place)
        groups.setdefault(key, []).append(node)
    owned = _owned(graph, groups)
    parts = []
    for key, nodes in groups.items():
        sort, place = key
        if sort == "layer":
            path, op, result = graph.layers[place].scope, graph.layers[place].op, graph.layers[place].result
        else:
            path, op, result = nodes[0].name, nodes[0].op.name, nodes[0].results[0]
        variables = tuple(owned.get(key, ()))
        parts.append(_Part(path=path, op=op, result=result, nodes=tuple(nodes), variables=variables))
    return parts


def _owned(graph: Graph, groups: Mapping[tuple[str, int], list[Node]]) -> dict[tuple[str, int], list[Variable]]:
    """Whose variables are whose: a layer's are its own, and what is left belongs to what reads it first."""
    owners: dict[str, tuple[str, int]] = {}
    for index, layer in enumerate(graph.layers):
        if ("layer", index) in groups:
            for variable in graph.variables[layer.first_variable : layer.end_variable]:
                owners.setdefault(variable.name, ("layer", index))
    for key, nodes in groups.items():
        for node in nodes:
            for tensor in node.inputs:
                owners.setdefault(tensor.node, key)
    owned: dict[tuple[str, int], list[Variable]] = {}
    for variable in graph.variables:
        if variable.name in owners:
            owned.setdefault(owners[variable.name], []).append(variable)
    return owned


def _length(graph: Graph, index: int) -> int:
    return graph.layers[index].end_node - graph.layers[index].first_node


def _box(part: _Part) -> Box:
    return Box(
        path=part.path,
        op=part.op,
        detail=next(filter(None, map(_detail, part.nodes)), ""),
        result=part.result.type,
        parameters=sum(variable.size for variable in part.variables),
        merges=all(isinstance(node.op, Merge) for node in part.nodes),
    )


def _detail(node: Node) -> str:
    """Window, stride and rate of a primitive that goes over one; "" for others."""
    arguments = {name: getattr(node.op, name) for name in fields_of(node.op)}
    stride = arguments.get("stride")
    if not isinstance(stride, tuple):
        return ""
    # Pooling names its window; the window of a convolution is that of its kernel.
    window = arguments.get("kernel") or node.inputs[1].type.shape[: len(stride)]
    rate = arguments.get("rate", ())
    text = "x".join(str(size) for size in window)
    if any(step != 1 for step in stride):
        text += f" / {_extent(stride)}"
    if any(step != 1 for step in rate):
        text += f", rate {_extent(rate)}"
    return text


def _extent(sizes: tuple[int, ...]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else "x".join(str(size) for size in sizes)


def _arrows(graph: Graph, parts: list[_Part]) -> Iterator[Arrow]:
    """What flows between boxes: each tensor once into each box."""
    first_output = len(graph.inputs) + len(parts)
    sources: dict[str, tuple[int, Tensor]] = {}
    owners: dict[str, int] = {}
    for place, tensor in enumerate(graph.inputs.values()):
        sources[tensor.node] = (place, tensor)
    for place, part in enumerate(parts, len(graph.inputs)):
        for node in part.nodes:
            sources[node.name] = (place, part.result)
        for variable in part.variables:
            owners.setdefault(variable.name, place)
    for place, part in enumerate(parts, len(graph.inputs)):
        seen: set[str] = set()
        for tensor in (tensor for node in part.nodes for tensor in node.inputs):
            owner = owners.get(tensor.node)
            if tensor.name in seen or owner == place:
                continue
            seen.add(tensor.name)
            if owner is not None:
                yield Arrow(source=owner, target=place, label=tensor.node.rpartition("/")[2], shares=True)
            elif tensor.node in sources and sources[tensor.node][0] != place:
                yield _arrow(*sources[tensor.node], tensor, place)
    for place, tensor in enumerate(graph.outputs.values(), first_output):
        if tensor.node in sources:
            yield _arrow(*sources[tensor.node], tensor, place)


def _arrow(source: int, shown: Tensor, tensor: Tensor, target: int) -> Arrow:
    """An arrow with the type of the tensor, where it is not the one that the source shows."""
    return Arrow(source=source, target=target, label="" if tensor.type == shown.type else str(tensor.type))
