"""What no output needs."""

from __future__ import annotations

from slimdsl.passes.rewriting import Pass, Rewriting, State
from slimdsl.values import value


@value
class RemoveDead(Pass):
    """Nodes and variables that no output needs go. Inputs stay, and outputs: they are how the network is called."""

    def run(self, state: State) -> State:
        """The network without them."""
        graph = state.graph
        work = Rewriting(state)
        needed = set(graph.outputs.values())
        for index in reversed(range(len(graph.nodes))):
            node = graph.nodes[index]
            if any(result in needed for result in node.results):
                needed.update(node.inputs)
                continue
            work.replace(index)
            for result in node.results:
                work.give_up(result, "no output needs it")
        return work.finish(unread=frozenset(v for v in graph.variables if v.tensor not in needed))
