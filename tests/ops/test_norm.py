"""Normalisation and softmax: names, variables, shapes and numbers are those that TF-Slim recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl.ir.graph import Graph
from slimdsl.ops.activations import Relu
from slimdsl.ops.base import Layer, LayerValue, ShapeError
from slimdsl.ops.batch_norm import BatchNorm
from slimdsl.ops.norm import GroupNorm, InstanceNorm, LayerNorm
from slimdsl.ops.softmax import Softmax
from slimdsl.types import DType
from tests.conformance.recipe import input_values, variable_values
from tests.harness import Array, check_shapes, graph_of, run, tensor, tensorflow

LAYERS: dict[str, type[Layer]] = {
    layer.name: layer for layer in (BatchNorm, LayerNorm, GroupNorm, InstanceNorm, Softmax)
}
CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "data" / "norm.json").read_text())


def assert_equal_in_float32(actual: Array, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6)


def label(case: dict[str, Any]) -> str:
    arguments = ",".join(f"{name}={value}" for name, value in case["arguments"].items())
    return f"{case['layer']}({arguments})-{len(case['input'])}d{'-training' if case['training'] else ''}"


def built(case: dict[str, Any]) -> Graph:
    arguments = {name: tuple(v) if isinstance(v, list) else v for name, v in case["arguments"].items()}
    shape = [f"S{axis}" if size is None else size for axis, size in enumerate(case["input"])]
    return graph_of(LAYERS[case["layer"]](**arguments), tensor(*shape), training=case["training"])


def recipe(graph: Graph) -> dict[str, Array]:
    return {variable.name: variable_values(variable.name, variable.shape) for variable in graph.variables}


@pytest.mark.parametrize("case", CASES, ids=label)
def test_variables_and_result_are_named_as_by_tf_slim(case: dict[str, Any]) -> None:
    graph = built(case)
    assert [[v.name, list(v.shape), v.trainable] for v in graph.variables] == case["variables"]
    assert graph.outputs["y"].name == case["result"]
    assert graph.outputs["y"].type == graph.inputs["x"].type


@pytest.mark.parametrize("case", CASES, ids=label)
def test_numbers_are_those_of_tf_slim(case: dict[str, Any]) -> None:
    graph = built(case)
    moving = {update.variable.name: update.new_value.name for update in graph.updates}
    assert set(moving) == set(case["moving"])
    fetches = (graph.outputs["y"].name, *(moving[name] for name in case["moving"]))
    y, *moved = run(graph, {"x": input_values([size or 3 for size in case["input"]])}, recipe(graph), fetches=fetches)
    assert_equal_in_float32(y, np.reshape(case["values"], case["shape"]))
    for actual, expected in zip(moved, case["moving"].values(), strict=True):
        assert_equal_in_float32(actual, expected)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_inferred_shapes_are_those_of_tensorflow(case: dict[str, Any]) -> None:
    sizes = {f"S{axis}": 2 + axis for axis in range(5)}
    shape = [sizes[f"S{axis}"] if size is None else size for axis, size in enumerate(case["input"])]
    check_shapes(built(case), {"x": input_values(shape)}, sizes)


@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_batch_norm_in_float64_is_the_formula_at_every_rank(rank: int) -> None:
    shape = (6, 3, 2, 4)[: rank - 1]
    graph = graph_of(BatchNorm(scale=True), tensor(*shape, 5, dtype=DType.FLOAT64), training=True)
    x = np.random.RandomState(rank).standard_normal((*shape, 5))
    weights = {v.name: np.linspace(0.5, 1.5, v.size).reshape(v.shape) for v in graph.variables}
    y, mean, variance = run(
        graph, {"x": x}, weights, fetches=(graph.outputs["y"].name, *(u.new_value.name for u in graph.updates))
    )
    axes = tuple(range(rank - 1))
    gamma = beta = start = weights["BatchNorm/gamma"]
    np.testing.assert_allclose(y, (x - x.mean(axes)) / np.sqrt(x.var(axes) + 0.001) * gamma + beta, rtol=1e-9)
    np.testing.assert_allclose(mean, start * 0.999 + x.mean(axes) * 0.001, rtol=1e-9)
    np.testing.assert_allclose(variance, start * 0.999 + x.var(axes) * 0.001, rtol=1e-9)


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (BatchNorm(scale=True), (2, 4, 4, 6)), (BatchNorm(), (8, 6)), (BatchNorm(scale=True), (2, 5, 6)),
        (LayerNorm(epsilon=1e-3), (2, 4, 4, 6)), (GroupNorm(groups=3), (2, 4, 4, 6)), (InstanceNorm(), (2, 4, 4, 6)),
        (Softmax(), (2, 3, 6)),
    ],
    ids=lambda given: getattr(given, "name", "") or f"{len(given)}d",
)  # fmt: skip
@pytest.mark.parametrize("training", [False, True])
def test_half_precision_is_close_to_float32(layer: Layer, shape: tuple[int, ...], dtype: DType, training: bool) -> None:
    np_dtype = tensorflow().as_dtype(dtype.value).as_numpy_dtype
    x = input_values(shape)
    wide = graph_of(layer, tensor(*shape), training=training)
    narrow = graph_of(layer, tensor(*shape, dtype=dtype), training=training)
    assert narrow.outputs["y"].type.dtype is dtype
    (expected,) = run(wide, {"x": x}, recipe(wide))
    values = {
        v.name: recipe(narrow)[v.name].astype(np_dtype if v.tensor.type.dtype is dtype else np.float32)
        for v in narrow.variables
    }
    (actual,) = run(narrow, {"x": x.astype(np_dtype)}, values)
    np.testing.assert_allclose(actual.astype(np.float32), expected, atol=0.03 if dtype is DType.BFLOAT16 else 0.004)


def test_layer_norm_of_float16_has_an_epsilon_that_float16_can_hold() -> None:
    same = np.ones((1, 4), np.float16)
    graph = graph_of(LayerNorm(center=False), tensor(1, 4, dtype=DType.FLOAT16))
    (y,) = run(graph, {"x": same}, {"LayerNorm/gamma": np.ones(4, np.float16)})
    np.testing.assert_array_equal(y, np.zeros((1, 4), np.float16))


def test_batch_norm_can_be_told_which_statistics_to_use() -> None:
    shape = tensor("N", 3, 3, 4)
    frozen = graph_of(BatchNorm(training=False), shape, training=True)
    inference = graph_of(BatchNorm(), shape)
    x = {"x": input_values([2, 3, 3, 4])}
    assert not frozen.updates
    np.testing.assert_array_equal(run(frozen, x, recipe(frozen))[0], run(inference, x, recipe(inference))[0])
    own = graph_of(BatchNorm(training=True), shape)
    training = graph_of(BatchNorm(), shape, training=True)
    np.testing.assert_array_equal(run(own, x, recipe(own))[0], run(training, x, recipe(training))[0])


@pytest.mark.parametrize("layer", [BatchNorm, LayerNorm, GroupNorm, InstanceNorm])
def test_activation_comes_last(layer: type[BatchNorm | LayerNorm | GroupNorm | InstanceNorm]) -> None:
    graph = graph_of(layer(activation=LayerValue(Relu)), tensor("N", 3, 3, 32))
    assert graph.outputs["y"].name == f"{layer.scope_name}/Relu:0"


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (BatchNorm(), tensor("N"), "rank 2, 3, 4 or 5"),
        (BatchNorm(), tensor("N", 3, "C"), "known number of channels"),
        (BatchNorm(), tensor("N", 3, dtype=DType.INT32), "floating-point"),
        (LayerNorm(), tensor("N"), "rank 2 or more"),
        (LayerNorm(begin_norm_axis=3), tensor("N", 4, 5), "begin_norm_axis 3 is no axis of [N, 4, 5]"),
        (LayerNorm(begin_params_axis=-4), tensor("N", 4, 5), "begin_params_axis -4 is no axis"),
        (GroupNorm(), tensor("N", 8, 8, 48), "48 channels cannot be cut into 32 groups"),
        (GroupNorm(groups=4), tensor("N", 8, 8), "not all axes between the batch and the channels"),
        (GroupNorm(groups=4, reduction_axes=(-1,)), tensor("N", 8, 8, 8), "not all axes between"),
        (GroupNorm(groups=4, reduction_axes=(9,)), tensor("N", 8, 8, 8), "not all axes between"),
        (InstanceNorm(), tensor("N", 8), "rank 3, 4 or 5"),
        (Softmax(), tensor(8), "rank 2 or more"),
        (Softmax(), tensor("N", "C"), "known number of channels"),
    ],
)
def test_what_does_not_fit_is_refused(layer: Layer, x: Any, message: str) -> None:
    with pytest.raises(ShapeError) as refusal:
        graph_of(layer, x)
    assert message in refusal.value.message


def test_group_norm_says_how_many_groups_would_fit() -> None:
    with pytest.raises(ShapeError) as refusal:
        graph_of(GroupNorm(), tensor("N", 8, 8, 48))
    assert refusal.value.help == "write `groups=24`"
