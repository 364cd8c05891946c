"""Depthwise, in-plane and separable convolutions: values and shapes, variables, nodes and costs."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.ir.graph import node_macs
from slimdsl.ops.initializers import Ones, Xavier
from slimdsl.ops.regularizers import L2
from slimdsl.ops.separable import ConvInPlane, DepthwiseConv, SeparableConv
from slimdsl.types import SymbolicDim
from tests.harness import check_shapes, graph_of, numbers, tensor, weights_of
from tests.ops import reference

Window = tuple[int, ...]
WINDOWS: list[tuple[Window, Window, Window]] = [
    ((3, 3), (1, 1), (1, 1)), ((3, 2), (2, 2), (1, 1)), ((1, 1), (1, 1), (1, 1)), ((4, 3), (3, 3), (1, 1)),
    ((3, 3), (1, 1), (2, 2)), ((2, 3), (1, 1), (3, 2)), ((3, 1), (1, 1), (2, 1)),
]  # fmt: skip


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride", "rate"), WINDOWS)
def test_depthwise_conv_is_the_sum_over_its_taps(
    kernel: Window, stride: Window, rate: Window, padding: str, *, training: bool
) -> None:
    op = DepthwiseConv(kernel=kernel, depth_multiplier=2, stride=stride, padding=padding, rate=rate, activation=None)
    known = graph_of(op, tensor(2, 9, 8, 3), training=training)
    unknown = graph_of(op, tensor("N", "H", "W", 3), training=training)
    weights = weights_of(known)
    for shape, graphs in (((2, 9, 8, 3), (known, unknown)), ((1, 7, 9, 3), (unknown,))):
        x = numbers("x", shape)
        expected = reference.depthwise(x, weights["SeparableConv2d/depthwise_weights"], stride, rate, padding)
        for graph in graphs:
            (y,) = check_shapes(graph, {"x": x}, dict(zip("NHW", shape)))
            np.testing.assert_allclose(y, expected + weights["SeparableConv2d/biases"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride", "rate"), WINDOWS)
def test_separable_conv_is_depthwise_then_pointwise(kernel: Window, stride: Window, rate: Window, padding: str) -> None:
    op = SeparableConv(
        filters=5, kernel=kernel, depth_multiplier=2, stride=stride, padding=padding, rate=rate, activation=None
    )
    graph = graph_of(op, tensor("N", "H", 8, 3))
    weights = weights_of(graph)
    x = numbers("x", (2, 9, 8, 3))
    inner = reference.depthwise(x, weights["SeparableConv2d/depthwise_weights"], stride, rate, padding)
    expected = inner @ weights["SeparableConv2d/pointwise_weights"][0, 0] + weights["SeparableConv2d/biases"]
    (y,) = check_shapes(graph, {"x": x}, {"N": 2, "H": 9})
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), (1, 1)), ((3, 2), (2, 2))])
def test_conv_in_plane_has_one_filter_for_all_channels(kernel: Window, stride: Window, padding: str) -> None:
    graph = graph_of(ConvInPlane(kernel=kernel, stride=stride, padding=padding, activation=None), tensor("N", 7, 8, 3))
    weights = weights_of(graph)
    x = numbers("x", (2, 7, 8, 3))
    filters = np.tile(weights["ConvInPlane/weights"], (1, 1, 3, 1))
    (y,) = check_shapes(graph, {"x": x}, {"N": 2})
    expected = reference.depthwise(x, filters, stride, (1, 1), padding) + weights["ConvInPlane/biases"]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)


def test_nodes_and_variables_are_called_as_tf_slim_calls_them() -> None:
    x = tensor("N", 8, 8, 3)
    separable = graph_of(SeparableConv(filters=5, kernel=(3,), depth_multiplier=2), x)
    assert [(v.name, v.shape) for v in separable.variables] == [
        ("SeparableConv2d/depthwise_weights", (3, 3, 3, 2)),
        ("SeparableConv2d/pointwise_weights", (1, 1, 6, 5)),
        ("SeparableConv2d/biases", (5,)),
    ]
    assert [node.name for node in separable.nodes] == [
        "SeparableConv2d/separable_conv2d/depthwise", "SeparableConv2d/separable_conv2d", "SeparableConv2d/BiasAdd",
        "SeparableConv2d/Relu",
    ]  # fmt: skip
    plane = graph_of(ConvInPlane(kernel=(3,)), x)
    assert [(v.name, v.shape) for v in plane.variables] == [
        ("ConvInPlane/weights", (3, 3, 1, 1)),
        ("ConvInPlane/biases", (3,)),
    ]
    assert [node.name for node in plane.nodes] == [
        "ConvInPlane/Tile", "ConvInPlane/depthwise", "ConvInPlane/BiasAdd", "ConvInPlane/Relu"
    ]  # fmt: skip


def test_separable_conv_without_filters_is_depthwise_conv() -> None:
    """TF-Slim's ``num_outputs=None``: the same variables and nodes."""
    x = tensor("N", 8, 8, 3)
    none = graph_of(SeparableConv(filters=None, kernel=(3,)), x)
    depthwise = graph_of(DepthwiseConv(kernel=(3,)), x)
    assert [v.name for v in none.variables] == ["SeparableConv2d/depthwise_weights", "SeparableConv2d/biases"]
    assert [v.name for v in none.variables] == [v.name for v in depthwise.variables]
    assert [node.name for node in none.nodes] == [
        "SeparableConv2d/depthwise", "SeparableConv2d/BiasAdd", "SeparableConv2d/Relu"
    ]  # fmt: skip
    assert [(n.name, n.op) for n in none.nodes] == [(n.name, n.op) for n in depthwise.nodes]


def test_both_weights_have_the_regulariser_and_the_pointwise_ones_may_have_their_own_initialiser() -> None:
    x = tensor("N", 8, 8, 3)
    graph = graph_of(SeparableConv(filters=5, kernel=(3,), weights_reg=L2(scale=0.5), pointwise_init=Ones()), x)
    assert [v.regularizer for v in graph.variables] == [L2(scale=0.5), L2(scale=0.5), None]
    assert [v.initializer for v in graph.variables][:2] == [Xavier(), Ones()]
    shared = graph_of(SeparableConv(filters=5, kernel=(3,), weights_init=Ones()), x)
    assert [v.initializer for v in shared.variables][:2] == [Ones(), Ones()]


def test_a_depthwise_convolution_costs_its_result_times_the_window() -> None:
    graph = graph_of(SeparableConv(filters=5, kernel=(3, 2), depth_multiplier=2, stride=(2,)), tensor("N", 8, 8, 3))
    batch = SymbolicDim.named("N")
    assert [node_macs(node) for node in graph.nodes] == [batch * (4 * 4 * 6 * 3 * 2), batch * (4 * 4 * 6 * 5), 0, 0]
