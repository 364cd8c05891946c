"""Networks run by TensorFlow with their weights fed to it.

Constants of hundreds of megabytes are what TensorFlow takes longest over: it copies them several times before the first
step. That they are what a frozen file holds, `tests/passes` and the readers of frozen files show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slimdsl.backends.graphdef.emission import WeightSlot
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.ir.graph import Graph, Variable
from tests.conformance.recipe import variable_values
from tests.harness import Array, tensorflow

Values = Callable[[str, Sequence[int]], Array]
"""The values of a variable of this name and shape."""


class Remembered:
    """Values of variables that are drawn once, for several graphs of one network."""

    def __init__(self, draw: Values = variable_values) -> None:
        self._draw = draw
        self._drawn: dict[tuple[str, tuple[int, ...]], Array] = {}

    def __call__(self, name: str, shape: Sequence[int]) -> Array:
        """The values of a variable."""
        key = (name, tuple(shape))
        if key not in self._drawn:
            self._drawn[key] = self._draw(name, shape)
        return self._drawn[key]


def fed_graph(graph: Graph) -> Any:
    """The frozen graph (a GraphDef), its weights being placeholders."""
    tf = tensorflow().compat.v1
    definition = tf.GraphDef()
    for piece in emit(graph, form="frozen", seed=0).pieces:
        if isinstance(piece, WeightSlot):
            node = definition.node.add(name=piece.name, op="Placeholder")
            node.attr["dtype"].type = tf.as_dtype(piece.variable.tensor.type.dtype.value).as_datatype_enum
            node.attr["shape"].shape.CopyFrom(tensorflow().TensorShape(piece.variable.shape).as_proto())
        else:
            definition.MergeFromString(piece)
    return definition


def run(
    graph: Graph,
    inputs: Mapping[str, Array],
    fetches: list[str],
    *,
    values: Values = variable_values,
    needs: Callable[[Variable], bool] = lambda variable: True,
) -> list[Array]:
    """What a network computes.

    Args:
        graph: the network.
        inputs: tensor -> what is fed to it.
        fetches: the tensors that are asked for.
        values: the weights.
        needs: the variables that these tensors depend on; others get no values.
    """
    tf = tensorflow()
    weights = {f"{v.name}:0": values(v.name, v.shape) for v in graph.variables if needs(v)}
    with tf.Graph().as_default() as loaded:
        tf.import_graph_def(fed_graph(graph), name="")
        with tf.compat.v1.Session(graph=loaded) as session:
            found: list[Array] = session.run(fetches, {**inputs, **weights})
    return found
