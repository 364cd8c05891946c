"""Checkpoints that TF-Slim itself writes, on whatever TensorFlow is installed: for `test_tf_slim_checkpoints`.

``python -m tests.conformance.write_checkpoints NETWORK FOLDER`` builds LeNet or VGG-16 with tf_slim's layers, trains
LeNet for three steps with momentum and moving averages, saves it in both formats, and writes what it gives for a fixed
input (``expected.npz``: ``images``, ``logits``, ``averaged``).
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import tensorflow as tf
import tf_slim as slim
from tf_slim.nets import vgg

tf1 = tf.compat.v1


def lenet(images: Any) -> Any:
    """LeNet as TF-Slim's model library has it."""
    with tf1.variable_scope("LeNet"):
        net = slim.conv2d(images, 32, [5, 5], scope="conv1")
        net = slim.max_pool2d(net, [2, 2], 2, scope="pool1")
        net = slim.conv2d(net, 64, [5, 5], scope="conv2")
        net = slim.max_pool2d(net, [2, 2], 2, scope="pool2")
        net = slim.flatten(net)
        net = slim.fully_connected(net, 1024, scope="fc3")
        return slim.fully_connected(net, 10, activation_fn=None, scope="fc4")


def train(logits: Any) -> dict[str, Any]:
    """An op that makes a step, and the moving averages by their names."""
    labels = tf.one_hot([1, 2, 3, 4], 10)
    tf1.losses.softmax_cross_entropy(labels, logits)
    step = slim.create_global_step()
    averages = tf.train.ExponentialMovingAverage(0.5, step)
    optimizer = tf1.train.MomentumOptimizer(0.05, 0.9)
    trained = slim.learning.create_train_op(tf1.losses.get_total_loss(), optimizer)
    with tf1.control_dependencies([trained]):
        return {"step": averages.apply(slim.get_model_variables()), "averages": averages}


def main(network: str, folder: str) -> None:
    """Build, train, save and run."""
    random = np.random.RandomState(7)
    size = {"lenet": (4, 28, 28, 1), "vgg_16": (1, 224, 224, 3)}[network]
    images = random.standard_normal(size).astype(np.float32)
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(3)
        fed = tf1.placeholder(tf.float32, (None, *size[1:]))
        logits = lenet(fed) if network == "lenet" else vgg.vgg_16(fed, is_training=False)[0]
        made = train(logits) if network == "lenet" else {}
        session.run(tf1.global_variables_initializer())
        for _ in range(3 if made else 0):
            session.run(made["step"], {fed: images})
        results = {"images": images, "logits": session.run(logits, {fed: images})}
        for version in (1, 2) if made else (2,):
            saver = tf1.train.Saver(tf1.global_variables(), write_version=version)
            saver.save(session, os.path.join(folder, f"v{version}", "model.ckpt"), global_step=3 if made else None)
        if made:
            averages = {made["averages"].average(v): v for v in slim.get_model_variables()}
            session.run([v.assign(average) for average, v in averages.items()])
            results["averaged"] = session.run(logits, {fed: images})
    np.savez(os.path.join(folder, "expected.npz"), **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
