"""Both forms of a small network, run by TensorFlow and compared with the same network written by hand in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework.variable_pb2 import VariableDef
from tensorflow.python.tools import freeze_graph

from slimdsl.backends.graphdef.emission import PRODUCER, Emission
from slimdsl.backends.graphdef.emitter import Form, emit
from slimdsl.backends.graphdef.node_writer import EmitterError
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.ir.graph import Graph
from slimdsl.ops.base import Primitive
from slimdsl.types import TensorType
from slimdsl.values import value
from tests.backends.graphdef.small_net import DECAY, GraphMaker, NamedWeights, small_graph, weight_values

v1 = tf.compat.v1
IMAGES = np.random.default_rng(3).standard_normal((5, 8, 8, 2)).astype("float32")


def graph_def(emission: Emission, weights: NamedWeights | None = None) -> Any:
    return graph_pb2.GraphDef.FromString(graph_bytes(emission, weights))


def imported(graph: Any) -> Any:
    """A session over an imported graph; importing checks every node against TensorFlow's own ops."""
    with tf.Graph().as_default() as target:
        tf.graph_util.import_graph_def(graph, name="")
        return v1.Session(graph=target)


def values_of(graph: Graph) -> dict[str, np.ndarray]:
    return {variable.name: weight_values(variable) for variable in graph.variables}


def logits_by_hand(values: dict[str, np.ndarray]) -> np.ndarray:
    x = tf.nn.conv2d(IMAGES, values["net/conv1/weights"], 1, "SAME") + values["net/conv1/biases"]
    x = tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")
    result: np.ndarray = (tf.reshape(x, (5, 64)) @ values["net/fc/weights"]).numpy()
    return result


def test_a_frozen_graph_computes_the_network() -> None:
    graph = small_graph(training=False)
    emission = emit(graph, form="frozen", seed=0)
    assert emission.inputs == {"images": "images:0"}
    assert emission.outputs == {"logits": "net/fc/MatMul:0"}
    assert (emission.init, emission.update_ops, emission.regularization_loss) == ("", "", "")
    definition = graph_def(emission, NamedWeights())
    assert len(definition.node) == emission.node_count
    assert [node.name for node in definition.node[:4]] == [
        "images",
        "net/conv1/weights",
        "net/conv1/biases",
        "net/fc/weights",
    ]
    with imported(definition) as session:
        logits = session.run(emission.outputs["logits"], {"images:0": IMAGES})
        kernel = session.run("net/conv1/weights:0")
    np.testing.assert_allclose(logits, logits_by_hand(values_of(graph)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(kernel, values_of(graph)["net/conv1/weights"])


def test_variables_are_drawn_by_init() -> None:
    graph = small_graph(training=False)
    emission = emit(graph, form="graphdef", seed=3)
    with imported(graph_def(emission)) as session:
        session.run(emission.init)
        drawn = session.run(emission.variables)
        logits = session.run(emission.outputs["logits"], {"images:0": IMAGES})
        session.run(emission.init)
        again = session.run(emission.variables)
    np.testing.assert_allclose(logits, logits_by_hand(drawn), rtol=1e-5, atol=1e-6)
    assert all((drawn[name] == again[name]).all() for name in drawn)
    assert (drawn["net/conv1/biases"] == np.float32(0.1)).all()
    assert 0.05 < drawn["net/conv1/weights"].std() < 0.15


def test_variables_are_stored_where_asked() -> None:
    graph = small_graph(training=False)
    emission = emit(graph, form="graphdef", seed=3, store_weights=True)
    with imported(graph_def(emission, NamedWeights())) as session:
        session.run(emission.init)
        logits = session.run(emission.outputs["logits"], {"images:0": IMAGES})
    np.testing.assert_allclose(logits, logits_by_hand(values_of(graph)), rtol=1e-5, atol=1e-6)


def test_variables_can_be_fed_and_frozen_by_tensorflow() -> None:
    """As `freeze_graph` does it: variables get their values, then TensorFlow turns them into constants."""
    graph = small_graph(training=False)
    emission = emit(graph, form="graphdef", seed=0)
    definition = graph_def(emission)
    with imported(definition) as session:
        for name, array in values_of(graph).items():
            operation = session.graph.get_operation_by_name(f"{name}/Assign")
            session.run(operation, {operation.inputs[1]: array})
        frozen = v1.graph_util.convert_variables_to_constants(session, definition, ["net/fc/MatMul"])
    assert not [node.op for node in frozen.node if node.op in ("VarHandleOp", "AssignVariableOp")]
    with imported(frozen) as session:
        logits = session.run("net/fc/MatMul:0", {"images:0": IMAGES})
    np.testing.assert_allclose(logits, logits_by_hand(values_of(graph)), rtol=1e-5, atol=1e-6)


def meta_graph(definition: Any, names: Iterable[str]) -> Any:
    """The graph with TensorFlow 1's list of its variables, by the names that TensorFlow gives the ops of each."""
    meta = v1.MetaGraphDef(graph_def=definition)
    first = {node.name: node.input[1] for node in definition.node if node.op == "AssignVariableOp"}
    for name in names:
        listed = VariableDef(
            variable_name=f"{name}:0",
            initializer_name=f"{name}/Assign",
            snapshot_name=f"{name}/Read/ReadVariableOp:0",
            initial_value_name=f"{first[f'{name}/Assign']}:0",
            is_resource=True,
        )
        meta.collection_def[v1.GraphKeys.GLOBAL_VARIABLES].bytes_list.value.append(listed.SerializeToString())
    return meta


def test_checkpoints_are_saved_restored_and_frozen_by_tensorflow(tmp_path: Path) -> None:
    """`Saver` writes the variables' names, as TF-Slim's; `freeze_graph` reads them back into the graph."""
    graph = small_graph(training=False)
    emission = emit(graph, form="graphdef", seed=0)
    meta = meta_graph(graph_def(emission), emission.variables)
    path = str(tmp_path / "model.ckpt")
    with tf.Graph().as_default(), v1.Session() as session:
        saver = v1.train.import_meta_graph(meta)
        for variable in v1.global_variables():
            variable.load(values_of(graph)[variable.op.name], session)
        saver.save(session, path)
    assert dict(tf.train.list_variables(path)) == {v.name: list(v.shape) for v in graph.variables}
    with tf.Graph().as_default():
        frozen = freeze_graph.freeze_graph_with_def_protos(
            input_graph_def=None,
            input_saver_def=None,
            input_checkpoint=path,
            output_node_names="net/fc/MatMul",
            restore_op_name=None,
            filename_tensor_name=None,
            output_graph=None,
            clear_devices=False,
            initializer_nodes="",
            input_meta_graph_def=meta,
        )
    with imported(frozen) as session:
        logits = session.run("net/fc/MatMul:0", {"images:0": IMAGES})
    np.testing.assert_allclose(logits, logits_by_hand(values_of(graph)), rtol=1e-5, atol=1e-6)


def test_tensorflow_reports_uninitialized_variables() -> None:
    emission = emit(small_graph(training=False), form="graphdef", seed=0)
    with imported(graph_def(emission)) as session:
        check = "net/conv1/weights/IsInitialized/VarIsInitializedOp:0"
        assert not session.run(check)
        with pytest.raises(tf.errors.FailedPreconditionError):
            session.run(emission.outputs["logits"], {"images:0": IMAGES})
        session.run(emission.init)
        assert session.run(check)


@pytest.mark.parametrize("form", ["frozen", "graphdef"])
def test_the_regularization_loss_is_the_sum_of_the_penalties(form: Form) -> None:
    graph = small_graph(training=True)
    emission = emit(graph, form=form, seed=0, store_weights=True)
    values = values_of(graph)
    expected = sum(
        scale * (values[name].astype("float64") ** 2).sum() / 2
        for name, scale in {"net/conv1/weights": 0.01, "net/fc/weights": 0.02}.items()
    )
    with imported(graph_def(emission, NamedWeights())) as session:
        if emission.init:
            session.run(emission.init)
        np.testing.assert_allclose(session.run(emission.regularization_loss), expected, rtol=1e-5)


def test_updates_keep_the_moving_average() -> None:
    graph = small_graph(training=True)
    emission = emit(graph, form="graphdef", seed=0, store_weights=True)
    values, name = values_of(graph), "net/conv1/BatchNorm/moving_mean"
    mean = tf.reduce_mean(tf.nn.conv2d(IMAGES, values["net/conv1/weights"], 1, "SAME"), (0, 1, 2)).numpy()
    with imported(graph_def(emission, NamedWeights())) as session:
        session.run(emission.init)
        session.run(emission.outputs["logits"], {"images:0": IMAGES})
        np.testing.assert_array_equal(session.run(emission.variables[name]), values[name])
        session.run(emission.update_ops, {"images:0": IMAGES})
        moved = session.run(emission.variables[name])
    np.testing.assert_allclose(moved, DECAY * values[name] + (1 - DECAY) * mean, rtol=1e-4, atol=1e-6)


def test_the_seed_decides_what_is_dropped_and_can_be_fed() -> None:
    graph = small_graph(training=True)
    results = []
    for seed in (0, 0, 1):
        emission = emit(graph, form="frozen", seed=seed)
        with imported(graph_def(emission, NamedWeights())) as session:
            results.append(session.run(emission.outputs["logits"], {"images:0": IMAGES}))
            fed = {"images:0": IMAGES, emission.random_seed: [1, 0]}
            last = session.run(emission.outputs["logits"], fed)
    assert (results[0] == results[1]).all()
    assert (results[0] != results[2]).any()
    assert (last == results[2]).all()


@pytest.mark.parametrize("seed", [0, 2**63, 2**64 - 1])
@pytest.mark.parametrize("form", ["frozen", "graphdef"])
def test_every_seed_is_emitted(form: Form, seed: int) -> None:
    emission = emit(small_graph(training=True), form=form, seed=seed)
    with imported(graph_def(emission, NamedWeights())) as session:
        assert session.run(emission.random_seed)[0] == seed - 2**64 * (seed >= 2**63)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("form", ["frozen", "graphdef"])
def test_nothing_is_hidden_in_the_nodes(form: Form, training: bool) -> None:
    definition = graph_def(emit(small_graph(training=training), form=form, seed=0), NamedWeights())
    seen: set[str] = set()
    for node in definition.node:
        assert not node.device
        assert not [attr for attr in node.attr if attr.startswith("_")]
        assert {tensor.lstrip("^").partition(":")[0] for tensor in node.input} <= seen, node.name
        seen.add(node.name)
    assert definition.versions.producer == PRODUCER
    assert len(seen) == len(definition.node)
    assert not definition.library.function


DIGEST = """
import hashlib, sys
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from tests.backends.graphdef.small_net import NamedWeights, small_graph
for training in (False, True):
    for form in ("frozen", "graphdef"):
        emission = emit(small_graph(training=training), form=form, seed=7)
        print(hashlib.sha256(graph_bytes(emission, NamedWeights())).hexdigest())
"""


def test_the_same_graph_gives_the_same_bytes_in_every_process() -> None:
    """Whatever the order of sets and whichever implementation of protobuf."""
    digests = set()
    for hash_seed, implementation in (("0", "upb"), ("1", "upb"), ("4242", "python")):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation,
        }
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], env=environment, check=True, capture_output=True, text=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1
    emission = emit(small_graph(training=False), form="frozen", seed=7)
    assert hashlib.sha256(graph_bytes(emission, NamedWeights())).hexdigest() in digests.pop()


LEAN = """
import sys
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.pbtxt import write_text
from slimdsl.backends.graphdef.stream import write_emission
from slimdsl.ir.graph import Graph, Node, Tensor
from slimdsl.ops.activations import Relu
from slimdsl.types import DType, SymbolicDim, TensorType
from slimdsl.weights.npz import NpzFile
x = Tensor("x", 0, TensorType(dtype=DType.FLOAT32, shape=(SymbolicDim.named("N"), 3)))
y = Tensor("y", 0, x.type)
graph = Graph("net", {"x": x}, (), (Node("y", Relu(), (x,), (y,), ""),), {"y": y}, {})
for form in ("frozen", "graphdef"):
    emission = emit(graph, form=form, seed=0)
    write_emission(emission, None, sys.argv[1])
    write_text(emission, None, sys.argv[1])
print(sorted({"numpy", "tensorflow"} & set(sys.modules)))
"""


def test_emitting_needs_neither_numpy_nor_tensorflow(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LEAN, str(tmp_path / "g.pb")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@value
class Unknown(Primitive):
    """A primitive that nobody lowers."""

    node_name = "Unknown"

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]


def test_a_primitive_without_a_lowering_is_a_fault_of_ours() -> None:
    make = GraphMaker()
    x = make.tensor("x", (2,))
    (y,) = make.node("y", Unknown(), x)
    graph = Graph("net", {"x": x}, (), tuple(make.nodes), {"y": y}, {})
    with pytest.raises(EmitterError, match="node `y`: Unknown has no lowering"):
        emit(graph, form="frozen", seed=0)


def test_helpers_stay_clear_of_names_of_the_graph() -> None:
    """A net that calls its input `init` and a node as an initialiser of ours is not broken by it."""
    graph = small_graph(training=False)
    inputs = {"init": graph.inputs["images"]}
    renamed = Graph("net", inputs, graph.variables, graph.nodes, graph.outputs, {})
    emission = emit(renamed, form="graphdef", seed=0)
    assert emission.init == "init_1"
    with imported(graph_def(emission)) as session:
        session.run("init_1")
