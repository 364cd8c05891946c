"""How fast deployed networks run in TensorFlow, beside TF-Slim's frozen VGG-16 and Keras' EfficientNet-B0.

`python -m tests.benchmarks.inference NAME…` measures the networks of these names alone. Wants TensorFlow; TF-Slim's
graph is built where `tf_slim` is installed (``pip install --no-deps tf_slim``) and left out where it is not. All run in
one process, each graph in a session of its own, and they take turns. The ratios are medians of those within a turn;
below 1, the deployed network is the faster one.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import slimdsl
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.passes.deploy import deploy
from slimdsl.values import Value, positional
from slimdsl.weights.derived import DerivedWeights
from slimdsl.weights.seeded import SeedWeights

MODELS = Path(__file__).parents[2] / "models"
BATCHES = (1, 8)
ROUNDS = 15


Runner = Callable[[Any], Any]
"""Runs a network on images."""


@positional
class Frozen(Value):
    """A graph with constant weights, and how it is run."""

    definition: Any
    source: str
    result: str


def ours(path: str, network: str, *, passes: bool) -> Frozen:
    """A network of ours, with weights of a seed."""
    model = slimdsl.load(MODELS / path, network)
    graph, weights = model.graph, SeedWeights(0)
    if passes:
        deployed = deploy(graph)
        content = graph_bytes(
            emit(deployed.graph, form="frozen", seed=0), DerivedWeights(weights, deployed.derivations)
        )
    else:
        content = graph_bytes(emit(graph, form="frozen", seed=0), weights)
    (source,) = (info.tensor for info in model.inputs.values())
    return Frozen(tf.compat.v1.GraphDef.FromString(content), source, model.outputs["logits"].tensor)


def vgg_16_of_tf_slim() -> Frozen | None:
    """TF-Slim's own graph, frozen by TensorFlow's converter; None where TF-Slim is not installed."""
    if importlib.util.find_spec("tf_slim") is None:
        return None
    slim = importlib.import_module("tf_slim")
    vgg = importlib.import_module("tf_slim.nets.vgg")
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        images = v1.placeholder(tf.float32, [None, 224, 224, 3], "images")
        with slim.arg_scope(vgg.vgg_arg_scope()):
            logits, _ = vgg.vgg_16(images, num_classes=1000, is_training=False)
        with v1.Session(graph=graph) as session:
            session.run(v1.global_variables_initializer())
            definition = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), [logits.op.name])
    return Frozen(definition, "images:0", logits.name)


def efficientnet_b0_of_keras() -> dict[str, Runner]:
    """Keras' network behind the layers that prepare the images, which ours has not: as it is, and frozen."""
    freezing = importlib.import_module("tensorflow.python.framework.convert_to_constants")
    theirs = tf.keras.applications.EfficientNetB0(weights=None, classifier_activation=None)
    model = tf.keras.Model(theirs.get_layer("stem_conv_pad").input, theirs.output)
    function = tf.function(lambda images: model(images, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec([None, 224, 224, 3], tf.float32))
    frozen = freezing.convert_variables_to_constants_v2(concrete)
    graph = Frozen(frozen.graph.as_graph_def(), frozen.inputs[0].name, frozen.outputs[0].name)
    return {
        "Keras, tf.function": lambda images: concrete(tf.constant(images)).numpy(),
        "Keras, frozen": runner(graph),
    }


def runner(frozen: Frozen) -> Runner:
    """What runs a graph, with the settings that TensorFlow has by itself."""
    ops = [node.op for node in frozen.definition.node]
    norms = sum(op.startswith("FusedBatchNorm") for op in ops)
    print(f"  {len(ops)} nodes, {ops.count('Const')} constants, {norms} batch normalisations: {frozen.result}")
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen.definition, name="")
        session = tf.compat.v1.Session(graph=graph)
        run: Runner = session.make_callable(frozen.result, [frozen.source])
        return run


def measure(runners: Mapping[str, Runner], batch: int) -> dict[str, list[float]]:
    """The seconds of each in all turns; in each turn, another one begins."""
    images = np.random.default_rng(0).standard_normal((batch, 224, 224, 3), dtype=np.float32)
    taken: dict[str, list[float]] = {name: [] for name in runners}
    names = list(runners)
    for number in range(ROUNDS + 2):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = time.perf_counter()
            runners[name](images)
            if number >= 2:
                taken[name].append(time.perf_counter() - start)
    return taken


def compare(network: str, runners: Mapping[str, Runner]) -> None:
    """Print how long each takes, and what part of that the first does."""
    for batch in BATCHES:
        taken = measure(runners, batch)
        first = next(iter(taken.values()))
        for name, seconds in taken.items():
            ratio = statistics.median(a / b for a, b in zip(first, seconds, strict=True))
            milliseconds = statistics.median(seconds) * 1000
            print(f"{network}, batch {batch}: {name:20} {milliseconds:8.1f} ms, -O1 / this: {ratio:.2f}", flush=True)


def main(wanted: list[str]) -> None:
    """Measure and print."""
    if not wanted or "vgg_16" in wanted:
        runners = {level: runner(ours("slim/vgg_16.slim", "vgg_16", passes=level == "-O1")) for level in ("-O1", "-O0")}
        theirs = vgg_16_of_tf_slim()
        if theirs is None:
            print("tf_slim is not installed, and its graph is left out")
        else:
            runners["TF-Slim, frozen"] = runner(theirs)
        compare("vgg_16", runners)
    if not wanted or "efficientnet_b0" in wanted:
        network = "efficientnet_b0"
        runners = {level: runner(ours(f"{network}.slim", network, passes=level == "-O1")) for level in ("-O1", "-O0")}
        compare(network, {**runners, **efficientnet_b0_of_keras()})


if __name__ == "__main__":
    main(sys.argv[1:])
