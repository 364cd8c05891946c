"""Builds small graphs out of ops, emits them and runs them in TensorFlow: what the tests of ops and lowerings share.

The builder here is the least that `ops.base.Builder` asks for; the compiler's own is tested with the semantics.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from slimdsl.backends.graphdef.emission import Emission, WeightSlot
from slimdsl.backends.graphdef.emitter import Form, emit
from slimdsl.ir.graph import Graph, Node, Tensor, Update, Variable
from slimdsl.ops.base import Applicable, Initializer, Layer, LayerValue, Op, Operand, Primitive, Regularizer, ShapeError
from slimdsl.types import Dim, DType, FloorDiv, Shape, SymbolicDim, TensorType

Array = npt.NDArray[Any]


def dim(text: str | int) -> Dim:
    """A size: a number, or the name of one that is not known."""
    return text if isinstance(text, int) else SymbolicDim.named(text)


def tensor(*shape: str | int | Dim, dtype: DType = DType.FLOAT32) -> TensorType:
    """A tensor's type: ``tensor("N", 8, 8, 3)``."""
    return TensorType(dtype=dtype, shape=tuple(dim(size) if isinstance(size, str) else size for size in shape))


def size(of: Dim, sizes: Mapping[str, int]) -> int:
    """What a dimension comes to where the named sizes are these."""
    if isinstance(of, int):
        return of
    total = 0
    for monomial, count in of.terms:
        part = count
        for atom in monomial:
            part *= size(atom.numerator, sizes) // atom.divisor if isinstance(atom, FloorDiv) else sizes[atom.name]
        total += part
    return total


def sizes_of(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """What a shape comes to."""
    return tuple(size(of, sizes) for of in shape)


class TestBuilder:
    """Implements `ops.base.Builder`; names are unique, scopes are as given."""

    __test__ = False

    def __init__(self, *, training: bool = False) -> None:
        self.training = training
        self.scope = ""
        self.inputs: dict[str, Tensor] = {}
        self.variables: list[Variable] = []
        self.nodes: list[Node] = []
        self.updates: list[Update] = []
        self._taken: set[str] = set()
        self._reserved: set[str] = set()

    def input(self, name: str, type: TensorType) -> Tensor:
        """Add an input."""
        self.inputs[name] = Tensor(self._unique(name), 0, type)
        return self.inputs[name]

    def variable(
        self,
        leaf: str,
        shape: tuple[Dim, ...],
        *,
        initializer: Initializer,
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        dtype: DType = DType.FLOAT32,
    ) -> Operand:
        """Make a variable."""
        if not all(isinstance(known, int) for known in shape):
            raise ShapeError(f"variable `{leaf}` of the shape {shape}")
        name = self._unique(self._below(leaf))
        variable = Variable(
            name, Tensor(name, 0, TensorType(dtype=dtype, shape=shape)), initializer, regularizer, trainable, self.scope
        )
        self.variables.append(variable)
        return variable.tensor

    def emit(self, op: Primitive, *inputs: Operand, name: str | None = None) -> Operand:
        """Add a node."""
        return self.emit_all(op, *inputs, name=name)[0]

    def emit_all(self, op: Primitive, *inputs: Operand, name: str | None = None) -> tuple[Operand, ...]:
        """Add a node with all its results."""
        types = op.infer_all(*(operand.type for operand in inputs))
        path = self._unique(self._below(name or op.node_name))
        results = tuple(Tensor(path, index, type) for index, type in enumerate(types))
        self.nodes.append(Node(path, op, cast("tuple[Tensor, ...]", inputs), results, self.scope))
        return results

    def layer(self, layer: Applicable, x: Operand) -> Operand:
        """Apply a layer value."""
        assert isinstance(layer, LayerValue)
        return self.apply(layer.op(**dict(layer.arguments)), x)

    def update(self, variable: Operand, new_value: Operand) -> None:
        """Note an update."""
        owner = next(known for known in self.variables if known.tensor is variable)
        self.updates.append(Update(owner, cast("Tensor", new_value)))

    def apply(self, op: Op, x: Operand) -> Operand:
        """Apply an op, a layer in its default scope."""
        if isinstance(op, Primitive):
            return self.emit(op, x)
        assert isinstance(op, Layer)
        outer, self.scope = self.scope, self._below(type(op).scope_for(x.type))
        if op.reserves_scope_name:
            self._reserved.add(f"{self.scope}/{self.scope.rpartition('/')[2]}".lower())
        result = op.build(self, x)
        self.scope = outer
        return result

    def graph(self, **outputs: Operand) -> Graph:
        """The graph with these outputs."""
        return Graph(
            name="test",
            inputs=dict(self.inputs),
            variables=tuple(self.variables),
            nodes=tuple(self.nodes),
            outputs=cast("dict[str, Tensor]", outputs),
            end_points={},
            updates=tuple(self.updates),
            training=self.training,
        )

    def _below(self, leaf: str) -> str:
        return f"{self.scope}/{leaf}" if self.scope else leaf

    def _unique(self, wanted: str) -> str:
        name, number = wanted, 0
        while name in self._taken or name.lower() in self._reserved:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


def graph_of(op: Op | Callable[[TestBuilder, Operand], Operand], x: TensorType, *, training: bool = False) -> Graph:
    """A graph with the input ``x``, one op (or what a function builds), and the output ``y``."""
    builder = TestBuilder(training=training)
    source = builder.input("x", x)
    return builder.graph(y=builder.apply(op, source) if isinstance(op, Op) else op(builder, source))


def numbers(name: str, shape: tuple[int, ...], dtype: DType = DType.FLOAT32) -> Array:
    """Normally distributed numbers that depend on the name alone; counting numbers for an integer type."""
    if not dtype.floating:
        return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype.value)
    drawn = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(int(np.prod(shape)))
    return drawn.reshape(shape).astype(dtype.value)


def weights_of(graph: Graph) -> dict[str, Array]:
    """Numbers for each variable."""
    return {v.name: numbers(v.name, v.shape, v.tensor.type.dtype) for v in graph.variables}


def file_bytes(emission: Emission, weights: Mapping[str, Array]) -> bytes:
    """The emitted file."""
    return b"".join(
        piece.header + weights[piece.variable.name].tobytes() if isinstance(piece, WeightSlot) else piece
        for piece in emission.pieces
    )


def tensorflow() -> Any:
    """TensorFlow, with little to say."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    return tf


def graph_def(graph: Graph, weights: Mapping[str, Array] | None = None, *, form: Form = "frozen", seed: int = 0) -> Any:
    """The emitted graph as TensorFlow reads it."""
    definition = tensorflow().compat.v1.GraphDef()
    chosen = weights_of(graph) if weights is None else weights
    definition.ParseFromString(file_bytes(emit(graph, form=form, seed=seed, store_weights=True), chosen))
    return definition


def run(
    graph: Graph,
    feeds: Mapping[str, Array],
    weights: Mapping[str, Array] | None = None,
    *,
    fetches: tuple[str, ...] = (),
    seed: int = 0,
) -> list[Array]:
    """Emit a graph frozen and run it in TensorFlow; return its outputs, or the tensors named."""
    tf = tensorflow()
    wanted = fetches or tuple(output.name for output in graph.outputs.values())
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph_def(graph, weights, seed=seed), name="")
        with tf.compat.v1.Session(graph=imported) as session:
            fed = {name if ":" in name else f"{name}:0": array for name, array in feeds.items()}
            return cast("list[Array]", session.run(list(wanted), fed))


def check_shapes(graph: Graph, feeds: Mapping[str, Array], sizes: Mapping[str, int]) -> list[Array]:
    """Run a graph; hold the shape and type of every tensor in it against what was inferred; return the outputs."""
    results = [result for node in graph.nodes for result in node.results]
    values = run(graph, feeds, fetches=tuple(result.name for result in results))
    for result, array in zip(results, values):
        assert array.shape == sizes_of(result.type.shape, sizes), result.name
        assert array.dtype.name == result.type.dtype.value, result.name
    by_name = {result.name: array for result, array in zip(results, values)}
    return [by_name[output.name] for output in graph.outputs.values()]
