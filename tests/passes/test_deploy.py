"""What the passes make of texts, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import slimdsl
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.ir.graph import Graph, Variable
from slimdsl.ir.text import print_graph, read_graph
from slimdsl.ir.verify import verify
from slimdsl.ops.batch_norm import FusedBatchNorm
from slimdsl.ops.shape import Tile
from slimdsl.passes.constants import FoldConstants
from slimdsl.passes.dead import RemoveDead
from slimdsl.passes.deploy import DEPLOY, Deployed, deploy
from slimdsl.passes.fold_channel_maps import FoldChannelMaps
from slimdsl.passes.identities import RemoveIdentities
from slimdsl.passes.rewriting import Pass, begin
from slimdsl.weights.derived import DerivedWeights
from slimdsl.weights.source import WeightSource
from tests.harness import Array, numbers, sizes_of, tensorflow
from tests.passes.runner import CASES, deployed_text

FILES = sorted(CASES.glob("*.slim"))

BOUND = 2e-6
"""In relative L2 distance; these networks are small."""


class Numbers(WeightSource):
    """Numbers that depend on the name of the variable; those of variances are positive."""

    def write(self, variable: Variable, sink: Callable[[bytes | memoryview], None]) -> None:
        values = numbers(variable.name, variable.shape, variable.tensor.type.dtype)
        sink((np.exp(values) if variable.name.endswith("variance") else values).tobytes())


def values_of(graph: Graph, weights: WeightSource, names: list[str]) -> dict[str, Array]:
    """Tensors of a network, frozen and run in TensorFlow."""
    tf = tensorflow()
    sizes = {"N": 2}
    feeds = {
        f"{name}:0": numbers(name, sizes_of(t.type.shape, sizes), t.type.dtype) for name, t in graph.inputs.items()
    }
    with tf.Graph().as_default() as imported:
        definition = tf.compat.v1.GraphDef.FromString(graph_bytes(emit(graph, form="frozen", seed=0), weights))
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=imported) as session:
            return dict(zip(names, session.run(names, feeds), strict=True))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_text_is_deployed_as_exactly_this_graph(path: Path) -> None:
    assert deployed_text(path) == path.with_suffix(".ir").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_names_and_outputs_keep_their_values_in_the_file(path: Path) -> None:
    graph = slimdsl.load(path).graph
    deployed = deploy(graph)
    tensors = [*(v.tensor for v in graph.variables), *(result for node in graph.nodes for result in node.results)]
    left = {*(v.name for v in deployed.graph.variables), *(node.name for node in deployed.graph.nodes)}
    names = [tensor.name for tensor in tensors if tensor.node in left]
    assert {tensor.name for tensor in graph.outputs.values()} <= set(names)
    before = values_of(graph, Numbers(), names)
    after = values_of(deployed.graph, DerivedWeights(Numbers(), deployed.derivations), names)
    for name in names:
        assert np.linalg.norm(after[name] - before[name]) <= BOUND * np.linalg.norm(before[name]), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_pass_leaves_a_well_formed_graph(path: Path) -> None:
    state = begin(slimdsl.load(path).graph)
    for step in DEPLOY:
        state = step.run(state)
        verify(state.graph)
        for layer in state.graph.layers:
            assert 0 <= layer.first_node <= layer.end_node <= len(state.graph.nodes)
            assert 0 <= layer.first_variable <= layer.end_variable <= len(state.graph.variables)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_end_point_is_left_or_said_to_be_gone(path: Path) -> None:
    graph = slimdsl.load(path).graph
    deployed = deploy(graph)
    assert {*deployed.graph.end_points, *deployed.folded_end_points} == set(graph.end_points)
    assert deployed.graph.end_points.keys().isdisjoint(deployed.folded_end_points)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_deployed_graph_is_left_as_it_is(path: Path) -> None:
    once = deploy(slimdsl.load(path).graph)
    again = deploy(once.graph)
    assert print_graph(again.graph) == print_graph(once.graph)
    assert (dict(again.derivations), dict(again.folded_end_points)) == ({}, {})


def test_no_name_is_given_to_something_else() -> None:
    graph = slimdsl.load(CASES / "names.slim").graph
    before = {*(v.name for v in graph.variables), *(node.name for node in graph.nodes)}
    derived = set(deploy(graph).derivations)
    assert "names/c/weights_folded_1" in derived
    assert derived.isdisjoint(before)


def test_a_training_graph_is_refused() -> None:
    graph = slimdsl.load(CASES / "constants.slim", training=True).graph
    with pytest.raises(ValueError, match="`constants` is a training graph"):
        deploy(graph)


def test_derived_variables_are_never_drawn() -> None:
    graph = deploy(slimdsl.load(CASES / "constants.slim").graph).graph
    with pytest.raises(TypeError, match="no such initialiser: Derived"):
        emit(graph, form="graphdef", seed=0)


def counts(text: str, *passes: Pass) -> tuple[int, int]:
    """How many normalisations and how many repeated kernels are left behind these passes."""
    state = begin(slimdsl.loads(f"slim 1\nnet f() {{\n  input x: float32[N, 4, 4, 8]\n{text}\n  output y\n}}\n").graph)
    for step in passes:
        state = step.run(state)
    verify(state.graph)
    ops = [type(node.op) for node in state.graph.nodes]
    return ops.count(FusedBatchNorm), ops.count(Tile)


# 9 * 8 * 4 bytes are 252 more than the 36 of the filter.
@pytest.mark.parametrize(("limit", "left"), [(251, 1), (252, 0)])
def test_constants_do_not_grow_beyond_the_limit(limit: int, left: int) -> None:
    assert counts("  conv_in_plane(3x3)", FoldConstants(largest_growth=limit)) == (0, left)


SHARED = """
  let one = x -> conv(8, 1x1, biases_init=none, activation=none) as one -> batch_norm as first
  let two = x -> conv(8, 1x1, biases_init=none, activation=none) as two sharing one -> batch_norm as second
  add(one, two)
"""


# The kernel has 8 * 8 * 4 bytes, and there would be two of them.
@pytest.mark.parametrize(("limit", "left"), [(255, 2), (256, 0)])
def test_shared_kernels_do_not_grow_beyond_the_limit(limit: int, left: int) -> None:
    assert counts(SHARED, FoldChannelMaps(largest_growth=limit)) == (left, 0)


def test_a_kernel_that_stays_besides_counts() -> None:
    text = SHARED.replace(" -> batch_norm as second", "")
    assert counts(text, FoldChannelMaps(largest_growth=255)) == (1, 0)
    assert counts(text, FoldChannelMaps(largest_growth=256)) == (0, 0)


def test_an_identity_hides_nothing() -> None:
    text = "  conv(8, 1x1, activation=none)\n  dropout(0.5)\n  batch_norm"
    assert counts(text, FoldChannelMaps()) == (1, 0)
    assert counts(text, RemoveIdentities(), FoldChannelMaps()) == (0, 0)


def deployed(text: str) -> Deployed:
    return deploy(slimdsl.loads(f"slim 1\nnet f() {{\n{text}\n}}\n").graph)


def test_noise_that_is_asked_for_stays() -> None:
    graph = deployed("  input x: float32[N, 4]\n  dropout(0.5, training=true)\n  output y").graph
    assert [node.op.name for node in graph.nodes] == ["random_drop"]


def test_moving_averages_are_not_kept() -> None:
    graph = deployed("  input x: float32[N, 4, 4, 2]\n  batch_norm(training=true)\n  output y").graph
    assert graph.updates == ()
    assert [variable.name for variable in graph.variables] == ["f/BatchNorm/beta"]


def test_inputs_stay_though_nothing_reads_them() -> None:
    graph = deployed("  input x: float32[N, 4]\n  input y: float32[N, 4]\n  output z = x -> relu").graph
    assert list(graph.inputs) == ["x", "y"]


def test_an_input_that_is_an_output_stays() -> None:
    graph = deployed("  input x: float32[N, 4]\n  output same = x\n  output named = x -> identity as named").graph
    assert {name: tensor.name for name, tensor in graph.outputs.items()} == {"same": "x:0", "named": "f/named:0"}


def test_dead_nodes_are_told_from_live_ones_in_any_graph() -> None:
    text = """graph f inference
input x : float32[N, 2]
variable a scope= trainable init=zeros{} reg=none : float32[2, 2]
variable b scope= trainable init=zeros{} reg=none : float32[2, 2]
node first = dense_product(x:0, a:0) {} scope= : float32[N, 2]
node lost = dense_product(first:0, b:0) {} scope= : float32[N, 2]
node more = relu(lost:0) {} scope= : float32[N, 2]
node last = relu(first:0) {} scope= : float32[N, 2]
end_point first = first:0
end_point more = more:0
layer first = first:0 op=fc nodes=0:1 variables=0:1
layer more = more:0 op=fc nodes=1:3 variables=1:2
layer last = last:0 op=relu nodes=3:4 variables=2:2
output y = last:0
"""
    state = RemoveDead().run(begin(read_graph(text)))
    dropped = ("variable b", "node lost", "node more", "end_point more", "layer more", "layer last")
    left = [line for line in text.splitlines(True) if not line.startswith(dropped)]
    left.insert(-1, "layer last = last:0 op=relu nodes=1:2 variables=1:1\n")
    assert print_graph(state.graph) == "".join(left)
    assert dict(state.folded_end_points) == {"more": "no output needs it"}
