"""What passes work on, and the one way in which they change it.

A pass names what stands in the place of which node; everything else is worked out here: who reads what, end points,
and the ranges of the layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from slimdsl.ir.graph import Graph, LayerRecord, Node, Tensor, Variable
from slimdsl.passes.derivation import Derivation, Derived, derivation_of
from slimdsl.types import TensorType
from slimdsl.values import Record, Value, positional


@positional
class State(Record):
    """A network between two passes.

    Attributes:
        graph: the network.
        derivations: name of a variable that the network as written has not -> its values.
        folded_end_points: scope path of an end point that is no more -> why, in words.
        names: all names that there ever were; what is new must have another.
    """

    graph: Graph
    derivations: Mapping[str, Derivation]
    folded_end_points: Mapping[str, str]
    names: frozenset[str]


class Pass(Value):
    """Base of the passes; options are fields."""

    def run(self, state: State) -> State:
        """The network after the pass."""
        raise NotImplementedError


def begin(graph: Graph) -> State:
    """The state before the first pass."""
    names = (*graph.inputs, *(v.name for v in graph.variables), *(node.name for node in graph.nodes))
    return State(graph, {}, {}, frozenset(names))


class Rewriting:
    """One pass over a graph; nothing changes before `finish`.

    Args:
        state: what it begins with.

    Attributes:
        graph: the graph as it is.
    """

    def __init__(self, state: State) -> None:
        self.graph = state.graph
        self._derivations = dict(state.derivations)
        self._folded_end_points = dict(state.folded_end_points)
        self._reasons: dict[Tensor, str] = {}
        self._names = set(state.names)
        self._nodes: dict[int, tuple[Node, ...]] = {}
        self._variables: dict[int, tuple[Variable, ...]] = {}
        self._substitutes: dict[Tensor, Tensor] = {}
        self._by_tensor = {variable.tensor: variable for variable in state.graph.variables}
        self._places = {variable.name: place for place, variable in enumerate(state.graph.variables)}
        self._kept = set(state.graph.outputs.values())
        self._readers: dict[Tensor, list[int]] = {}
        for index, node in enumerate(state.graph.nodes):
            for tensor in node.inputs:
                self._readers.setdefault(tensor, []).append(index)

    def readers(self, tensor: Tensor) -> Sequence[int]:
        """Which nodes read a tensor, once for each time that they do."""
        return self._readers.get(tensor, ())

    def is_output(self, tensor: Tensor) -> bool:
        """Whether a tensor is an output, whose name and value must stay."""
        return tensor in self._kept

    def only_reader(self, node: Node) -> int | None:
        """The one node that needs this node's result; None where there are none or several, or an output is it."""
        (result, *others) = node.results
        readers = self.readers(result)
        return readers[0] if len(readers) == 1 and not others and not self.is_output(result) else None

    def constant(self, tensor: Tensor) -> Derivation | None:
        """What a tensor holds, if that is known before the network runs."""
        return derivation_of(tensor, self._by_tensor, self._derivations)

    def variable(self, tensor: Tensor) -> Variable:
        """The variable that a tensor reads."""
        return self._by_tensor[tensor]

    def unique(self, name: str) -> str:
        """The name itself or, where it is taken, with the first free number behind it; nobody else gets it."""
        free, number = name, 0
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return free

    def derive(self, behind: Variable, tensor: Tensor, derivation: Derivation) -> Tensor:
        """Add a variable with computed values, behind another one in the order of variables; return its tensor."""
        made = Variable(tensor.node, tensor, Derived(), None, False, behind.scope, behind.span)
        place = self._places[behind.name]
        self._places[made.name] = place
        self._variables[place] = (*self._variables.get(place, ()), made)
        self._derivations[made.name] = derivation
        self._by_tensor[tensor] = made
        return tensor

    def derive_as(self, behind: Variable, name: str, kind: TensorType, derivation: Derivation) -> Tensor:
        """The same with a name that is made unique."""
        return self.derive(behind, Tensor(self.unique(name), 0, kind, behind.span), derivation)

    def replace(self, index: int, *nodes: Node) -> None:
        """Put these nodes in the place of the one at `index`."""
        self._nodes[index] = nodes

    def substitute(self, tensor: Tensor, other: Tensor) -> None:
        """All that read a tensor read another, which holds the same."""
        self._substitutes[tensor] = self._resolved(other)

    def give_up(self, tensor: Tensor, reason: str) -> None:
        """Say why a tensor is no more."""
        self._reasons[tensor] = reason

    def finish(self, unread: frozenset[Variable] = frozenset()) -> State:
        """The state after the pass, without the variables that are named."""
        graph = self.graph
        nodes = [self._nodes.get(index, (node,)) for index, node in enumerate(graph.nodes)]
        variables = [
            (*(() if variable in unread else (variable,)), *self._variables.get(place, ()))
            for place, variable in enumerate(graph.variables)
        ]
        rewired = tuple(self._rewired(node) for group in nodes for node in group)
        made = tuple(variable for group in variables for variable in group)
        alive = {*graph.inputs.values(), *(v.tensor for v in made), *(t for node in rewired for t in node.results)}
        new = Graph(
            name=graph.name,
            inputs=graph.inputs,
            variables=made,
            nodes=rewired,
            outputs=graph.outputs,
            end_points=self._end_points(alive),
            layers=tuple(self._layers(_offsets(nodes), _offsets(variables), alive)),
            training=graph.training,
        )
        return State(new, self._derivations, self._folded_end_points, frozenset(self._names))

    def _end_points(self, alive: set[Tensor]) -> dict[str, Tensor]:
        """Those whose value there still is, under whatever name; of the others it is noted why."""
        found = {}
        for path, before in self.graph.end_points.items():
            tensor = self._resolved(before)
            if tensor in alive:
                found[path] = tensor
            else:
                self._folded_end_points[path] = self._reasons[tensor]
        return found

    def _layers(self, nodes: list[int], variables: list[int], alive: set[Tensor]) -> Iterator[LayerRecord]:
        """The layers whose result there still is, with their nodes and variables as they are now counted."""
        for layer in self.graph.layers:
            result = self._resolved(layer.result)
            if result in alive:
                yield LayerRecord(
                    scope=layer.scope,
                    op=layer.op,
                    result=result,
                    first_node=nodes[layer.first_node],
                    end_node=nodes[layer.end_node],
                    first_variable=variables[layer.first_variable],
                    end_variable=variables[layer.end_variable],
                    span=layer.span,
                    applied=layer.applied,
                    chain=layer.chain,
                )

    def _resolved(self, tensor: Tensor) -> Tensor:
        return self._substitutes.get(tensor, tensor)

    def _rewired(self, node: Node) -> Node:
        inputs = tuple(self._resolved(tensor) for tensor in node.inputs)
        if inputs == node.inputs:
            return node
        return Node(node.name, node.op, inputs, node.results, node.scope, node.span)


def _offsets(groups: Sequence[Sequence[object]]) -> list[int]:
    """How many items stand before each group, and how many there are."""
    return [0, *accumulate(len(group) for group in groups)]
