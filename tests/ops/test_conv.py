"""Convolutions and transposed convolutions: values and shapes, variables, nodes and costs."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.ir.graph import Graph, node_macs
from slimdsl.ops.base import LayerValue
from slimdsl.ops.bias import BiasAdd
from slimdsl.ops.conv import Conv, ConvTranspose
from slimdsl.ops.regularizers import L2
from slimdsl.types import DType, SymbolicDim
from tests.harness import check_shapes, graph_def, graph_of, numbers, tensor, weights_of
from tests.ops import reference

Window = tuple[int, ...]
AXES = {1: "L", 2: "HW", 3: "DHW"}
ORDINARY: list[tuple[Window, Window]] = [
    ((3,), (1,)), ((4,), (2,)), ((2,), (3,)),
    ((3, 3), (1, 1)), ((3, 2), (2, 1)), ((1, 1), (2, 2)), ((4, 5), (3, 2)),
    ((3, 3, 3), (1, 1, 1)), ((2, 3, 1), (2, 1, 2)),
]  # fmt: skip
DILATED: list[tuple[Window, Window]] = [
    ((3,), (3,)), ((3, 3), (2, 2)), ((2, 3), (3, 2)), ((3, 1), (2, 1)), ((2, 2, 3), (2, 3, 2)),
]  # fmt: skip
TRANSPOSED: list[tuple[Window, Window]] = [
    ((3, 3), (1, 1)), ((3, 3), (2, 2)), ((2, 2), (2, 2)), ((4, 3), (2, 3)), ((1, 2), (3, 2)), ((5, 4), (1, 2)),
    ((3, 3, 3), (2, 2, 2)), ((2, 1, 3), (1, 2, 2)),
]  # fmt: skip


def check_conv(op: Conv, *, training: bool) -> None:
    """With known and unknown sizes, the layer gives what the sum over its taps gives, in the inferred shapes."""
    axes = len(op.kernel)
    spatial = (9, 8, 7)[:axes]
    known = graph_of(op, tensor(2, *spatial, 3), training=training)
    unknown = graph_of(op, tensor("N", *AXES[axes], 3), training=training)
    weights = weights_of(known)
    for batch, sizes, graphs in ((2, spatial, (known, unknown)), (1, (7, 9, 6)[:axes], (unknown,))):
        x = numbers("x", (batch, *sizes, 3))
        expected = reference.convolution(x, weights["Conv/weights"], op.stride, op.rate, str(op.padding))
        for graph in graphs:
            (y,) = check_shapes(graph, {"x": x}, dict(zip(AXES[axes], sizes), N=batch))
            np.testing.assert_allclose(y, expected + weights["Conv/biases"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), ORDINARY)
def test_conv_is_the_sum_over_its_taps(kernel: Window, stride: Window, padding: str) -> None:
    rate = (1,) * len(kernel)
    check_conv(
        Conv(filters=4, kernel=kernel, stride=stride, padding=padding, rate=rate, activation=None), training=False
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "rate"), DILATED)
def test_dilated_conv_is_the_sum_over_its_taps_in_both_graphs(
    kernel: Window, rate: Window, padding: str, *, training: bool
) -> None:
    stride = (1,) * len(kernel)
    op = Conv(filters=4, kernel=kernel, stride=stride, padding=padding, rate=rate, activation=None)
    check_conv(op, training=training)


@pytest.mark.parametrize(("training", "dilations"), [(False, [1, 2, 2, 1]), (True, [1, 1, 1, 1])])
def test_the_training_graph_has_no_dilated_node(*, training: bool, dilations: list[int]) -> None:
    """The gradient of one does not exist on every CPU; for inference one node is the simpler thing to read."""
    graph = graph_of(Conv(filters=4, kernel=(3,), rate=(2,)), tensor("N", 8, 8, 3), training=training)
    (node,) = (node for node in graph_def(graph).node if node.op == "Conv2D")
    assert list(node.attr["dilations"].list.i) == dilations


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("kernel", "stride"), TRANSPOSED)
def test_conv_transpose_is_the_adjoint_of_conv(kernel: Window, stride: Window, padding: str) -> None:
    op = ConvTranspose(filters=4, kernel=kernel, stride=stride, padding=padding, activation=None)
    axes = len(kernel)
    spatial = (4, 5, 3)[:axes]
    known, open_batch = graph_of(op, tensor(2, *spatial, 3)), graph_of(op, tensor("N", *spatial, 3))
    unknown = graph_of(op, tensor("N", *AXES[axes], 3))
    weights = weights_of(known)
    for batch, sizes, graphs in ((2, spatial, (known, open_batch, unknown)), (1, (3, 4, 5)[:axes], (unknown,))):
        x = numbers("x", (batch, *sizes, 3))
        expected = reference.transposed(x, weights[f"Conv{axes}d_transpose/weights"], stride, padding)
        for graph in graphs:
            (y,) = check_shapes(graph, {"x": x}, dict(zip(AXES[axes], sizes), N=batch))
            np.testing.assert_allclose(y, expected + weights[f"Conv{axes}d_transpose/biases"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.FLOAT64])
def test_variables_and_results_have_the_type_of_the_input(dtype: DType) -> None:
    graph = graph_of(Conv(filters=4, kernel=(3,)), tensor(1, 5, 5, 2, dtype=dtype))
    assert {v.tensor.type.dtype for v in graph.variables} == {dtype}
    (y,) = check_shapes(graph, {"x": numbers("x", (1, 5, 5, 2), dtype)}, {})
    assert y.dtype == dtype.value


def variables(graph: Graph) -> list[tuple[str, Window]]:
    return [(v.name, v.shape) for v in graph.variables]


def nodes(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes]


def test_one_extent_stands_for_all_axes() -> None:
    graph = graph_of(Conv(filters=4, kernel=(3,), stride=(2,)), tensor("N", 9, 9, 2))
    assert variables(graph) == [("Conv/weights", (3, 3, 2, 4)), ("Conv/biases", (4,))]
    assert graph.outputs["y"].type == tensor("N", 5, 5, 4)


def test_nodes_are_called_as_tf_slim_calls_them() -> None:
    """Of 1, 2 and 3 dimensions, and transposed."""
    conv, transposed = Conv(filters=4, kernel=(3,)), ConvTranspose(filters=4, kernel=(3,))
    assert nodes(graph_of(conv, tensor("N", 8, 2))) == [
        "Conv/conv1d/ExpandDims", "Conv/conv1d/ExpandDims_1", "Conv/conv1d", "Conv/conv1d/Squeeze",
        "Conv/BiasAdd", "Conv/Relu",
    ]  # fmt: skip
    assert nodes(graph_of(conv, tensor("N", 8, 8, 2))) == ["Conv/Conv2D", "Conv/BiasAdd", "Conv/Relu"]
    assert nodes(graph_of(conv, tensor("N", 8, 8, 8, 2)))[0] == "Conv/Conv3D"
    assert nodes(graph_of(transposed, tensor("N", 8, 8, 2)))[0] == "Conv2d_transpose/conv2d_transpose_1"
    assert nodes(graph_of(transposed, tensor("N", 8, 8, 8, 2)))[0] == "Conv3d_transpose/conv3d_transpose_1"


def test_functions_are_called_as_tf_slim_calls_them() -> None:
    """By the rank of the input, for unnamed repetitions."""
    ranks = {3: tensor("N", 8, 2), 4: tensor("N", 8, 8, 2), 5: tensor("N", 8, 8, 8, 2)}
    assert [Conv.function_for(x) for x in ranks.values()] == ["convolution1d", "convolution2d", "convolution3d"]
    assert ConvTranspose.function_for(ranks[4]) == "convolution2d_transpose"
    assert ConvTranspose.function_for(ranks[5]) == "convolution3d_transpose"


def test_transposed_weights_have_the_filters_before_the_channels() -> None:
    graph = graph_of(ConvTranspose(filters=7, kernel=(3, 2)), tensor("N", 8, 8, 2))
    assert variables(graph) == [("Conv2d_transpose/weights", (3, 2, 7, 2)), ("Conv2d_transpose/biases", (7,))]


def test_a_norm_stands_in_place_of_the_biases() -> None:
    """Whatever the norm is: a `bias_add` here, whose variable has a scope of its own."""
    graph = graph_of(Conv(filters=4, kernel=(3,), norm=LayerValue(BiasAdd)), tensor("N", 8, 8, 2))
    assert [name for name, _ in variables(graph)] == ["Conv/weights", "Conv/BiasAdd/biases"]
    assert nodes(graph) == ["Conv/Conv2D", "Conv/BiasAdd/BiasAdd", "Conv/Relu"]


def test_no_biases_where_they_have_no_initialiser() -> None:
    graph = graph_of(Conv(filters=4, kernel=(3,), biases_init=None), tensor("N", 8, 8, 2))
    assert [name for name, _ in variables(graph)] == ["Conv/weights"]


@pytest.mark.parametrize("layer", [Conv, ConvTranspose])
def test_each_variable_has_its_own_regulariser(layer: type[Conv | ConvTranspose]) -> None:
    op = layer(filters=4, kernel=(3,), weights_reg=L2(scale=0.5), biases_reg=L2(scale=0.25), trainable=False)
    graph = graph_of(op, tensor("N", 8, 8, 2))
    assert [v.regularizer for v in graph.variables] == [L2(scale=0.5), L2(scale=0.25)]
    assert not any(v.trainable for v in graph.variables)


def test_a_convolution_costs_its_result_times_a_filter() -> None:
    batch = SymbolicDim.named("N")
    first = graph_of(Conv(filters=4, kernel=(3,), stride=(2,)), tensor("N", 9, 9, 2)).nodes[0]
    assert node_macs(first) == batch * (5 * 5 * 4 * 3 * 3 * 2)
    rows = graph_of(Conv(filters=4, kernel=(3,), padding="valid"), tensor("N", 9, 2)).nodes[2]
    assert node_macs(rows) == batch * (7 * 4 * 3 * 2)
    open_size = graph_of(Conv(filters=4, kernel=(3,)), tensor(1, "H", 8, 2)).nodes[0]
    assert node_macs(open_size) == SymbolicDim.named("H") * (8 * 4 * 3 * 3 * 2)


def test_a_transposed_convolution_costs_its_input_times_a_filter() -> None:
    node = graph_of(ConvTranspose(filters=4, kernel=(3, 2), stride=(2,)), tensor("N", 5, 6, 7)).nodes[0]
    assert node_macs(node) == SymbolicDim.named("N") * (5 * 6 * 7 * 3 * 2 * 4)
