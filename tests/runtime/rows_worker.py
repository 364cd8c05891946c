"""Trains an embedding with two replicas and with one, and prints the largest difference of each variable."""

from __future__ import annotations

import json

import numpy as np
import tensorflow as tf

from tests.runtime.test_rows import after_training, engine, recipe


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    settings = {"clip_norm": 0.05, "clip_global_norm": 0.06}
    expected = after_training(engine(recipe(**settings)))
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        two = engine(recipe(**settings))
    found = after_training(two)
    apart = {name: float(np.abs(values - found[name]).max()) for name, values in expected.items()}
    print(json.dumps(apart))


if __name__ == "__main__":
    main()
