"""The rules of a well-formed graph. What breaks one is a fault of the compiler, never of the text it compiles."""

from __future__ import annotations

from collections.abc import Iterator

from slimdsl.ir.graph import Graph, Tensor


class InvalidGraph(Exception):
    """The graph breaks a rule; the message lists all that were found."""


def verify(graph: Graph) -> None:
    """Check the graph.

    1. Names of inputs, variables and nodes are unique.
    2. Every node comes after what it reads, and reads only tensors of this graph.
    3. The types of a node's results are those that its op infers from its inputs.
    4. Variables have known, positive dimensions.
    5. Outputs, end points, updates and layers refer to tensors of this graph; updates keep their variable's type.

    Raises:
        InvalidGraph: a rule is broken.
    """
    problems = list(_problems(graph))
    if problems:
        raise InvalidGraph("; ".join(problems))


def _problems(graph: Graph) -> Iterator[str]:
    known: set[Tensor] = set()
    names: set[str] = set()
    for tensor in (*graph.inputs.values(), *(variable.tensor for variable in graph.variables)):
        if tensor.node in names:
            yield f"the name {tensor.node} is used twice"
        names.add(tensor.node)
        known.add(tensor)
    for variable in graph.variables:
        if not all(isinstance(dim, int) and dim >= 1 for dim in variable.tensor.type.shape):
            yield f"the variable {variable.name} has the shape {variable.tensor.type}"
        if variable.name != variable.tensor.node:
            yield f"the variable {variable.name} is read as {variable.tensor.node}"
    for node in graph.nodes:
        if node.name in names:
            yield f"the name {node.name} is used twice"
        names.add(node.name)
        for tensor in node.inputs:
            if tensor not in known:
                yield f"{node.name} reads {tensor.name}, which does not come before it"
        inferred = node.op.infer_all(*(tensor.type for tensor in node.inputs))
        if inferred != tuple(tensor.type for tensor in node.results):
            yield f"{node.name} has results {[str(t.type) for t in node.results]}, not {[str(t) for t in inferred]}"
        if any((t.node, t.index) != (node.name, i) for i, t in enumerate(node.results)):
            yield f"the results of {node.name} are not numbered after it"
        known.update(node.results)
    yield from _reference_problems(graph, known)


def _reference_problems(graph: Graph, known: set[Tensor]) -> Iterator[str]:
    for what, tensors in (("output", graph.outputs), ("end point", graph.end_points)):
        for name, tensor in tensors.items():
            if tensor not in known:
                yield f"the {what} {name} is {tensor.name}, which is not in the graph"
    for update in graph.updates:
        if update.new_value not in known:
            yield f"the update of {update.variable.name} is {update.new_value.name}, which is not in the graph"
        if update.new_value.type != update.variable.tensor.type:
            yield f"the update of {update.variable.name} is {update.new_value.type}"
    for layer in graph.layers:
        if layer.result not in known:
            yield f"the layer {layer.scope} has the result {layer.result.name}, which is not in the graph"
