"""Every operation of a training step has a kernel for GPUs, as far as TensorFlow's registry says it: no GPU is needed.

An operation without one would run on the CPU, and its tensors would go there and back in every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels, op_def_registry

import slimdsl
from slimdsl.ir.graph import Graph
from slimdsl.recipe.optimizers import OPTIMIZERS
from slimdsl.runtime.network import ImportedNetwork
from slimdsl.runtime.precision import mixed
from slimdsl.types import DTYPES
from tests.runtime.test_engine import batch, engine, recipe

pytestmark = pytest.mark.skipif(
    not tf.test.is_built_with_cuda(), reason="this TensorFlow was built without CUDA, and has no kernels for GPUs"
)

MODELS = Path(__file__).parents[2] / "models"

NO_KERNELS = {"Placeholder", "_Arg", "_Retval", "NoOp"}
"""What marks places in a graph."""

ON_THE_HOST = {
    "BroadcastGradientArgs(T=int32)",
    "ConcatV2(T=int32, Tidx=int32)",
    "Const(dtype=int32)",
    "FloorDiv(T=int32)",
    "Identity(T=int32)",
    "InvertPermutation(T=int32)",
    "Reshape(T=int32, Tshape=int32)",
    "Shape(T=bfloat16, out_type=int32)",
    "Shape(T=float32, out_type=int32)",
    "ShapeN(T=bfloat16, out_type=int32)",
    "ShapeN(T=float32, out_type=int32)",
    "StridedSlice(Index=int32, T=int32)",
    "ExpandDims(T=int32, Tdim=int32)",
    "Maximum(T=int32)",
    "Pack(T=int32)",
    "Range(Tidx=int32)",
    "Sub(T=int32)",
    # The places of words that `causal` compares.
    "GreaterEqual(T=int32)",
    # The numbers of classes that `accuracy` compares.
    "Equal(T=int32)",
}
"""What has kernels for GPUs that keep all their tensors in the host's memory: shapes, indices and counters, by
TensorFlow's own rule for int32. No numbers of the network may be among them."""

RESIDUAL = """slim 1
net residual_net {
  input images: float32[N, 16, 16, 3]
  conv(8, 7x7, stride=2, norm=batch_norm) as root
  max_pool(3x3, stride=2) as pool
  residual as unit {
    conv(8, 3x3, norm=batch_norm) as conv1
    conv(8, 3x3, activation=none, norm=batch_norm) as conv2
  }
  relu
  global_avg_pool
  flatten
  dropout(0.5)
  fc(4, activation=none) as logits
  output logits
}
"""

NETS: dict[str, tuple[str, dict[str, int]]] = {
    "lenet": ("slim/lenet.slim", {}),
    "cifarnet": ("slim/cifarnet.slim", {}),
    "mobilenet_v1_025": ("slim/mobilenet_v1.slim", {}),
    "gpt": ("gpt.slim", {"layers": 1, "width": 16, "heads": 2, "vocabulary": 30, "context": 8}),
}


def nodes_of(definition: Any) -> Iterator[Any]:
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def fits(node: Any, kernel: Any) -> bool:
    """Whether a kernel takes the node's types."""
    return all(
        node.attr[each.name].type in each.allowed_values.list.type
        for each in kernel.constraint
        if node.attr[each.name].HasField("type")
    )


def kernels_of(node: Any) -> list[Any]:
    """The kernels for GPUs that take the node's types; those for every kind of device are among them."""
    registered = kernels.get_registered_kernels_for_op(node.op).kernel
    return [each for each in registered if each.device_type in {"GPU", "DEFAULT"} and fits(node, each)]


def on_the_host(node: Any, kernel: Any) -> bool:
    """Whether a kernel for GPUs keeps whatever it makes in the host's memory."""
    made = {each.name for each in op_def_registry.get(node.op).output_arg}
    return bool(made) and made <= set(kernel.host_memory_arg)


def typed(node: Any) -> str:
    """An operation with its types."""
    types = (f"{name}={tf.as_dtype(v.type).name}" for name, v in node.attr.items() if v.HasField("type"))
    return f"{node.op}({', '.join(sorted(types))})"


def unexpected(definition: Any) -> set[str]:
    """The operations that run or keep what they make elsewhere than on a GPU, each with its types."""
    functions = {each.signature.name for each in definition.library.function}
    found = set()
    for node in nodes_of(definition):
        if node.op not in NO_KERNELS | functions:
            fitting = kernels_of(node)
            if all(on_the_host(node, kernel) for kernel in fitting):
                found.add(typed(node))
    return found - ON_THE_HOST


@pytest.mark.parametrize("kind", OPTIMIZERS, ids=lambda kind: kind.name)
def test_steps_of_every_optimizer(kind: type[Any]) -> None:
    given = recipe(optimizer=kind(learning_rate=0.01), averages=0.9, clip_global_norm=1.0, clip_norm=1.0)
    trained = engine(given, keep=0.5)
    step = tf.function(trained.train, autograph=False).get_concrete_function(specified(batch(0)))
    assert unexpected(step.graph.as_graph_def()) == set()


def specified(tensors: Mapping[str, tf.Tensor]) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def graph_of(name: str) -> Graph:
    if name == "residual_net":
        return slimdsl.loads(RESIDUAL, training=True).graph
    path, parameters = NETS[name]
    return slimdsl.load(MODELS / path, name, training=True, **parameters).graph


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", [*NETS, "residual_net"])
def test_networks_forwards_and_backwards(name: str, precision: str) -> None:
    network = ImportedNetwork(mixed(graph_of(name), DTYPES[precision]))
    graph = network.graph

    def gradients() -> list[Any]:
        values = {v.name: tf.zeros(v.shape, v.tensor.type.dtype.value) for v in graph.variables}
        # Examples, and whatever else is open: the words of a text.
        sizes = {
            name: [dim if isinstance(dim, int) else 2 + 6 * (axis > 0) for axis, dim in enumerate(tensor.type.shape)]
            for name, tensor in graph.inputs.items()
        }
        inputs = {name: tf.zeros(sizes[name], tensor.type.dtype.value) for name, tensor in graph.inputs.items()}
        outputs = [*network.outputs.values(), *network.updates.values()]
        found = network.call(outputs, inputs, values, tf.constant([0, 0], tf.int64))
        total = tf.add_n([tf.reduce_sum(tf.cast(each, tf.float32)) for each in found[: len(network.outputs)]])
        trained = [values[v.name] for v in graph.variables if v.trainable]
        return [*tf.gradients(total, trained, unconnected_gradients="zero"), *found]

    definition = tf.function(gradients, autograph=False).get_concrete_function().graph.as_graph_def()
    assert any("grad" in node.name.lower() for node in nodes_of(definition))
    assert unexpected(definition) == set()


def test_an_operation_without_a_kernel_is_found() -> None:
    """One that there is on the CPU alone; and one for whose numbers there is no kernel."""

    def compute() -> Any:
        ones = tf.ones([1, 1], tf.int64)
        return tf.strings.length(["a"]), tf.matmul(ones, ones)

    definition = tf.function(compute, autograph=False).get_concrete_function().graph.as_graph_def()
    assert unexpected(definition) >= {"StringLength()", "MatMul(T=int64)"}
