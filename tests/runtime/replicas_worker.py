"""Trains a small network with two replicas and with one, and prints the losses and the largest difference."""

from __future__ import annotations

import json

import numpy as np
import tensorflow as tf

from slimdsl.recipe.optimizers import Momentum
from slimdsl.runtime.engine import Engine
from tests.runtime.test_engine import batch, graphs, recipe

STEPS = 5


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    settings = {"optimizer": Momentum(learning_rate=0.05), "clip_global_norm": 0.5, "averages": 0.9}
    one = Engine(*graphs(norm=False), recipe(**settings), sizes={}, seed=3)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        two = Engine(*graphs(norm=False), recipe(**settings), sizes={}, seed=3)
    batches = [batch(step) for step in range(STEPS)]
    data = tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(lambda *each: tf.stack(each), *batches))
    iterator = iter(strategy.experimental_distribute_dataset(data.unbatch().batch(8, drop_remainder=True)))
    single = [float(one.train(given)["total_loss"]) for given in batches]
    double = [float(two.train(next(iterator))["total_loss"]) for _ in range(2)]
    double += [float(loss) for loss in two.train_many([next(iterator) for _ in range(STEPS - 2)])["total_loss"]]
    apart = {
        name: float(np.abs(variable.numpy() - two.variables[name].numpy()).max())
        for name, variable in one.variables.items()
    }
    logits = [float(np.abs(each.evaluate(batch(0))["logits"].numpy()).sum()) for each in (one, two)]
    print(json.dumps({"single": single, "double": double, "apart": max(apart.values()), "logits": logits}))


if __name__ == "__main__":
    main()
