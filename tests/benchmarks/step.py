"""A training step of LeNet and CifarNet, beside a hand-written `tf.function` of the same network and Keras' `fit`.

All train with momentum, L2 penalties and dropout, on batches in memory, in turns within one process. `fit` has the
whole rounds' batches as a data set; so has `train_many`. Run: `python -m tests.benchmarks.step`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

import slimdsl
from slimdsl.recipe.losses import SoftmaxCrossEntropy
from slimdsl.recipe.optimizers import Momentum
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.engine import Engine
from slimdsl.types import DType, SymbolicDim, TensorType

BATCH, STEPS, ROUNDS = 32, 20, 9
RATE, MOMENTUM, DECAY = 0.01, 0.9, 0.00004
SIZES = {"lenet": (28, 28, 1), "cifarnet": (32, 32, 3)}
Taker = Callable[[], object]


def engine_of(network: str) -> Engine:
    """Ours."""
    path = f"models/slim/{network}.slim"
    labels = TensorType(dtype=DType.INT64, shape=(SymbolicDim.named("N"),))
    recipe = Recipe(
        inputs={"labels": labels},
        losses=(LossTerm(name="loss", loss=SoftmaxCrossEntropy(), operands=("logits", "labels")),),
        optimizer=Momentum(learning_rate=RATE, momentum=MOMENTUM),
    )
    training = slimdsl.load(path, training=True, classes=10).graph
    return Engine(training, slimdsl.load(path, classes=10).graph, recipe, sizes={})


def by_hand(engine: Engine, network: str) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """What one would write, with variables of the same shapes."""
    weights = {name: tf.Variable(engine.variables[name]) for name in engine.trained}
    slots = {name: tf.Variable(tf.zeros_like(variable)) for name, variable in weights.items()}
    of = {name.partition("/")[2]: variable for name, variable in weights.items()}

    def conv(x: tf.Tensor, scope: str) -> tf.Tensor:
        return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, of[f"{scope}/weights"], 1, "SAME"), of[f"{scope}/biases"]))

    def fc(x: tf.Tensor, scope: str) -> tf.Tensor:
        return tf.nn.bias_add(tf.matmul(x, of[f"{scope}/weights"]), of[f"{scope}/biases"])

    def lenet(x: tf.Tensor) -> tf.Tensor:
        x = tf.nn.max_pool2d(conv(x, "conv1"), 2, 2, "VALID")
        x = tf.nn.max_pool2d(conv(x, "conv2"), 2, 2, "VALID")
        x = tf.nn.relu(fc(tf.reshape(x, [BATCH, -1]), "fc3"))
        return fc(tf.nn.dropout(x, 0.5), "fc4")

    def cifarnet(x: tf.Tensor) -> tf.Tensor:
        x = tf.nn.lrn(tf.nn.max_pool2d(conv(x, "conv1"), 2, 2, "VALID"), 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)
        x = tf.nn.lrn(conv(x, "conv2"), 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)
        x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), [BATCH, -1])
        x = tf.nn.dropout(tf.nn.relu(fc(x, "fc3")), 0.5)
        return fc(tf.nn.relu(fc(x, "fc4")), "logits")

    forward = {"lenet": lenet, "cifarnet": cifarnet}[network]
    penalized = _penalized(network)

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = forward(images)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            loss += tf.add_n([DECAY * tf.nn.l2_loss(of[name]) for name in penalized])
        names = list(weights)
        for name, gradient in zip(names, tape.gradient(loss, [weights[n] for n in names]), strict=True):
            tf.raw_ops.ResourceApplyMomentum(
                var=weights[name].handle, accum=slots[name].handle, lr=RATE, grad=gradient, momentum=MOMENTUM
            )
        return loss

    return step


def _penalized(network: str) -> list[str]:
    graph = slimdsl.load(f"models/slim/{network}.slim", classes=10).graph
    return [v.name.partition("/")[2] for v in graph.variables if v.regularizer is not None]


def keras_of(network: str) -> Any:
    """The same layers of Keras."""
    layers, decay = tf.keras.layers, {"kernel_regularizer": tf.keras.regularizers.L2(DECAY / 2)}
    normalize = {"depth_radius": 4, "bias": 1.0, "alpha": 0.001 / 9.0, "beta": 0.75}
    lrn = [layers.Lambda(lambda x: tf.nn.lrn(x, **normalize)) for _ in range(2)]
    relu, pool = {"activation": "relu", "padding": "same"}, lambda: layers.MaxPool2D(2)
    if network == "lenet":
        body = [layers.Conv2D(32, 5, **relu, **decay), pool(), layers.Conv2D(64, 5, **relu, **decay), pool()]
        head = [layers.Dense(1024, "relu", **decay), layers.Dropout(0.5), layers.Dense(10, **decay)]
    else:
        body = [layers.Conv2D(64, 5, **relu), pool(), lrn[0], layers.Conv2D(64, 5, **relu), lrn[1], pool()]
        dense = [layers.Dense(384, "relu", **decay), layers.Dropout(0.5), layers.Dense(192, "relu", **decay)]
        head = [*dense, layers.Dense(10)]
    model = tf.keras.Sequential([layers.Input(SIZES[network]), *body, layers.Flatten(), *head])
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.SGD(RATE, MOMENTUM), loss)
    return model


def takers(network: str) -> dict[str, Taker]:
    """What takes STEPS steps, by its name."""
    draw = np.random.RandomState(0)
    images = draw.standard_normal([STEPS, BATCH, *SIZES[network]]).astype(np.float32)
    labels = draw.randint(0, 10, [STEPS, BATCH])
    data = tf.data.Dataset.from_tensor_slices((images, labels)).cache()
    ours = iter(data.map(lambda x, y: {"images": x, "labels": y}).repeat().prefetch(4))
    batches = [(tf.constant(x), tf.constant(y)) for x, y in zip(images, labels, strict=True)]
    engine, many = engine_of(network), engine_of(network)
    step, keras = by_hand(engine, network), keras_of(network)
    named = [{"images": x, "labels": y} for x, y in batches]
    endless = data.repeat().prefetch(4)
    return {
        "by hand": lambda: _last(step(x, y) for x, y in batches),
        "train": lambda: _last(engine.train(batch)["total_loss"] for batch in named),
        "train_many": lambda: _last([many.train_many(ours, STEPS)["total_loss"]]),
        "keras fit": lambda: keras.fit(endless, epochs=1, steps_per_epoch=STEPS, verbose=0),
    }


def _last(found: Iterable[tf.Tensor]) -> object:
    """Wait for the last of some results."""
    return list(found)[-1].numpy()


def main() -> None:
    """Measure and print."""
    for network in SIZES:
        candidates = takers(network)
        seconds: dict[str, list[float]] = {name: [] for name in candidates}
        for round_number in range(ROUNDS + 1):
            for name, take in candidates.items():
                start = time.perf_counter()
                take()
                if round_number:
                    seconds[name].append((time.perf_counter() - start) / STEPS)
        middle = {name: statistics.median(each) for name, each in seconds.items()}
        print(f"{network}, batch {BATCH}: " + ", ".join(f"{name} {1000 * t:.1f} ms" for name, t in middle.items()))
        for name in ("train", "train_many"):
            hand, keras = middle[name] / middle["by hand"], middle[name] / middle["keras fit"]
            print(f"  {name} / by hand: {hand:.2f} (<= 1.05); / keras fit: {keras:.2f} (<= 1.0)")


if __name__ == "__main__":
    main()
