"""A network whose operations run one by one as they are called: slow, and a failure has its layer and its line.

TensorFlow imports graphs into functions alone. So the nodes are read from a graph that is never run, and each of them
is called through `tf.raw_ops`, where a tape sees it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from slimdsl.ir.graph import Graph
from slimdsl.runtime.errors import EngineError, tensorflow_text
from slimdsl.runtime.layer_names import layer_text
from slimdsl.runtime.network import ImportedNetwork


class EagerNetwork(ImportedNetwork):
    """As `ImportedNetwork`, to be called outside of functions; inside of one there is no difference.

    Args:
        graph: the network.
        seed: what first values are drawn from.
        layers: the graph with the record of the layers, for messages; None for `graph` itself.
    """

    def __init__(self, graph: Graph, seed: int = 0, *, layers: Graph | None = None) -> None:
        super().__init__(graph, seed)
        self._layers = layers or graph
        with tf.Graph().as_default() as nodes:
            tf.graph_util.import_graph_def(self.definition, name="")
        # In an order in which each comes behind what it takes.
        self._operations: list[tf.Operation] = nodes.get_operations()

    def _imported(self, tensors: Sequence[str], bound: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        if not tf.executing_eagerly():
            return super()._imported(tensors, bound)
        needed = self._needed([name for name in tensors if name not in bound], bound)
        made = dict(bound)
        for operation in self._operations:
            if operation.name in needed:
                made.update(self._results(operation, made))
        return [made[name] for name in tensors]

    def _results(self, operation: tf.Operation, made: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The tensors of an operation by name, but those that are bound.

        Raises:
            EngineError: it cannot be computed.
            tf.errors.ResourceExhaustedError: it does not fit into the memory.
        """
        try:
            found = _run(operation, [made[tensor.name] for tensor in operation.inputs])
        except tf.errors.ResourceExhaustedError:
            raise
        except (tf.errors.OpError, ValueError, TypeError) as error:
            where = layer_text(self._layers, operation.name)
            raise EngineError(
                f"{where}, fails in `{operation.name}` ({operation.type}): {tensorflow_text(error)}"
            ) from error
        return {t.name: value for t, value in zip(operation.outputs, found, strict=True) if t.name not in made}


def _run(operation: tf.Operation, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """What an operation makes of its inputs, and what a tape can go back through."""
    if operation.type == "Const":
        return [tf.constant(tf.make_ndarray(operation.get_attr("value")))]
    call = getattr(tf.raw_ops, operation.type)
    arguments: dict[str, Any] = dict(_arguments(operation, inputs))
    for name in inspect.signature(call).parameters:
        if name not in arguments and name != "name":
            given = operation.get_attr(name)
            arguments[name] = tf.TensorShape(given) if _is_shape(given) else given
    found = call(**arguments)
    if isinstance(found, tf.Operation) or found is None:
        return []
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _arguments(operation: tf.Operation, inputs: Sequence[tf.Tensor]) -> Iterator[tuple[str, Any]]:
    """The inputs by the names of the op's arguments; an argument may be a list of tensors."""
    rest = list(inputs)
    for argument in operation.op_def.input_arg:
        if argument.number_attr or argument.type_list_attr:
            length = operation.get_attr(argument.number_attr or argument.type_list_attr)
            count = length if isinstance(length, int) else len(length)
            yield argument.name, rest[:count]
            del rest[:count]
        else:
            yield argument.name, rest.pop(0)


def _is_shape(given: object) -> bool:
    """Whether the value of an attr is a shape: `get_attr` gives its message, which the ops do not take."""
    return type(given).__name__ == "TensorShapeProto"
