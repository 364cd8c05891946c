"""TF-Slim's own training of LeNet and VGG-A: `slim.learning.create_train_op`, run by a session.

A step is what `slim.learning.train_step` runs: the train op and the global step. Batches come from memory by tf.data
inside the graph. LeNet is TF-Slim's `nets/lenet.py`, which the package leaves out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tests.benchmarks.step_networks import CLASSES, DECAY, MOMENTUM, RATE

v1 = tf.compat.v1
slim = importlib.import_module("tf_slim")


def _lenet(images: Any) -> Any:
    with (
        slim.arg_scope(
            [slim.conv2d, slim.fully_connected],
            weights_regularizer=slim.l2_regularizer(DECAY),
            weights_initializer=v1.truncated_normal_initializer(stddev=0.1),
            activation_fn=tf.nn.relu,
        ),
        v1.variable_scope("LeNet"),
    ):
        x = slim.max_pool2d(slim.conv2d(images, 32, [5, 5], scope="conv1"), [2, 2], 2, scope="pool1")
        x = slim.max_pool2d(slim.conv2d(x, 64, [5, 5], scope="conv2"), [2, 2], 2, scope="pool2")
        x = slim.fully_connected(slim.flatten(x), 1024, scope="fc3")
        x = slim.dropout(x, 0.5, is_training=True, scope="dropout3")
        return slim.fully_connected(x, CLASSES, activation_fn=None, scope="fc4")


def _vgg_a(images: Any) -> Any:
    vgg = importlib.import_module("tf_slim.nets.vgg")
    with slim.arg_scope(vgg.vgg_arg_scope(weight_decay=DECAY)):
        return vgg.vgg_a(images, num_classes=CLASSES)[0]


NETWORKS: dict[str, Callable[[Any], Any]] = {"lenet": _lenet, "vgg_a": _vgg_a}
"""Images to logits, by the name of the network."""


def tf_slim_steps(network: str, images: Any, labels: Any) -> Callable[[], float]:
    """What takes a step and returns the total loss.

    Args:
        network: one of `NETWORKS`.
        images: [steps, N, height, width, channels], which are gone over again and again.
        labels: [steps, N].
    """
    graph = tf.Graph()
    with graph.as_default():
        data = tf.data.Dataset.from_tensor_slices((images, labels)).repeat().prefetch(4)
        x, y = v1.data.make_one_shot_iterator(data).get_next()
        logits = NETWORKS[network](x)
        v1.losses.sparse_softmax_cross_entropy(y, logits)
        step = v1.train.get_or_create_global_step()
        optimizer = v1.train.MomentumOptimizer(RATE, MOMENTUM)
        train = slim.learning.create_train_op(v1.losses.get_total_loss(), optimizer)
        session = v1.Session(graph=graph)
        session.run(v1.global_variables_initializer())

    def take() -> float:
        loss, _ = session.run([train, step])
        return float(loss)

    return take
