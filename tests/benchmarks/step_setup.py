"""What the training benchmark compares: which networks, at what size, and what takes their steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import slimdsl
from slimdsl.ir.graph import Graph
from slimdsl.recipe.losses import SoftmaxCrossEntropy
from slimdsl.recipe.optimizers import Momentum
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.engine import Engine
from slimdsl.types import DType, SymbolicDim, TensorType
from slimdsl.values import Value, field, value
from tests.benchmarks.step_by_hand import step_by_hand
from tests.benchmarks.step_keras import keras_model
from tests.benchmarks.step_networks import CLASSES, FORWARD, MOMENTUM, RATE

Taker = Callable[[], object]
"""Takes the steps of a turn, and waits for the last."""

HAND, KERAS, SLIM = "by hand", "keras fit", "tf-slim session"


@value
class Setup(Value):
    """A network and how it is measured.

    Attributes:
        name: of the net.
        path: the file it stands in.
        image: height, width and channels; written into the text, where that has another size.
        batch: images of a step.
        steps: of a turn.
        beside: what it is compared with.
        drops: whether it has dropout.
    """

    name: str
    path: str
    image: tuple[int, int, int]
    batch: int
    steps: int
    beside: tuple[str, ...] = field(default=(HAND, KERAS))
    drops: bool = field(default=True)


SETUPS: tuple[Setup, ...] = (
    Setup(
        name="lenet",
        path="models/slim/lenet.slim",
        image=(28, 28, 1),
        batch=32,
        steps=20,
        beside=(HAND, KERAS, SLIM),
    ),
    Setup(name="cifarnet", path="models/slim/cifarnet.slim", image=(32, 32, 3), batch=32, steps=20),
    Setup(name="mobilenet_v1_025", path="models/slim/mobilenet_v1.slim", image=(96, 96, 3), batch=16, steps=10),
    Setup(
        name="resnet_v1_50",
        path="models/slim/resnet_v1.slim",
        image=(64, 64, 3),
        batch=8,
        steps=3,
        drops=False,
    ),
    # 7 x 7 windows without padding after five poolings: nothing smaller than 224 has a result.
    Setup(name="vgg_a", path="models/slim/vgg_a.slim", image=(224, 224, 3), batch=2, steps=1, beside=(SLIM,)),
)


def graph_of(setup: Setup, *, training: bool, keep: float | None = None) -> Graph:
    """The graph; `keep` in place of the net's own share that dropout keeps."""
    size = f"[N, {', '.join(map(str, setup.image))}]"
    text = Path(setup.path).read_text(encoding="utf-8").replace("[N, 224, 224, 3]", size)
    changed = {} if keep is None else {"keep_prob": keep}
    # Under its own name, next to the files that it uses.
    return slimdsl.loads(text, setup.name, training=training, name=setup.path, classes=CLASSES, **changed).graph


def engine_of(setup: Setup, keep: float | None = None) -> Engine:
    """Ours."""
    labels = TensorType(dtype=DType.INT64, shape=(SymbolicDim.named("N"),))
    recipe = Recipe(
        inputs={"labels": labels},
        losses=(LossTerm(name="loss", loss=SoftmaxCrossEntropy(), operands=("logits", "labels")),),
        optimizer=Momentum(learning_rate=RATE, momentum=MOMENTUM),
    )
    training, inference = (graph_of(setup, training=training, keep=keep) for training in (True, False))
    return Engine(training, inference, recipe, sizes={})


def values_of(setup: Setup, engine: Engine) -> dict[str, tf.Variable]:
    """The network's variables by their names, without what the optimizer keeps."""
    return {v.name: engine.variables[v.name] for v in graph_of(setup, training=True).variables}


def drawn(setup: Setup) -> tuple[Any, Any]:
    """The images and labels of the steps of a turn."""
    draw = np.random.RandomState(0)
    images = draw.standard_normal([setup.steps, setup.batch, *setup.image]).astype(np.float32)
    return images, draw.randint(0, CLASSES, [setup.steps, setup.batch])


def disagreement(setup: Setup, steps: int = 3) -> tuple[float, float]:
    """How far the losses by hand are from ours, relatively and without dropout: the first, and any of some steps."""
    engine = engine_of(setup, 1.0 if setup.drops else None)
    step = step_by_hand(FORWARD[setup.name], values_of(setup, engine), engine.trained, drops=False)
    images, labels = (tf.constant(each[0]) for each in drawn(setup))
    ours = [float(engine.train({"images": images, "labels": labels})["total_loss"]) for _ in range(steps)]
    theirs = [float(step(images, labels)) for _ in range(steps)]
    apart = [abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True)]
    return apart[0], max(apart)


def takers(setup: Setup, beside: Iterable[str]) -> dict[str, Taker]:
    """What takes the steps of a turn, by its name: ours one by one, ours several a call, and the others."""
    images, labels = drawn(setup)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).repeat().prefetch(4)
    batches = [(tf.constant(x), tf.constant(y)) for x, y in zip(images, labels, strict=True)]
    named = [{"images": x, "labels": y} for x, y in batches]
    engine = engine_of(setup)
    found: dict[str, Taker] = {
        "train": lambda: _last(engine.train(batch)["total_loss"] for batch in named),
        "train_many": lambda: _last([engine.train_many(named)["total_loss"]]),
    }
    if HAND in beside:
        step = step_by_hand(FORWARD[setup.name], values_of(setup, engine), engine.trained)
        found[HAND] = lambda: _last(step(x, y) for x, y in batches)
    if KERAS in beside:
        model = keras_model(FORWARD[setup.name], setup.image)
        size = sum(variable.shape.num_elements() for variable in values_of(setup, engine).values())
        assert model.count_params() == size, "the model of Keras is another network"
        found[KERAS] = lambda: model.fit(data, epochs=1, steps_per_epoch=setup.steps, verbose=0)
    if SLIM in beside:
        # Where TF-Slim is not installed, the others can be measured all the same.
        from tests.benchmarks.step_tf_slim import tf_slim_steps

        take = tf_slim_steps(setup.name, images, labels)
        found[SLIM] = lambda: [take() for _ in range(setup.steps)]
    return found


def _last(results: Iterable[tf.Tensor]) -> object:
    """Wait for the last of some results."""
    return list(results)[-1].numpy()
