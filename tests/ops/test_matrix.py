"""Products of two tensors, the causal mask, and attention with the numbers of Keras."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.ops.attention import Attention
from slimdsl.ops.base import Operand
from slimdsl.ops.matrix import MaskFuture, MatrixProduct
from slimdsl.types import DType
from tests.harness import (
    Array,
    TestBuilder,
    check_shapes,
    graph_of,
    numbers,
    run,
    sizes_of,
    tensor,
    tensorflow,
    weights_of,
)


def product_of(op: MatrixProduct, left: tuple[str | int, ...], right: tuple[str | int, ...]) -> tuple[Array, Array]:
    """The product of numbers of these shapes, N being 2 and L being 3, and the one that numpy has."""
    bound = {"N": 2, "L": 3}
    builder = TestBuilder()
    sources = {name: builder.input(name, tensor(*shape)) for name, shape in (("a", left), ("b", right))}
    graph = builder.graph(y=builder.emit(op, *sources.values()))
    fed = {name: numbers(name, sizes_of(tensor(*shape).shape, bound)) for name, shape in (("a", left), ("b", right))}
    (y,) = check_shapes(graph, fed, bound)
    a = np.swapaxes(fed["a"], -1, -2) if op.transpose_a else fed["a"]
    b = np.swapaxes(fed["b"], -1, -2) if op.transpose_b else fed["b"]
    return y, a @ b


@pytest.mark.parametrize(
    ("left", "right", "op"),
    [
        ((4, 5), (5, 6), MatrixProduct()),
        (("N", 5), (6, 5), MatrixProduct(transpose_b=True)),
        ((5, "N"), (5, 6), MatrixProduct(transpose_a=True)),
        (("N", "L", 5), ("N", 5, 6), MatrixProduct()),
        (("N", "L", 5), ("N", "L", 5), MatrixProduct(transpose_b=True)),
        (("N", "L", 5), ("N", "L", 6), MatrixProduct(transpose_a=True)),
        (("N", 4, "L", 5), ("N", 4, 6, 5), MatrixProduct(transpose_b=True)),
        (("N", "L", 5), (5, 6), MatrixProduct()),
        (("N", "L", 5), (6, 5), MatrixProduct(transpose_b=True)),
    ],
)
def test_products_are_numpys(left: tuple[str | int, ...], right: tuple[str | int, ...], op: MatrixProduct) -> None:
    y, expected = product_of(op, left, right)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_multiplications_are_counted() -> None:
    op = MatrixProduct(transpose_b=True)
    kinds = (tensor(2, 3, 5), tensor(2, 4, 5))
    assert op.macs(kinds, op.infer(*kinds)) == 2 * 3 * 4 * 5


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16, DType.FLOAT64, DType.BFLOAT16])
@pytest.mark.parametrize("given", [("N", 4, 4), ("N", "L", "L"), (2, 3, 4, 4)])
def test_the_mask_takes_what_lies_ahead(given: tuple[str | int, ...], dtype: DType) -> None:
    shape = tuple(int({"N": 2, "L": 5}.get(str(size), size)) for size in given)
    x = np.ones(shape, tensorflow().as_dtype(dtype.value).as_numpy_dtype)
    (y,) = check_shapes(graph_of(MaskFuture(), tensor(*given, dtype=dtype)), {"x": x}, {"N": 2, "L": 5})
    wide = y.astype(np.float64)
    np.testing.assert_array_equal(wide == 1, np.broadcast_to(np.tri(shape[-1]), shape) == 1)
    assert np.isfinite(wide).all()
    assert np.min(wide) < -6e4


def of_keras(layer: Attention, x: Array, weights: dict[str, Array]) -> Array:
    """The result of Keras' layer with these weights."""
    size = layer.size or x.shape[-1] // layer.heads
    keras = tensorflow().keras.layers.MultiHeadAttention(layer.heads, size, use_bias=layer.biases_init is not None)
    keras(x, x)
    given = {name.removeprefix("Attention/"): value for name, value in weights.items()}
    shapes: dict[str, tuple[int, ...]] = {}
    shapes |= dict.fromkeys(("query/weights", "key/weights", "value/weights"), (x.shape[-1], layer.heads, size))
    shapes |= dict.fromkeys(("query/biases", "key/biases", "value/biases"), (layer.heads, size))
    shapes["output/weights"], shapes["output/biases"] = (layer.heads, size, x.shape[-1]), (x.shape[-1],)
    keras.set_weights([array.reshape(shapes[name]) for name, array in given.items()])
    return np.asarray(keras(x, x, use_causal_mask=layer.causal))


@pytest.mark.parametrize("given", [(2, 7, 6), ("N", 7, 6), ("N", "L", 6)])
@pytest.mark.parametrize(
    "layer",
    [
        Attention(heads=2),
        Attention(heads=3, causal=True),
        Attention(heads=4, size=5),
        Attention(heads=1, biases_init=None, causal=True),
    ],
)
def test_attention_is_that_of_keras(layer: Attention, given: tuple[str | int, ...]) -> None:
    graph = graph_of(layer, tensor(*given))
    x, weights = numbers("x", (2, 7, 6)), weights_of(graph)
    (y,) = check_shapes(graph, {"x": x}, {"N": 2, "L": 7})
    np.testing.assert_allclose(y, of_keras(layer, x, weights), rtol=1e-4, atol=1e-4)


def test_variables_of_attention() -> None:
    graph = graph_of(Attention(heads=2, size=5), tensor("N", 7, 6))
    assert [(v.name.removeprefix("Attention/"), v.shape) for v in graph.variables] == [
        ("query/weights", (6, 10)),
        ("query/biases", (10,)),
        ("key/weights", (6, 10)),
        ("key/biases", (10,)),
        ("value/weights", (6, 10)),
        ("value/biases", (10,)),
        ("output/weights", (10, 6)),
        ("output/biases", (6,)),
    ]
    assert graph.outputs["y"].name == "Attention/output/BiasAdd:0"


def test_weights_of_the_mean_are_dropped_while_training() -> None:
    layer = Attention(heads=2, keep_prob=0.5)
    inference, graph = (graph_of(layer, tensor(2, 7, 6), training=training) for training in (False, True))
    assert "random_drop" not in [node.op.name for node in inference.nodes]
    assert "random_drop" in [node.op.name for node in graph.nodes]
    assert np.isfinite(run(graph, {"x": numbers("x", (2, 7, 6))})[0]).all()


def test_a_product_in_a_graph_takes_a_matrix_for_all() -> None:
    def twice(builder: TestBuilder, x: Operand) -> Operand:
        square = builder.emit(MatrixProduct(transpose_b=True), x, x)
        return builder.emit(MatrixProduct(), square, x)

    x = numbers("x", (2, 3, 4))
    (y,) = check_shapes(graph_of(twice, tensor("N", 3, 4)), {"x": x}, {"N": 2})
    np.testing.assert_allclose(y, x @ x.swapaxes(1, 2) @ x, rtol=1e-4, atol=1e-5)
