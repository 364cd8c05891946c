"""What a network costs: a row for each layer and the totals, as numbers.

All figures are for one example: the size on the first axis of an input, where it has a name, counts as one. Other named
sizes stay, so a figure is an integer or a polynomial such as ``4096*H*W``. Knows nothing of how they are printed.
"""

from __future__ import annotations

from slimdsl.ir.graph import Graph, LayerRecord, node_macs
from slimdsl.types import Dim, Symbol, SymbolicDim, TensorType, product, substitute
from slimdsl.values import Value, value


@value
class LayerCost(Value):
    """One layer.

    Attributes:
        scope: its scope path.
        op: the spelling of the op in the language.
        output: the type of its result, with the batch as declared.
        parameters: number of elements of its variables, moving averages included.
        macs: multiply-accumulate operations of one forward pass.
        activation_bytes: size of its result.
    """

    scope: str
    op: str
    output: TensorType
    parameters: int
    macs: Dim
    activation_bytes: Dim


@value
class Summary(Value):
    """All layers and the totals.

    Attributes:
        net: the net's name.
        inputs: name -> type.
        layers: in the order in which they were written.
        batch_names: the named sizes that count as one.
        parameters: number of elements of all variables.
        trainable_parameters: those of the trained ones.
        macs: multiply-accumulate operations of one forward pass of all nodes.
        activation_bytes: sum over the layers: what it takes to keep every layer's result.
        weight_bytes: size of all variables.
    """

    net: str
    inputs: tuple[tuple[str, TensorType], ...]
    layers: tuple[LayerCost, ...]
    batch_names: tuple[str, ...]
    parameters: int
    trainable_parameters: int
    macs: Dim
    activation_bytes: Dim
    weight_bytes: int


def summarize(graph: Graph) -> Summary:
    """Count what the layers of a graph cost."""
    batch = _batch_names(graph)
    layers = tuple(_layer_cost(graph, record, batch) for record in graph.layers)
    macs: Dim = 0
    for node in graph.nodes:
        macs = macs + node_macs(node)
    activation_bytes: Dim = 0
    for layer in layers:
        activation_bytes = activation_bytes + layer.activation_bytes
    return Summary(
        net=graph.name,
        inputs=tuple((name, tensor.type) for name, tensor in graph.inputs.items()),
        layers=layers,
        batch_names=batch,
        parameters=graph.parameter_count(),
        trainable_parameters=graph.parameter_count(trainable_only=True),
        macs=substitute(macs, dict.fromkeys(batch, 1)),
        activation_bytes=activation_bytes,
        weight_bytes=sum(variable.size * variable.tensor.type.dtype.size for variable in graph.variables),
    )


def _layer_cost(graph: Graph, record: LayerRecord, batch: tuple[str, ...]) -> LayerCost:
    macs: Dim = 0
    for node in graph.nodes[record.first_node : record.end_node]:
        macs = macs + node_macs(node)
    output = record.result.type
    return LayerCost(
        scope=record.scope,
        op=record.op,
        output=output,
        parameters=sum(v.size for v in graph.variables[record.first_variable : record.end_variable]),
        macs=substitute(macs, dict.fromkeys(batch, 1)),
        activation_bytes=substitute(product(output.shape) * output.dtype.size, dict.fromkeys(batch, 1)),
    )


def _batch_names(graph: Graph) -> tuple[str, ...]:
    """The names that stand alone on the first axis of an input."""
    firsts = [tensor.type.shape[0] for tensor in graph.inputs.values() if tensor.type.shape]
    return tuple(dict.fromkeys(name for name in map(_lone_name, firsts) if name))


def _lone_name(dim: Dim) -> str:
    """The name of a dimension that is a named size and nothing else; "" for any other."""
    if isinstance(dim, SymbolicDim) and len(dim.terms) == 1:
        monomial, count = dim.terms[0]
        if count == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0].name
    return ""
