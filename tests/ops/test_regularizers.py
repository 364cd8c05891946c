"""Regularisers: the penalties as TensorFlow's nodes, against the formulas and what TF-Slim recorded of lenet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from slimdsl.backends.graphdef.emission import node_field
from slimdsl.backends.graphdef.lower.regularizers import lower_regularization
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Tensor, Variable
from slimdsl.ops.base import Regularizer
from slimdsl.ops.initializers import Zeros
from slimdsl.ops.regularizers import L1, L1L2, L2, REGULARIZERS, penalizes
from slimdsl.types import DType, TensorType
from tests.conformance.recipe import variable_values
from tests.harness import Array, tensorflow

LENET = Path(__file__).parent.parent / "conformance" / "inference" / "lenet.json"


def penalty(given: list[tuple[str, Array, Regularizer | None]], dtype: DType = DType.FLOAT32) -> float | None:
    """The regularisation loss of variables with these names, values and regularisers, run in TensorFlow."""
    out = NodeWriter(training=True, seed=0)
    variables = []
    for name, array, regularizer in given:
        tensor = Tensor(name, 0, TensorType(dtype=dtype, shape=array.shape))
        variable = Variable(name, tensor, Zeros(), regularizer, True, "")
        placeholder = out.node("Placeholder", name, dtype=dtype, shape=array.shape)
        variables.append((variable, placeholder))
    result = lower_regularization(variables, out)
    if result is None:
        return None
    assert result == "regularization_loss"
    tf = tensorflow()
    definition = tf.compat.v1.GraphDef.FromString(b"".join(node_field(node) for node in out.nodes))
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            loss = session.run(f"{result}:0", {f"{name}:0": array for name, array, _ in given})
    assert loss.dtype == np.float32
    return float(loss)


W = variable_values("weights", (3, 4, 5))
V = variable_values("w2", (7,))


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        (L1(scale=0.5), 0.5 * np.abs(W).sum()),
        (L2(scale=0.5), 0.5 * np.square(W).sum() / 2),
        (L1L2(l1=0.25, l2=0.5), 0.25 * np.abs(W).sum() + 0.5 * np.square(W).sum() / 2),
        (L1L2(l1=0.25, l2=0.0), 0.25 * np.abs(W).sum()),
        (L1L2(), np.abs(W).sum() + np.square(W).sum() / 2),
    ],
    ids=str,
)
def test_penalty_is_the_formula(regularizer: Regularizer, expected: float) -> None:
    assert penalty([("w", W, regularizer)]) == pytest.approx(expected, rel=1e-5)


def test_loss_is_the_sum_over_the_variables() -> None:
    expected = 0.1 * np.abs(W).sum() + 0.2 * np.square(V).sum() / 2
    given = [("w", W, L1(scale=0.1)), ("v", V, L2(scale=0.2)), ("b", V, None), ("c", V, L2(scale=0.0))]
    assert penalty(given) == pytest.approx(expected, rel=1e-5)


def test_loss_of_float16_variables_is_float32() -> None:
    loss = penalty([("w", W.astype(np.float16), L2(scale=0.5))], DType.FLOAT16)
    assert loss == pytest.approx(0.25 * np.square(W).sum(), rel=2e-3)


@pytest.mark.parametrize("regularizer", [None, L1(scale=0.0), L2(scale=0.0), L1L2(l1=0.0, l2=0.0)], ids=str)
def test_a_scale_of_zero_is_no_penalty(regularizer: Regularizer | None) -> None:
    assert not penalizes(regularizer)
    assert penalty([("w", W, regularizer)]) is None


def test_every_regularizer_of_the_registry_penalizes() -> None:
    assert all(penalizes(regularizer(**dict.fromkeys(_scales(regularizer), 0.1))) for regularizer in REGULARIZERS)


def _scales(regularizer: type[Regularizer]) -> tuple[str, ...]:
    return ("l1", "l2") if regularizer is L1L2 else ("scale",)


def test_loss_of_lenet_is_the_recorded_one() -> None:
    recorded = json.loads(LENET.read_text())
    scale = recorded["weight_decay"]
    given: list[tuple[str, Array, Regularizer | None]] = [
        (
            entry["name"],
            variable_values(entry["name"], entry["shape"]),
            L2(scale=scale) if entry["regularized"] else None,
        )
        for entry in recorded["variables"]
    ]
    assert penalty(given) == pytest.approx(recorded["regularization_loss"], rel=1e-5)
