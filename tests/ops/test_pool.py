"""Pools over windows and over all spatial axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slimdsl.ops.pool import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from tests.harness import check_shapes, graph_of, numbers, tensor
from tests.ops import reference

Window = tuple[int, ...]
AXES = {1: "L", 2: "HW", 3: "DHW"}


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [
        ((2,), (2,)), ((3,), (2,)), ((4,), (1,)),
        ((2, 2), (2, 2)), ((3, 3), (2, 2)), ((3, 2), (1, 3)), ((1, 1), (2, 2)), ((5, 4), (1, 1)),
        ((2, 2, 2), (2, 2, 2)), ((3, 1, 2), (1, 2, 2)),
    ],
)  # fmt: skip
def test_pools_are_the_largest_and_the_mean_of_each_window(kernel: Window, stride: Window, padding: str) -> None:
    axes = len(kernel)
    spatial, other = (9, 8, 7)[:axes], (7, 5, 6)[:axes]
    for op, expected in (
        (MaxPool(kernel=kernel, stride=stride, padding=padding), reference.max_pool),
        (AvgPool(kernel=kernel, stride=stride, padding=padding), reference.avg_pool),
    ):
        known, unknown = graph_of(op, tensor(2, *spatial, 3)), graph_of(op, tensor("N", *AXES[axes], 3))
        for shape, graphs in (((2, *spatial, 3), (known, unknown)), ((1, *other, 3), (unknown,))):
            x = numbers("x", shape)
            for graph in graphs:
                (y,) = check_shapes(graph, {"x": x}, dict(zip("N" + AXES[axes], shape)))
                np.testing.assert_allclose(y, expected(x, kernel, stride, padding), rtol=1e-5, atol=1e-6)


def test_stride_two_and_valid_padding_are_the_defaults() -> None:
    assert graph_of(MaxPool(kernel=(2,)), tensor("N", 7, 7, 3)).outputs["y"].type == tensor("N", 3, 3, 3)


def test_nodes_are_called_as_tf_slim_calls_them() -> None:
    names = {
        rank: [node.name for node in graph_of(MaxPool(kernel=(2,)), x).nodes]
        for rank, x in enumerate((tensor("N", 8, 2), tensor("N", 8, 8, 2), tensor("N", 8, 8, 8, 2)), 3)
    }
    assert names == {
        3: ["MaxPool1D/ExpandDims", "MaxPool1D/MaxPool", "MaxPool1D/Squeeze"],
        4: ["MaxPool2D/MaxPool"],
        5: ["MaxPool3D/MaxPool3D"],
    }
    assert [node.name for node in graph_of(AvgPool(kernel=(2,)), tensor("N", 8, 8, 8, 2)).nodes] == [
        "AvgPool3D/AvgPool3D"
    ]
    assert AvgPool.function_for(tensor("N", 8, 8, 2)) == "avg_pool2d"
    assert MaxPool.function_for(tensor("N", 8, 8, 8, 2)) == "max_pool3d"


@pytest.mark.parametrize("keep_dims", [True, False])
@pytest.mark.parametrize("given", [(2, 5, 3), ("N", "H", 3), (2, 5, 4, 3), ("N", "H", "W", 3), ("N", 5, 4, 3, 2)])
def test_global_pools_leave_batch_and_channels(given: tuple[str | int, ...], *, keep_dims: bool) -> None:
    shape = tuple({"N": 2, "H": 5, "W": 4}.get(str(size), size) for size in given)
    x = numbers("x", tuple(int(size) for size in shape))
    axes = tuple(range(1, len(shape) - 1))
    bound = {"N": 2, "H": 5, "W": 4}
    mean = graph_of(GlobalAvgPool(keep_dims=keep_dims), tensor(*given))
    largest = graph_of(GlobalMaxPool(keep_dims=keep_dims), tensor(*given))
    (y,) = check_shapes(mean, {"x": x}, bound)
    kept: dict[str, Any] = {"keepdims": keep_dims}
    np.testing.assert_allclose(y, np.mean(x, axes, **kept), rtol=1e-5, atol=1e-6)
    (y,) = check_shapes(largest, {"x": x}, bound)
    np.testing.assert_array_equal(y, np.max(x, axes, **kept))


def test_a_global_pool_opens_no_scope() -> None:
    graph = graph_of(GlobalAvgPool(), tensor("N", 7, 7, 3))
    assert (GlobalAvgPool.scope_name, [node.name for node in graph.nodes]) == ("", ["Mean"])
