"""Initialisers: their distributions by shape, their text, and the TensorFlow nodes that draw them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from slimdsl.backends.graphdef.emission import node_field
from slimdsl.backends.graphdef.lower.initializers import lower_initializer
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Tensor, Variable
from slimdsl.ops.arguments import written
from slimdsl.ops.base import Initializer
from slimdsl.ops.initializers import (
    INITIALIZERS,
    Constant,
    He,
    Identity,
    Lecun,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Xavier,
    Zeros,
    elementary,
    fans,
    shape_problem,
)
from slimdsl.types import DType, TensorType
from slimdsl.weights.initial_values import draw
from tests.harness import Array, tensorflow

LARGE = (3, 3, 64, 96)
"""A kernel of 55,296 weights: fan_in 576, fan_out 864."""

SCALED: tuple[tuple[Initializer, str], ...] = (
    (VarianceScaling(), "sqrt(1.3 * 2 / 576)"),
    (VarianceScaling(factor=1.0, mode="fan_out"), "sqrt(1.3 / 864)"),
    (VarianceScaling(mode="fan_avg"), "sqrt(1.3 * 2 / 720)"),
    (Xavier(uniform=False), "sqrt(1.3 / 720)"),
    (He(), "sqrt(2 / 576) / 0.87962566103423978"),
    (Lecun(), "sqrt(1 / 576) / 0.87962566103423978"),
    (VarianceScaling(uniform=True), "sqrt(3 * 2 / 576)"),
    (Xavier(), "sqrt(6 / (576 + 864))"),
    (He(uniform=True), "sqrt(6 / 576)"),
    (Lecun(uniform=True), "sqrt(3 / 576)"),
)
"""Initialisers and, for `LARGE`, the standard deviation before truncation or the limit of the uniform distribution."""


@pytest.mark.parametrize(("initializer", "formula"), SCALED, ids=str)
def test_scale_is_that_of_tf_slim_and_tensorflow(initializer: Initializer, formula: str) -> None:
    expected = eval(formula, {"sqrt": math.sqrt})
    distribution = elementary(initializer, LARGE)
    if isinstance(distribution, RandomUniform):
        assert distribution.maxval == pytest.approx(expected)
        assert distribution.minval == -distribution.maxval
    else:
        assert isinstance(distribution, TruncatedNormal)
        assert distribution.stddev == pytest.approx(expected)
        assert distribution.mean == 0.0


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((7,), (7, 7)), ((5, 8), (5, 8)), ((3, 4, 8), (12, 24)), ((3, 2, 4, 8), (24, 48))],
)
def test_fans_are_counted_as_by_tf_slim(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert fans(shape) == expected


@pytest.mark.parametrize(
    ("initializer", "text"),
    [
        (Zeros(), "zeros"),
        (Constant(value=0.1), "constant(value=0.1)"),
        (TruncatedNormal(stddev=0.01), "truncated_normal(stddev=0.01)"),
        (RandomNormal(mean=1.0, stddev=2.0), "random_normal(mean=1.0, stddev=2.0)"),
        (RandomUniform(), "random_uniform"),
        (Xavier(uniform=False), "xavier(uniform=false)"),
        (VarianceScaling(mode="fan_out", uniform=True), "variance_scaling(mode=fan_out, uniform=true)"),
    ],
    ids=str,
)
def test_text_is_what_one_writes_without_defaults(initializer: Initializer, text: str) -> None:
    assert written(initializer) == text


def test_names_and_aliases_are_unique() -> None:
    names = [name for initializer in INITIALIZERS for name in (initializer.name, *initializer.aliases)]
    assert len(set(names)) == len(names)
    assert "glorot" in names


@pytest.mark.parametrize(
    ("initializer", "shape", "problem"),
    [
        (Orthogonal(), (4,), "rank 2 or more, not of rank 1"),
        (Identity(), (4,), "rank 2 or more, not of rank 1"),
        (Identity(), (3, 3, 4), "as many channels out as in"),
        (Identity(), (3, 2, 4, 4), "a window of odd size"),
        (Identity(), (3, 4, 4), ""),
        (RandomUniform(minval=1.0, maxval=0.0), (3,), "`minval` of 1 above its `maxval` of 0"),
        (Orthogonal(), (3, 3, 4), ""),
        (RandomUniform(), (), ""),
    ],
    ids=str,
)
def test_shapes_that_do_not_suit_are_named(initializer: Initializer, shape: tuple[int, ...], problem: str) -> None:
    found = shape_problem(initializer, shape)
    assert problem in found
    assert bool(problem) == bool(found)


def drawn_by_tensorflow(
    initializer: Initializer,
    shape: tuple[int, ...],
    *,
    name: str = "net/w",
    seed: int = 0,
    dtype: DType = DType.FLOAT32,
) -> Array:
    variable = Variable(name, Tensor(name, 0, TensorType(dtype=dtype, shape=shape)), initializer, None, True, "net")
    out = NodeWriter(training=False, seed=seed)
    result = lower_initializer(initializer, variable, seed, out)
    assert all(node.name.startswith(f"{name}/Initializer/") for node in out.nodes)
    tf = tensorflow()
    definition = tf.compat.v1.GraphDef.FromString(b"".join(node_field(node) for node in out.nodes))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            values: Array = session.run(f"{result}:0")
    return values


@pytest.mark.parametrize(
    ("initializer", "mean", "stddev", "low", "high"),
    [
        (RandomNormal(mean=1.0, stddev=0.5), 1.0, 0.5, -3.0, 5.0),
        (TruncatedNormal(mean=-1.0, stddev=0.5), -1.0, 0.5 * 0.8796, -2.0, 0.0),
        (RandomUniform(minval=-1.0, maxval=3.0), 1.0, 4 / math.sqrt(12), -1.0, 3.0),
        (VarianceScaling(), 0.0, math.sqrt(2.6 / 576) * 0.8796, -2 * math.sqrt(2.6 / 576), 2 * math.sqrt(2.6 / 576)),
        (Xavier(), 0.0, math.sqrt(2 / 1440), -math.sqrt(6 / 1440), math.sqrt(6 / 1440)),
        (He(), 0.0, math.sqrt(2 / 576), -0.1341, 0.1341),
        (Lecun(uniform=True), 0.0, math.sqrt(1 / 576), -math.sqrt(3 / 576), math.sqrt(3 / 576)),
    ],
    ids=str,
)
def test_nodes_draw_the_distribution(
    initializer: Initializer, mean: float, stddev: float, low: float, high: float
) -> None:
    values = drawn_by_tensorflow(initializer, LARGE)
    assert values.shape == LARGE
    assert values.dtype == np.float32
    assert values.mean() == pytest.approx(mean, abs=4 * stddev / math.sqrt(values.size))
    assert values.std() == pytest.approx(stddev, rel=0.02)
    assert low <= values.min() <= low + 0.05 * (high - low) or isinstance(initializer, RandomNormal)
    assert high - 0.05 * (high - low) <= values.max() <= high or isinstance(initializer, RandomNormal)


@pytest.mark.parametrize(("initializer", "value"), [(Zeros(), 0.0), (Ones(), 1.0), (Constant(value=-2.5), -2.5)])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_nodes_fill_constants(initializer: Initializer, value: float, shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(drawn_by_tensorflow(initializer, shape), np.full(shape, value, np.float32))


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2)])
def test_nodes_of_identity_are_a_diagonal(shape: tuple[int, int]) -> None:
    np.testing.assert_array_equal(drawn_by_tensorflow(Identity(gain=2.0), shape), 2 * np.eye(*shape, dtype=np.float32))


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 5, 4, 4), (3, 1, 1, 2, 2)])
def test_identity_of_a_convolution_is_one_at_the_middle_of_the_window(shape: tuple[int, ...]) -> None:
    wanted = np.zeros(shape, np.float32)
    wanted[tuple(dim // 2 for dim in shape[:-2])] = 2 * np.eye(shape[-1])
    np.testing.assert_array_equal(drawn_by_tensorflow(Identity(gain=2.0), shape), wanted)
    np.testing.assert_array_equal(draw(Identity(gain=2.0), "net/w", shape, 0), wanted)


@pytest.mark.parametrize("shape", [(16, 16), (8, 20), (3, 3, 4, 8)])
def test_nodes_of_orthogonal_are_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = drawn_by_tensorflow(Orthogonal(gain=2.0), shape).reshape(-1, shape[-1])
    short = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    np.testing.assert_allclose(short @ short.T, 4 * np.eye(len(short)), atol=1e-5)


def test_nodes_depend_on_the_seed_and_the_name_alone() -> None:
    first = drawn_by_tensorflow(Xavier(), (4, 5))
    np.testing.assert_array_equal(first, drawn_by_tensorflow(Xavier(), (4, 5)))
    assert not np.allclose(first, drawn_by_tensorflow(Xavier(), (4, 5), seed=1))
    assert not np.allclose(first, drawn_by_tensorflow(Xavier(), (4, 5), name="net/v"))
    assert not np.allclose(first, drawn_by_tensorflow(Xavier(), (4, 5), seed=2**64 - 1))


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16, DType.FLOAT64], ids=lambda dtype: dtype.value)
@pytest.mark.parametrize(
    "initializer", [TruncatedNormal(stddev=0.1), RandomUniform(), Zeros(), Identity(), Orthogonal()], ids=str
)
def test_nodes_draw_in_the_type_of_the_variable(initializer: Initializer, dtype: DType) -> None:
    assert drawn_by_tensorflow(initializer, (4, 4), dtype=dtype).dtype.name == dtype.value


def test_nodes_compile_with_xla() -> None:
    tf = tensorflow()
    out = NodeWriter(training=False, seed=0)
    results = []
    for number, initializer in enumerate(
        (TruncatedNormal(), RandomNormal(), Xavier(), Orthogonal(), Identity(), Ones())
    ):
        name = f"w{number}"
        tensor = Tensor(name, 0, TensorType(dtype=DType.FLOAT32, shape=(8, 6)))
        variable = Variable(name, tensor, initializer, None, True, "")
        results.append(f"{lower_initializer(initializer, variable, 0, out)}:0")
    definition = tf.compat.v1.GraphDef.FromString(b"".join(node_field(node) for node in out.nodes))

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def compiled() -> Any:
        return tf.graph_util.import_graph_def(definition, return_elements=results, name="")

    assert [array.shape for array in compiled()] == [(8, 6)] * len(results)
