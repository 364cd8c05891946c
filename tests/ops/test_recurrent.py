"""LSTM and GRU have the numbers of Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slimdsl.ops.recurrent import Gru, Lstm
from tests.harness import Array, check_shapes, graph_of, numbers, run, tensor, tensorflow, weights_of

X = numbers("x", (2, 5, 3))


def small(graph: Any) -> dict[str, Array]:
    """Weights that do not drive the gates to their ends."""
    return {name: (0.5 * values).astype(np.float32) for name, values in weights_of(graph).items()}


def run_with(graph: Any, weights: dict[str, Array]) -> Array:
    (y,) = run(graph, {"x": X}, weights)
    return y


def of_keras(kind: str, weights: list[Array], **options: Any) -> Array:
    layer = getattr(tensorflow().keras.layers, kind)(4, **options)
    layer(X)
    layer.set_weights(weights)
    y = np.asarray(layer(X))
    turned = options.get("go_backwards") and options.get("return_sequences")
    return y[:, ::-1] if turned else y


@pytest.mark.parametrize("sequence", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("batch", [2, "N"])
def test_lstm_is_that_of_keras(batch: str | int, *, reverse: bool, sequence: bool) -> None:
    graph = graph_of(Lstm(units=4, sequence=sequence, reverse=reverse, forget_bias=0.0), tensor(batch, 5, 3))
    assert [(v.name, v.shape) for v in graph.variables] == [
        ("LSTM/weights", (3, 16)),
        ("LSTM/recurrent_weights", (4, 16)),
        ("LSTM/biases", (16,)),
    ]
    weights = small(graph)
    expected = of_keras("LSTM", list(weights.values()), return_sequences=sequence, go_backwards=reverse)
    np.testing.assert_allclose(run_with(graph, weights), expected, rtol=1e-4, atol=1e-5)
    check_shapes(graph, {"x": X}, {"N": 2})


def test_the_forget_bias_is_what_keras_puts_into_its_biases() -> None:
    graph = graph_of(Lstm(units=4), tensor("N", 5, 3))
    weights = small(graph)
    theirs = [values.copy() for values in weights.values()]
    theirs[2][4:8] += 1.0
    np.testing.assert_allclose(run_with(graph, weights), of_keras("LSTM", theirs), rtol=1e-4, atol=1e-5)


def test_lstm_without_biases() -> None:
    graph = graph_of(Lstm(units=4, biases_init=None, forget_bias=0.0), tensor("N", 5, 3))
    weights = small(graph)
    expected = of_keras("LSTM", list(weights.values()), use_bias=False)
    np.testing.assert_allclose(run_with(graph, weights), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sequence", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("biases", [True, False])
def test_gru_is_that_of_keras(*, biases: bool, reset_after: bool, reverse: bool, sequence: bool) -> None:
    given: dict[str, Any] = {} if biases else {"biases_init": None}
    op = Gru(units=4, sequence=sequence, reverse=reverse, reset_after=reset_after, **given)
    graph = graph_of(op, tensor("N", 5, 3))
    weights = small(graph)
    theirs = list(weights.values())
    if biases and reset_after:
        assert list(weights) == ["GRU/weights", "GRU/recurrent_weights", "GRU/biases", "GRU/recurrent_biases"]
        theirs[2:] = [np.stack(theirs[2:])]
    options = {"return_sequences": sequence, "go_backwards": reverse, "reset_after": reset_after, "use_bias": biases}
    np.testing.assert_allclose(run_with(graph, weights), of_keras("GRU", theirs, **options), rtol=1e-4, atol=1e-5)
    check_shapes(graph, {"x": X}, {"N": 2})


@pytest.mark.parametrize(("op", "gates"), [(Lstm(units=4, sequence=True), 4), (Gru(units=4, sequence=True), 3)])
def test_one_position_is_a_sequence_too(op: Lstm | Gru, gates: int) -> None:
    (y,) = check_shapes(graph_of(op, tensor("N", 1, 3)), {"x": X[:, :1]}, {"N": 2})
    assert y.shape == (2, 1, 4)
    inner = graph_of(op, tensor(2, 5, 3))
    steps = [node for node in inner.nodes if node.op.name.endswith("_step")]
    macs = [node.op.macs(tuple(t.type for t in node.inputs), node.results[0].type) for node in steps]
    assert macs == [0] + [2 * 4 * 4 * gates] * 4
