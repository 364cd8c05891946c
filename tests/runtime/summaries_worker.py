"""Trains a network with dropout by two replicas, and prints the losses and the mean squares of what is looked at."""

from __future__ import annotations

import json

import tensorflow as tf

from slimdsl.runtime.distribution import Distribution
from tests.runtime.test_summaries import DROPPED, batch, by_tag, engine_of, mean_square, recipe, summaries_of

STEPS = 3


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        engine, graph = engine_of(DROPPED, recipe("drop", 40, accumulate=2))
    two = Distribution(name="mirrored", strategy=strategy, replicas=2)
    summaries = summaries_of(engine, graph, distribution=two)
    losses, squares = [], []
    for step in range(STEPS):
        squares.append(mean_square(by_tag(summaries.of(batch(step), step)), "Dropped/drop"))
        losses.append(float(engine.train(batch(step))["total_loss"]))
    print(json.dumps({"losses": losses, "squares": squares}))


if __name__ == "__main__":
    main()
