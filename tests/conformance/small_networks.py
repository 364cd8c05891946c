"""The small networks of `recipes/*.slim`, made by TF-Slim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow.compat.v1 as tf
import tf_slim

from tests.conformance.training_cases import Case

Tensors = dict[str, tf.Tensor]


def tiny(inputs: Tensors, case: Case) -> Tensors:
    """The network of `recipes/tiny.slim`."""
    with (
        tf.variable_scope("Tiny"),
        tf_slim.arg_scope(
            [tf_slim.conv2d, tf_slim.fully_connected], weights_regularizer=tf_slim.l2_regularizer(case.weight_decay)
        ),
    ):
        net = tf_slim.conv2d(
            inputs["images"],
            4,
            3,
            normalizer_fn=tf_slim.batch_norm,
            normalizer_params={"is_training": True, "decay": 0.9},
            scope="conv1",
        )
        net = tf_slim.conv2d(net, 4, 3, stride=2, scope="conv2")
        net = tf_slim.flatten(net)
        if case.args.get("spare"):
            tf_slim.fully_connected(net, 2, weights_regularizer=None, scope="spare")
        net = tf_slim.fully_connected(net, case.num_classes, activation_fn=None, scope="out")
    return {"logits": net, "predictions": tf.sigmoid(net), "directed": tf_slim.unit_norm(net, 1)}


def words(inputs: Tensors, case: Case) -> Tensors:
    """The network of `recipes/words.slim`."""
    with tf.variable_scope("Words"):
        with tf.variable_scope("embedding"):
            table = tf_slim.model_variable("embeddings", [40, 4], initializer=tf.zeros_initializer())
        net = tf_slim.flatten(tf.nn.embedding_lookup(table, inputs["words"]))
        regularizer = tf_slim.l2_regularizer(case.weight_decay)
        net = tf_slim.fully_connected(
            net, case.num_classes, activation_fn=None, weights_regularizer=regularizer, scope="out"
        )
    return {"logits": net}


def norms(inputs: Tensors, case: Case) -> Tensors:
    """The network of `recipes/norms.slim`."""
    l1, l2 = tf_slim.l1_regularizer(0.001), tf_slim.l2_regularizer(0.001)
    norm = {"is_training": True, "decay": 0.9, "scale": True, "param_regularizers": {"gamma": l2, "beta": l1}}
    with (
        tf.variable_scope("Norms"),
        tf_slim.arg_scope(
            [tf_slim.convolution, tf_slim.separable_conv2d, tf_slim.conv2d_transpose, tf_slim.fully_connected],
            weights_regularizer=tf_slim.l2_regularizer(case.weight_decay),
        ),
        tf_slim.arg_scope([tf_slim.batch_norm], **norm),
    ):
        conv, batch = tf_slim.convolution, tf_slim.batch_norm

        def normed(**arguments: Any) -> dict[str, Any]:
            return {"normalizer_fn": batch, "normalizer_params": arguments}

        net = conv(inputs["images"], 4, 3, scope="conv1", **normed())
        net = tf_slim.separable_conv2d(net, 4, 3, 1, scope="separable", **normed(decay=0.8))
        net = conv(net, 4, 3, scope="still", **normed(trainable=False))
        net = conv(net, 4, 3, scope="unfused", **normed(fused=False))
        groups = {"normalizer_fn": tf_slim.group_norm, "normalizer_params": {"groups": 2}}
        net = tf_slim.conv2d_transpose(net, 4, 3, 2, scope="transposed", **groups)
        net = conv(net, 4, 3, 2, normalizer_fn=tf_slim.layer_norm, weights_regularizer=l1, scope="layered")
        both = tf_slim.l1_l2_regularizer(0.001, 0.01)
        net = conv(net, 4, 3, 2, normalizer_fn=tf_slim.instance_norm, weights_regularizer=both, scope="instances")
        solid = conv(inputs["clips"], 3, 3, 2, scope="solid", **normed())
        line = conv(inputs["series"], 3, 3, scope="line", **normed())
        net = tf.concat([tf_slim.flatten(each) for each in (net, solid, line)], axis=1)
        net = tf_slim.fully_connected(net, 6, scope="dense", **normed())
        net = tf_slim.fully_connected(net, 6, scope="dense_still", **normed(trainable=False))
        biased = tf_slim.l2_regularizer(0.1)
        net = tf_slim.fully_connected(net, case.num_classes, activation_fn=None, biases_regularizer=biased, scope="out")
    return {"logits": net}


NETWORKS: dict[str, Callable[[Tensors, Case], Tensors]] = {"tiny": tiny, "words": words, "norms": norms}
