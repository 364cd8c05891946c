"""The fully connected layer and `bias_add`."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.ir.graph import node_macs
from slimdsl.ops.activations import Relu
from slimdsl.ops.base import LayerValue
from slimdsl.ops.bias import BiasAdd
from slimdsl.ops.dense import FullyConnected
from slimdsl.ops.initializers import Xavier, Zeros
from slimdsl.types import SymbolicDim
from tests.harness import check_shapes, dim, graph_of, numbers, tensor, weights_of


@pytest.mark.parametrize("given", [(2, 6), ("N", 6)])
def test_fc_is_a_product_with_biases_and_a_relu(given: tuple[str | int, ...]) -> None:
    graph = graph_of(FullyConnected(units=4), tensor(*given))
    weights = weights_of(graph)
    assert [(v.name, v.shape, v.initializer) for v in graph.variables] == [
        ("fully_connected/weights", (6, 4), Xavier()),
        ("fully_connected/biases", (4,), Zeros()),
    ]
    assert [n.name for n in graph.nodes] == [
        "fully_connected/MatMul", "fully_connected/BiasAdd", "fully_connected/Relu"
    ]  # fmt: skip
    x = numbers("x", (2, 6))
    (y,) = check_shapes(graph, {"x": x}, {"N": 2})
    expected = np.maximum(x @ weights["fully_connected/weights"] + weights["fully_connected/biases"], 0)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "given", [(2, 3, 5, 6), ("N", 3, 5, 6), ("N", "H", 5, 6), ("N", "H", "W", 6), (2, "H", "H", 6)]
)
def test_fc_with_an_axis_acts_on_the_last_axis(given: tuple[str | int, ...]) -> None:
    graph = graph_of(FullyConnected(units=4, activation=None, axis=-1), tensor(*given))
    weights = weights_of(graph)
    shape = (2, 3, 3, 6) if given[1] == given[2] else (2, 3, 5, 6)
    x = numbers("x", shape)
    (y,) = check_shapes(graph, {"x": x}, dict(zip("NHW", shape)))
    expected = x @ weights["fully_connected/weights"] + weights["fully_connected/biases"]
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    assert graph.nodes[0].name == "fully_connected/Tensordot"


def test_the_last_axis_may_be_written_by_its_number() -> None:
    graph = graph_of(FullyConnected(units=4, axis=3), tensor("N", 3, 5, 6))
    assert graph.outputs["y"].type == tensor("N", 3, 5, 4)


def test_fc_costs_its_result_times_its_inputs() -> None:
    batch = SymbolicDim.named("N")
    assert node_macs(graph_of(FullyConnected(units=4), tensor("N", 6)).nodes[0]) == batch * 24
    wide = graph_of(FullyConnected(units=4, axis=-1), tensor("N", "H", 6)).nodes[0]
    assert node_macs(wide) == batch * dim("H") * 24


@pytest.mark.parametrize("shape", [(2, 6), (2, 5, 6), (2, 3, 4, 6), (2, 3, 4, 2, 6)])
def test_bias_add_adds_to_each_channel(shape: tuple[int, ...]) -> None:
    graph = graph_of(BiasAdd(), tensor("N", *shape[1:]))
    x = numbers("x", shape)
    (y,) = check_shapes(graph, {"x": x}, {"N": 2})
    np.testing.assert_allclose(y, x + weights_of(graph)["BiasAdd/biases"], rtol=1e-6)
    assert [node.name for node in graph.nodes] == ["BiasAdd/BiasAdd"]


def test_bias_add_may_have_an_activation() -> None:
    graph = graph_of(BiasAdd(activation=LayerValue(Relu)), tensor("N", 6))
    assert [node.name for node in graph.nodes] == ["BiasAdd/BiasAdd", "BiasAdd/Relu"]
