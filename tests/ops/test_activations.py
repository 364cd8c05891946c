"""Activations: the values, shapes and node names of TensorFlow's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import slimdsl
from slimdsl.model import Form
from slimdsl.ops.activations import (
    Activation,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    LogSoftmax,
    PlainSoftmax,
    Relu,
    Relu6,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
)
from slimdsl.ops.base import ShapeError
from slimdsl.ops.registry import ALL_OPS
from slimdsl.types import DType
from tests.harness import check_shapes, graph_of, numbers, run, tensor, tensorflow

CASES: tuple[tuple[Activation, str, str], ...] = (
    (Relu(), "tf.nn.relu(x)", "Relu"),
    (Relu6(), "tf.nn.relu6(x)", "Relu6"),
    (Elu(), "tf.nn.elu(x)", "Elu"),
    (Selu(), "tf.nn.selu(x)", "Selu"),
    (LeakyRelu(), "tf.nn.leaky_relu(x)", "LeakyRelu"),
    (LeakyRelu(alpha=0.05), "tf.nn.leaky_relu(x, alpha=0.05)", "LeakyRelu"),
    (Sigmoid(), "tf.nn.sigmoid(x)", "Sigmoid"),
    (Tanh(), "tf.nn.tanh(x)", "Tanh"),
    (Softplus(), "tf.nn.softplus(x)", "Softplus"),
    (LogSoftmax(), "tf.nn.log_softmax(x)", "LogSoftmax"),
    (PlainSoftmax(), "tf.nn.softmax(x)", "Softmax"),
    (Gelu(), "tf.nn.gelu(x)", "Gelu"),
    (Gelu(approximate=True), "tf.nn.gelu(x, approximate=True)", "Gelu"),
    (Silu(), "tf.nn.silu(x)", "Silu"),
    (HardSigmoid(), "tf.nn.relu6(x + 3) / 6", "HardSigmoid"),
    (HardSwish(), "x * tf.nn.relu6(x + 3) / 6", "hard_swish/mul_1"),
)
"""The op, the same in TensorFlow, and the name of its node."""

IN_FULL_PRECISION = {
    "tf.nn.gelu(x)": "x / 2 * (1 + tf.math.erf(x / tf.sqrt(x * 0 + 2)))",
    "tf.nn.gelu(x, approximate=True)": "x / 2 * (1 + tf.tanh(tf.sqrt(x * 0 + 2 / math.pi) * (x + 0.044715 * x**3)))",
}
"""What TensorFlow itself computes with constants that are rounded to float32."""

MEANT = [pytest.param(*case, id=f"{case[0].name}-{number}") for number, case in enumerate(CASES)]


def by_tensorflow(formula: str, x: Any) -> Any:
    tf = tensorflow()
    return eval(formula, {"tf": tf, "math": math, "x": tf.constant(x)}).numpy()


@pytest.mark.parametrize(("op", "formula", "name"), MEANT)
@pytest.mark.parametrize("shape", [("N", 6), ("N", 4, 3), ("N", "H", "W", 5), ("N", 2, "H", 2, 3)])
def test_values_and_shapes_are_those_of_tensorflow(
    op: Activation, formula: str, name: str, shape: tuple[str | int, ...]
) -> None:
    graph = graph_of(op, tensor(*shape))
    sizes = {"N": 3, "H": 4, "W": 2}
    x = 4 * numbers("x", tuple(sizes.get(str(size), size) for size in shape))  # type: ignore[arg-type]  # all are numbers
    (y,) = check_shapes(graph, {"x": x}, sizes)
    np.testing.assert_allclose(y, by_tensorflow(formula, x), rtol=2e-6, atol=1e-6)
    assert graph.outputs["y"].name == f"{name}:0"
    assert graph.outputs["y"].type == tensor(*shape)


@pytest.mark.parametrize(("op", "formula", "name"), MEANT)
@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16, DType.FLOAT64])
def test_every_floating_point_type_is_computed_in_its_own(
    op: Activation, formula: str, name: str, dtype: DType
) -> None:
    tf = tensorflow()
    x = (4 * numbers("x", (3, 7))).astype(tf.as_dtype(dtype.value).as_numpy_dtype)
    (y,) = run(graph_of(op, tensor("N", 7, dtype=dtype)), {"x": x})
    assert y.dtype == x.dtype, name
    wanted = by_tensorflow(IN_FULL_PRECISION.get(formula, formula), x).astype(np.float64)
    tolerance = {DType.FLOAT16: 2e-3, DType.BFLOAT16: 2e-2, DType.FLOAT64: 1e-12}[dtype]
    np.testing.assert_allclose(y.astype(np.float64), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [DType.INT32, DType.UINT8, DType.BOOL, DType.STRING])
@pytest.mark.parametrize("op", [case[0] for case in CASES], ids=lambda op: op.name)
def test_only_floating_point_tensors_are_taken(op: Activation, dtype: DType) -> None:
    with pytest.raises(ShapeError, match=f"{op.name} wants a floating-point tensor, this one is {dtype.value}"):
        op.infer(tensor("N", 3, dtype=dtype))


@pytest.mark.parametrize("op", [LogSoftmax(), PlainSoftmax()], ids=lambda op: op.name)
def test_softmax_wants_an_axis(op: Activation) -> None:
    with pytest.raises(ShapeError, match=f"{op.name} wants a tensor with at least one axis, this one is a scalar"):
        op.infer(tensor())


def test_every_activation_of_the_registry_is_tested_here() -> None:
    assert {op for op in ALL_OPS if issubclass(op, Activation)} == {type(case[0]) for case in CASES}


@pytest.mark.parametrize("between", ["", "dropout(0.5)\n  dropout(0.5)"], ids=["direct", "dropout"])
@pytest.mark.parametrize("form", ["frozen", "graphdef"])
def test_tanh_behind_a_batch_norm_runs_as_tensorflow_runs_by_default(between: str, form: Form) -> None:
    """TensorFlow's own optimiser makes a node of the three that it has no kernel for, unless something is between."""
    tf = tensorflow()
    text = f"""
slim 1
net t {{
  input x: float32[N, 8, 8, 3]
  conv(4, 3x3, norm=batch_norm, activation=none) as c
  {between}
  tanh as y
  output y
}}
"""
    model = slimdsl.loads(text)
    x = np.random.default_rng(1).standard_normal((2, 8, 8, 3)).astype("float32") * 20
    x[0, 0, 0, 0] = np.nan
    definition = tf.compat.v1.GraphDef.FromString(model.to_bytes(form))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        normed = graph.get_tensor_by_name("t/c/BatchNorm/FusedBatchNormV3:0")
        expected = tf.tanh(tf.raw_ops.Snapshot(input=normed))
        with tf.compat.v1.Session(graph=graph) as session:
            if form == "graphdef":
                session.run("init")
            tensors = [model.outputs["y"].tensor, expected]
            alone = session.run(tensors[0], {"x:0": x})
            together, by_hand = session.run(tensors, {"x:0": x})
    np.testing.assert_array_equal(together, by_hand)
    np.testing.assert_allclose(alone, by_hand, atol=1e-5)
    assert np.isnan(alone).any()
    assert np.abs(alone).max(where=~np.isnan(alone), initial=0) == 1.0
