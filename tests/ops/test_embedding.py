"""Embeddings, positions, tokens, one-hot vectors, and the scale of a layer."""

from __future__ import annotations

import numpy as np
import pytest

import slimdsl
from slimdsl.ops.embedding import Embedding, OneHot, PositionEmbedding, PrependTokens, Unembed
from slimdsl.ops.layer_scale import LayerScale
from slimdsl.types import DType
from tests.harness import check_shapes, graph_of, numbers, run, tensor, tensorflow, weights_of

IDS = np.array([[3, 0, 9], [9, 1, 2]])
BOUND = {"N": 2, "L": 3}


@pytest.mark.parametrize("dtype", [DType.INT32, DType.INT64])
@pytest.mark.parametrize("given", [(2, 3), ("N", "L")])
def test_embedding_looks_up(given: tuple[str | int, ...], dtype: DType) -> None:
    graph = graph_of(Embedding(vocabulary=10, size=4), tensor(*given, dtype=dtype))
    (y,) = check_shapes(graph, {"x": IDS.astype(dtype.value)}, BOUND)
    assert [(v.name, v.shape) for v in graph.variables] == [("Embedding/embeddings", (10, 4))]
    np.testing.assert_array_equal(y, weights_of(graph)["Embedding/embeddings"][IDS])


def test_a_number_beyond_the_table_is_noticed() -> None:
    graph = graph_of(Embedding(vocabulary=9, size=4), tensor("N", 3, dtype=DType.INT32))
    with pytest.raises(tensorflow().errors.InvalidArgumentError):
        run(graph, {"x": IDS.astype(np.int32)})


@pytest.mark.parametrize("given", [("N", 4), ("N", "L", 4)])
def test_unembed_multiplies_with_each_vector(given: tuple[str | int, ...]) -> None:
    graph = graph_of(Unembed(vocabulary=10), tensor(*given))
    x = numbers("x", (*(2, 3)[: len(given) - 1], 4))
    (y,) = check_shapes(graph, {"x": x}, BOUND)
    np.testing.assert_allclose(y, x @ weights_of(graph)["Unembed/embeddings"].T, rtol=1e-5, atol=1e-5)


def test_unembed_shares_the_table_of_an_embedding() -> None:
    model = slimdsl.loads(
        "slim 1\nnet n {\n  input ids: int32[N, 3]\n  embedding(10, 4) as tokens\n"
        "  unembed(10) as logits sharing tokens\n  output logits\n}\n"
    )
    assert [v.name for v in model.variables] == ["n/tokens/embeddings"]


@pytest.mark.parametrize(
    ("given", "length", "rows"), [((2, 3, 4), None, 3), (("N", 3, 4), 5, 5), (("N", "L", 4), 5, 5), (("N", 3, 4), 3, 3)]
)
def test_positions_are_added(given: tuple[str | int, ...], length: int | None, rows: int) -> None:
    graph = graph_of(PositionEmbedding(length=length), tensor(*given))
    assert [(v.name, v.shape) for v in graph.variables] == [("PositionEmbedding/embeddings", (rows, 4))]
    x = numbers("x", (2, 3, 4))
    (y,) = check_shapes(graph, {"x": x}, BOUND)
    np.testing.assert_allclose(y, x + weights_of(graph)["PositionEmbedding/embeddings"][:3], rtol=1e-6)


def test_more_positions_than_the_table_has_are_noticed_when_the_graph_runs() -> None:
    graph = graph_of(PositionEmbedding(length=2), tensor("N", "L", 4))
    with pytest.raises(tensorflow().errors.InvalidArgumentError):
        run(graph, {"x": numbers("x", (2, 3, 4))})


@pytest.mark.parametrize("given", [(2, 3, 4), ("N", "L", 4)])
@pytest.mark.parametrize("count", [1, 2])
def test_tokens_come_first(given: tuple[str | int, ...], count: int) -> None:
    graph = graph_of(PrependTokens(count=count), tensor(*given))
    x = numbers("x", (2, 3, 4))
    (y,) = check_shapes(graph, {"x": x}, BOUND)
    tokens = np.broadcast_to(weights_of(graph)["PrependTokens/tokens"], (2, count, 4))
    np.testing.assert_array_equal(y, np.concatenate([tokens, x], axis=1))


@pytest.mark.parametrize("given", [(2, 3), ("N", "L")])
def test_one_hot_is_that_of_tensorflow(given: tuple[str | int, ...]) -> None:
    graph = graph_of(OneHot(depth=5, on=2.0, off=-1.0), tensor(*given, dtype=DType.INT32))
    (y,) = check_shapes(graph, {"x": IDS.astype(np.int32)}, BOUND)
    np.testing.assert_array_equal(y, tensorflow().one_hot(IDS, 5, on_value=2.0, off_value=-1.0).numpy())


@pytest.mark.parametrize("given", [("N", 4), ("N", 3, "L", 4)])
def test_layer_scale_multiplies_each_channel(given: tuple[str | int, ...]) -> None:
    graph = graph_of(LayerScale(), tensor(*given))
    assert [(v.name, v.shape) for v in graph.variables] == [("LayerScale/gamma", (4,))]
    x = numbers("x", (*(2, 3, 3)[: len(given) - 1], 4))
    (y,) = check_shapes(graph, {"x": x}, BOUND)
    np.testing.assert_allclose(y, x * weights_of(graph)["LayerScale/gamma"], rtol=1e-6)
