"""Files of graphs: sizes are known before anything is written, and what cannot be read is not written."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow.core.framework import graph_pb2

from slimdsl.backends.graphdef.emission import Emission
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.pbtxt import LARGEST_WEIGHTS, write_text
from slimdsl.backends.graphdef.stream import LARGEST_GRAPH, GraphTooLargeError, graph_bytes, write_emission
from slimdsl.ir.graph import Graph, Variable
from slimdsl.ops.activations import Relu
from slimdsl.ops.initializers import Zeros
from slimdsl.weights.source import Sink, WeightsError, WeightSource
from tests.backends.graphdef.small_net import GraphMaker, NamedWeights, small_graph


class Counting(WeightSource):
    """Zeros, and a count of the variables that were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def write(self, variable: Variable, sink: Sink) -> None:
        self.asked += 1
        piece = bytes(1 << 20)
        for _ in range(variable.size * 4 // len(piece)):
            sink(piece)
        sink(piece[: variable.size * 4 % len(piece)])


def one_variable(*shape: int) -> Emission:
    make = GraphMaker()
    (y,) = make.node("y", Relu(), make.variable("w", shape, Zeros()))
    return emit(Graph("net", {}, tuple(make.variables), tuple(make.nodes), {"y": y}, {}), form="frozen", seed=0)


def test_the_file_is_the_bytes_and_its_size_is_told(tmp_path: Path) -> None:
    emission = emit(small_graph(training=False), form="frozen", seed=0)
    written = write_emission(emission, NamedWeights(), str(tmp_path / "g.pb"))
    content = (tmp_path / "g.pb").read_bytes()
    assert written.size == emission.size == len(content)
    assert written.nodes == emission.node_count
    assert content == graph_bytes(emission, NamedWeights())


def test_the_text_says_what_the_bytes_say(tmp_path: Path) -> None:
    emission = emit(small_graph(training=True), form="frozen", seed=0)
    written = write_text(emission, NamedWeights(), str(tmp_path / "g.pbtxt"))
    text = (tmp_path / "g.pbtxt").read_text(encoding="ascii")
    assert written.size == len(text)
    read: Any = text_format.Parse(text, graph_pb2.GraphDef())
    assert read == graph_pb2.GraphDef.FromString(graph_bytes(emission, NamedWeights()))


def test_the_largest_graph_is_two_gibibytes_less_one() -> None:
    """The limit is that of the whole message, so the largest variable is a little smaller."""
    overhead = one_variable(1).size - 4
    assert one_variable(2**29 - 1 - overhead // 2).size <= LARGEST_GRAPH
    assert one_variable(2**29).size > LARGEST_GRAPH == 2**31 - 1


def test_a_graph_that_nobody_can_read_is_not_begun(tmp_path: Path) -> None:
    path, weights, emission = tmp_path / "g.pb", Counting(), one_variable(2**29)
    path.write_bytes(b"old")
    with pytest.raises(GraphTooLargeError) as raised:
        write_emission(emission, weights, str(path))
    assert (raised.value.size, raised.value.limit) == (emission.size, LARGEST_GRAPH)
    diagnostic = raised.value.diagnostic
    assert diagnostic.code == "E0506"
    assert f"{emission.size:,} bytes" in diagnostic.message
    assert "--to graphdef" in diagnostic.help
    assert weights.asked == 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_of_large_weights_is_not_begun(tmp_path: Path) -> None:
    weights = Counting()
    with pytest.raises(GraphTooLargeError) as raised:
        write_text(one_variable(LARGEST_WEIGHTS // 4 + 1), weights, str(tmp_path / "g.pbtxt"))
    assert raised.value.diagnostic.code == "E0507"
    assert weights.asked == 0
    assert list(tmp_path.iterdir()) == []


def test_weights_do_not_pass_through_memory(tmp_path: Path) -> None:
    emission = one_variable(64 * 2**20)
    tracemalloc.start()
    written = write_emission(emission, Counting(), str(tmp_path / "g.pb"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written.size > 256 * 2**20
    assert peak < 2 * 2**20


class Failing(WeightSource):
    """Gives out in the middle."""

    def write(self, variable: Variable, sink: Sink) -> None:
        sink(bytes(8))
        raise WeightsError(())


class Short(WeightSource):
    """Gives one number too few."""

    def write(self, variable: Variable, sink: Sink) -> None:
        sink(bytes(variable.size * 4 - 4))


@pytest.mark.parametrize(("source", "error"), [(Failing(), WeightsError), (Short(), RuntimeError), (None, ValueError)])
def test_weights_that_fail_leave_nothing(tmp_path: Path, source: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        write_emission(one_variable(100), source, str(tmp_path / "g.pb"))
    assert list(tmp_path.iterdir()) == []
