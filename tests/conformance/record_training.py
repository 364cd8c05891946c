"""Record five steps of TF-Slim's training, as `recipes/<case>.json` has them.

    python -m tests.conformance.record_training lenet_adadelta FOLDER

FOLDER and the environment are those of `record`. `--perturb 1e-7` adds as much noise to the images, which shows how far
rounding alone moves the numbers of a case.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf
import tf_slim

from tests.conformance.recipe import batch_values, variable_values
from tests.conformance.record import HERE, NETWORKS, WEIGHT_DECAY, digest

Tensors = dict[str, tf.Tensor]
Inputs = dict[str, dict[str, Any]]

STEPS = 5
AUXILIARY = 0.4
"""The weight of an auxiliary head's loss in the training script."""


class LossOf(NamedTuple):
    """A loss of TF-Slim: the names of its tensors, of its weights or their number, and its other arguments."""

    loss: str
    operands: tuple[str, str]
    weights: str | float = 1.0
    arguments: dict[str, Any] = {}  # noqa: RUF012 (nobody changes it)


class Case(NamedTuple):
    """A training: the arguments of the optimizer, the schedules and `create_train_op` by their names there."""

    network: str
    inputs: Inputs
    optimizer: str
    learning_rate: float
    args: dict[str, Any] = {}  # noqa: RUF012
    optimizer_arguments: dict[str, Any] = {}  # noqa: RUF012
    schedule: dict[str, Any] = {}  # noqa: RUF012
    num_classes: int = 10
    weight_decay: float = WEIGHT_DECAY
    label_smoothing: float = 0.0
    losses: tuple[LossOf, ...] = ()
    clip_gradient_norm: float = 0.0
    gradient_multipliers: dict[str, float] = {}  # noqa: RUF012
    trainable_scopes: tuple[str, ...] = ()
    moving_average_decay: float | None = None
    steps: int = STEPS


def _images(batch: int, size: int, channels: int = 3, classes: int = 10) -> Inputs:
    return {
        "images": {"draw": "normal", "shape": [batch, size, size, channels]},
        "labels": {"draw": "classes", "shape": [batch], "classes": classes},
    }


_KEPT = {"dropout_keep_prob": 1.0}
_DIGITS, _OBJECTS = _images(8, 28, 1), _images(8, 32)


def _lenet(optimizer: str, learning_rate: float, **more: Any) -> Case:
    return Case("lenet", _DIGITS, optimizer, learning_rate, _KEPT, **more)


def _cifarnet(optimizer: str, learning_rate: float, **more: Any) -> Case:
    return Case("cifarnet", _OBJECTS, optimizer, learning_rate, _KEPT, **more)


def _tiny(optimizer: str, learning_rate: float, **more: Any) -> Case:
    """Layers with batch normalisation, of images of 6 x 6."""
    return Case("tiny", _images(8, 6, 2, 5), optimizer, learning_rate, num_classes=5, **more)


def _other(network: str, batch: int, size: int, optimizer: str, learning_rate: float, **more: Any) -> Case:
    return Case(network, _images(batch, size), optimizer, learning_rate, **{"args": _KEPT, **more})


_NUMBERS: Inputs = {
    "images": {"draw": "normal", "shape": [8, 6, 6, 2]},
    "labels": {"draw": "classes", "shape": [8], "classes": 5},
    "numbers": {"draw": "normal", "shape": [8, 5]},
    "bits": {"draw": "bits", "shape": [8, 5]},
    "shares": {"draw": "shares", "shape": [8, 5]},
    "directions": {"draw": "unit_vectors", "shape": [8, 5]},
    "of_examples": {"draw": "weights", "shape": [8]},
    "of_elements": {"draw": "weights", "shape": [8, 5]},
    "nothing": {"draw": "zeros", "shape": [8]},
}


def _losses(*losses: LossOf, **more: Any) -> Case:
    return Case("tiny", _NUMBERS, "momentum", 0.05, num_classes=5, losses=losses, **more)


def _all_losses(weights: str | float) -> tuple[LossOf, ...]:
    """One of each sort; those of vectors have one weight for each example."""
    of_vectors = "of_examples" if weights == "of_elements" else weights
    return (
        LossOf("softmax_cross_entropy", ("logits", "labels"), of_vectors, {"label_smoothing": 0.1}),
        LossOf("sparse_softmax_cross_entropy", ("logits", "labels"), of_vectors),
        LossOf("sigmoid_cross_entropy", ("logits", "bits"), weights, {"label_smoothing": 0.2}),
        LossOf("mean_squared_error", ("logits", "numbers"), weights),
        LossOf("absolute_difference", ("logits", "numbers"), weights),
        LossOf("hinge_loss", ("logits", "bits"), weights),
        LossOf("log_loss", ("predictions", "shares"), weights, {"epsilon": 0.001}),
        LossOf("cosine_distance", ("directed", "directions"), of_vectors),
        LossOf("huber_loss", ("logits", "numbers"), weights, {"delta": 0.5}),
        LossOf("mean_pairwise_squared_error", ("logits", "numbers"), of_vectors),
    )


_STAIRS = {"type": "exponential", "decay_steps": 2, "decay_rate": 0.5, "staircase": True}
_WORDS: Inputs = {
    "words": {"draw": "classes", "shape": [8, 3], "classes": 40},
    "labels": {"draw": "classes", "shape": [8], "classes": 5},
}

_SHAPES: Inputs = {
    "images": {"draw": "normal", "shape": [8, 6, 6, 2]},
    "clips": {"draw": "normal", "shape": [8, 4, 4, 4, 2]},
    "series": {"draw": "normal", "shape": [8, 8, 2]},
    "labels": {"draw": "classes", "shape": [8], "classes": 5},
}

CASES: dict[str, Case] = {
    "norms": Case("norms", _SHAPES, "momentum", 0.05, num_classes=5),
    "lenet_adadelta": _lenet("adadelta", 0.5, optimizer_arguments={"rho": 0.95, "epsilon": 1.0}),
    "lenet_adagrad": _lenet("adagrad", 0.01),
    "lenet_momentum_smoothed": _lenet("momentum", 0.001, label_smoothing=0.1, weight_decay=0.0),
    "cifarnet_rmsprop": _cifarnet("rmsprop", 0.001, label_smoothing=0.1, weight_decay=0.004),
    "tiny_sgd": _tiny("sgd", 0.1),
    "tiny_adadelta": _tiny("adadelta", 1.0, optimizer_arguments={"rho": 0.8, "epsilon": 1e-3}),
    "tiny_adagrad": _tiny("adagrad", 0.1, optimizer_arguments={"initial_accumulator_value": 0.5}),
    "tiny_adam": _tiny("adam", 0.01, optimizer_arguments={"beta1": 0.8, "beta2": 0.99, "epsilon": 1.0}),
    "tiny_ftrl": _tiny(
        "ftrl",
        0.1,
        optimizer_arguments={
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.2,
            "l1_regularization_strength": 0.001,
            "l2_regularization_strength": 0.01,
        },
    ),
    "tiny_momentum": _tiny("momentum", 0.05, optimizer_arguments={"momentum": 0.8, "use_nesterov": True}),
    "tiny_rmsprop": _tiny("rmsprop", 0.01, optimizer_arguments={"decay": 0.8, "momentum": 0.5, "epsilon": 1e-3}),
    "tiny_without_decay": _tiny("momentum", 0.05, weight_decay=0.0, label_smoothing=0.3),
    "tiny_clipped": _tiny(
        "momentum",
        0.05,
        clip_gradient_norm=0.1,
        gradient_multipliers={"Tiny/out/weights": 10.0, "Tiny/out/biases": 0.5},
    ),
    "tiny_scopes": _tiny("adam", 0.01, trainable_scopes=("Tiny/out", "Tiny/conv2")),
    "tiny_spare": _tiny("ftrl", 0.1, args={"spare": True}),
    "tiny_averages": _tiny("sgd", 0.1, moving_average_decay=0.25),
    "tiny_exponential": _tiny("sgd", 0.1, schedule=_STAIRS, steps=12),
    "tiny_smooth_exponential": _tiny("sgd", 0.1, schedule={**_STAIRS, "staircase": False}, steps=12),
    "tiny_polynomial": _tiny(
        "sgd",
        0.1,
        schedule={"type": "polynomial", "decay_steps": 8, "end_learning_rate": 0.01, "power": 2.0, "cycle": False},
        steps=12,
    ),
    "tiny_cycle": _tiny(
        "sgd",
        0.1,
        schedule={"type": "polynomial", "decay_steps": 4, "end_learning_rate": 0.01, "power": 1.0, "cycle": True},
        steps=12,
    ),
    "losses": _losses(*_all_losses(1.0)),
    "losses_scaled": _losses(*_all_losses(0.25)),
    "losses_of_no_weight": _losses(*_all_losses(0.0), LossOf("mean_squared_error", ("logits", "bits"))),
    "losses_of_examples": _losses(*_all_losses("of_examples")),
    "losses_of_elements": _losses(*_all_losses("of_elements")),
    "losses_of_nothing": _losses(*_all_losses("nothing"), LossOf("mean_squared_error", ("logits", "bits"))),
}
CASES.update(
    {
        f"words_{optimizer}": Case("words", _WORDS, optimizer, rate, num_classes=5, optimizer_arguments=arguments)
        for optimizer, rate, arguments in (
            ("sgd", 0.5, {}),
            ("momentum", 0.2, {"momentum": 0.9}),
            ("adagrad", 0.1, {}),
            ("adadelta", 1.0, {"epsilon": 0.01}),
            ("adam", 0.01, {}),
            ("ftrl", 0.1, {"l2_regularization_strength": 0.1}),
            ("rmsprop", 0.01, {"momentum": 0.9, "epsilon": 1.0}),
        )
    }
)
# Those below are compared by hand: they take minutes, or their files are large.
CASES.update(
    {
        "alexnet_v2_momentum": _other("alexnet_v2", 2, 224, "momentum", 0.001),
        "overfeat_sgd": _other("overfeat", 2, 231, "sgd", 0.001),
        "vgg_16_adagrad": _other("vgg_16", 2, 224, "adagrad", 0.0001),
        "inception_v1_adam": _other("inception_v1", 4, 224, "adam", 0.001, label_smoothing=0.1),
        "inception_v2_rmsprop": _other("inception_v2", 4, 224, "rmsprop", 0.01),
        "inception_v3_rmsprop": _other("inception_v3", 2, 299, "rmsprop", 0.001, label_smoothing=0.1),
        "inception_v3_without_auxiliary_loss": _other(
            "inception_v3", 2, 299, "ftrl", 0.01, losses=(LossOf("softmax_cross_entropy", ("logits", "labels")),)
        ),
        "inception_v4_sgd": _other("inception_v4", 2, 299, "sgd", 0.01),
        "inception_resnet_v2_momentum": _other("inception_resnet_v2", 2, 299, "momentum", 0.001),
        "mobilenet_v1_rmsprop": _other("mobilenet_v1", 4, 128, "rmsprop", 0.01),
        "mobilenet_v2_momentum": _other("mobilenet_v2", 4, 96, "momentum", 0.01, args={"scope": _KEPT}),
        "mobilenet_v3_small_rmsprop": _other("mobilenet_v3_small", 4, 96, "rmsprop", 0.01, args={"scope": _KEPT}),
        "mobilenet_edgetpu_sgd": _other("mobilenet_edgetpu", 4, 96, "sgd", 0.01, args={"scope": _KEPT}),
        "resnet_v1_50_adam": _other("resnet_v1_50", 4, 64, "adam", 0.0001, args={}),
        "resnet_v2_50_momentum": _other("resnet_v2_50", 4, 64, "momentum", 0.001, args={}),
        "nasnet_cifar_momentum": _other(
            "nasnet_cifar", 4, 32, "momentum", 0.01, args={"config": {"drop_path_keep_prob": 1.0}}
        ),
        "nasnet_mobile_sgd": _other(
            "nasnet_mobile", 2, 96, "sgd", 0.01, args={"config": {"dense_dropout_keep_prob": 1.0}}
        ),
        "pnasnet_mobile_sgd": _other(
            "pnasnet_mobile", 2, 96, "sgd", 0.01, args={"config": {"dense_dropout_keep_prob": 1.0}}
        ),
    }
)

_OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "adadelta": tf.train.AdadeltaOptimizer,
    "adagrad": tf.train.AdagradOptimizer,
    "adam": tf.train.AdamOptimizer,
    "ftrl": tf.train.FtrlOptimizer,
    "momentum": tf.train.MomentumOptimizer,
    "rmsprop": tf.train.RMSPropOptimizer,
    "sgd": tf.train.GradientDescentOptimizer,
}
_AS_THE_SCRIPT = {"momentum": {"momentum": 0.9}, "rmsprop": {"decay": 0.9, "momentum": 0.9, "epsilon": 1.0}}
_SCHEDULES = {"exponential": tf.train.exponential_decay, "polynomial": tf.train.polynomial_decay}
_CONFIGURED = {
    "nasnet_cifar": "cifar_config",
    "nasnet_mobile": "mobile_imagenet_config",
    "pnasnet_mobile": "mobile_imagenet_config",
}


def _tiny_network(inputs: Tensors, case: Case) -> Tensors:
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


def _words_network(inputs: Tensors, case: Case) -> Tensors:
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


def _norms_network(inputs: Tensors, case: Case) -> Tensors:
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


_SMALL = {"tiny": _tiny_network, "words": _words_network, "norms": _norms_network}


def _library_network(inputs: Tensors, case: Case) -> Tensors:
    network = NETWORKS[case.network]._replace(classes=case.num_classes)
    arguments = dict(case.args)
    scope = {"weight_decay": case.weight_decay, **arguments.pop("scope", {})}
    if "config" in arguments:
        module = __import__(f"nets.{network.module}", fromlist=["_"])
        config = getattr(module, _CONFIGURED[case.network])()
        for name, value in arguments["config"].items():
            config.set_hparam(name, value)
        arguments["config"] = config
    logits, end_points = network.build(inputs["images"], is_training=True, scope=scope, **arguments)
    heads = {"aux_logits": end_points["AuxLogits"]} if "AuxLogits" in end_points else {}
    return {"logits": logits, **heads}


def _terms(case: Case, outputs: Tensors) -> tuple[LossOf, ...]:
    """The losses of the case; without any, those of the training script."""
    if case.losses:
        return case.losses
    smoothing = {"label_smoothing": case.label_smoothing}
    auxiliary = LossOf("softmax_cross_entropy", ("aux_logits", "labels"), AUXILIARY, smoothing)
    main = LossOf("softmax_cross_entropy", ("logits", "labels"), 1.0, smoothing)
    return (auxiliary, main) if "aux_logits" in outputs else (main,)


def _loss(term: LossOf, tensors: Tensors) -> tf.Tensor:
    first, second = (tensors[name] for name in term.operands)
    weights = tensors[term.weights] if isinstance(term.weights, str) else term.weights
    if term.loss == "softmax_cross_entropy" and second.dtype.is_integer:
        second = tf_slim.one_hot_encoding(second, first.shape[-1])
    if term.loss == "huber_loss":  # Newer than `slim.losses`: weights have the rank of what they weigh.
        if isinstance(weights, tf.Tensor) and weights.shape.rank < first.shape.rank:
            weights = weights[:, tf.newaxis]
        return tf.losses.huber_loss(second, first, weights, **term.arguments)
    if term.loss == "hinge_loss":  # It leaves the mean to others.
        return tf_slim.losses.compute_weighted_loss(tf_slim.losses.hinge_loss(first, second), weights)
    more = {"axis": 1} if term.loss == "cosine_distance" else {}
    return getattr(tf_slim.losses, term.loss)(first, second, weights=weights, **more, **term.arguments)


def _learning_rate(case: Case, step: tf.Tensor) -> tf.Tensor:
    if not case.schedule:
        return tf.constant(case.learning_rate)
    arguments = dict(case.schedule)
    return _SCHEDULES[arguments.pop("type")](case.learning_rate, step, **arguments)


def _train_op(case: Case, rate: tf.Tensor) -> tf.Tensor:
    """`create_train_op` as the training script and its readers call it, with averages behind each step."""
    arguments = {**_AS_THE_SCRIPT.get(case.optimizer, {}), **case.optimizer_arguments}
    trained = [
        variable
        for scope in case.trainable_scopes
        for variable in tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope)
    ]
    step = tf.train.get_or_create_global_step()
    train_op = tf_slim.learning.create_train_op(
        tf_slim.losses.get_total_loss(),
        _OPTIMIZERS[case.optimizer](rate, **arguments),
        step,
        variables_to_train=trained or None,
        clip_gradient_norm=case.clip_gradient_norm,
        gradient_multipliers=case.gradient_multipliers or None,
    )
    if case.moving_average_decay is None:
        return train_op
    averages = tf.train.ExponentialMovingAverage(case.moving_average_decay, step)
    with tf.control_dependencies([train_op]):
        applied = averages.apply(tf_slim.get_model_variables())
    with tf.control_dependencies([applied]):
        return tf.identity(train_op)


def record(name: str, case: Case, perturb: float = 0.0) -> dict[str, Any]:
    """Train in a graph of its own, on the recipe's values."""
    with tf.Graph().as_default() as graph:
        types = {"classes": tf.int64}
        inputs = {
            name: tf.placeholder(types.get(data["draw"], tf.float32), data["shape"], name=name)
            for name, data in case.inputs.items()
        }
        build = _SMALL.get(case.network, _library_network)
        step = tf.train.get_or_create_global_step()
        outputs = build(inputs, case)
        losses = [_loss(term, {**inputs, **outputs}) for term in _terms(case, outputs)]
        penalties = tf.losses.get_regularization_losses()
        penalty = tf.add_n(penalties) if penalties else tf.constant(0.0)
        rate = _learning_rate(case, step)
        first = tf.global_variables()
        train_op = _train_op(case, rate)
        update_ops = len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        rows = []
        with tf.Session(graph=graph) as session:
            model = [variable for variable in first if variable is not step]
            drawn = {v.initializer.inputs[1]: variable_values(v.op.name, v.shape.as_list()) for v in model}
            session.run([variable.initializer for variable in model], drawn)
            # Averages begin at the values of their variables, so these come first.
            others = [variable for variable in tf.global_variables() if variable not in set(model)]
            session.run([variable.initializer for variable in others])
            # What is reported is computed before the step, in a run of its own: it would race with the step.
            for i in range(case.steps):
                batch = batch_values(case.inputs, i)
                if perturb:
                    noise = np.random.RandomState(1).standard_normal(batch["images"].shape)
                    batch["images"] = (batch["images"] + perturb * noise).astype(np.float32)
                feeds = {inputs[name]: value for name, value in batch.items()}
                reported = session.run([rate, penalty, *losses], feeds)
                rows.append([session.run(train_op, feeds), *reported])
            kept = [variable for variable in tf.global_variables() if variable is not step]
            after = dict(zip([v.op.name for v in kept], session.run(kept), strict=True))
    columns = [[float(number) for number in column] for column in zip(*rows, strict=True)]
    return {
        "network": case.network,
        "args": case.args,
        "batch": case.inputs[next(iter(case.inputs))]["shape"],
        "num_classes": case.num_classes,
        "optimizer": case.optimizer,
        "optimizer_arguments": case.optimizer_arguments,
        "learning_rate": case.learning_rate,
        **_given(case),
        "weight_decay": case.weight_decay,
        "label_smoothing": case.label_smoothing,
        "inputs": case.inputs,
        "total_loss": columns[0],
        "regularization_loss": columns[2],
        "learning_rates": columns[1],
        **({"losses": _with_values(case.losses, columns[3:])} if case.losses else {}),
        "update_ops": update_ops,
        "variables_after": {name: digest(value) for name, value in after.items()},
    }


def _with_values(losses: Sequence[LossOf], columns: Sequence[list[float]]) -> list[dict[str, Any]]:
    return [{**term._asdict(), "values": values} for term, values in zip(losses, columns, strict=True)]


def _given(case: Case) -> dict[str, Any]:
    """What a case says besides, where it is not the default."""
    names = ("schedule", "clip_gradient_norm", "gradient_multipliers", "trainable_scopes", "moving_average_decay")
    return {name: value for name in names if (value := getattr(case, name)) != Case._field_defaults[name]}


def _json(data: Mapping[str, Any]) -> str:
    """A line for each entry, loss and variable, so that differences can be read."""
    lines = []
    for key, value in data.items():
        if key == "losses":
            text = "[\n  " + ",\n  ".join(json.dumps(loss) for loss in value) + "\n ]"
        elif key == "variables_after":
            after = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in value.items()]
            text = "{\n  " + ",\n  ".join(after) + "\n }"
        else:
            text = json.dumps(value)
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Record cases."""
    parser = argparse.ArgumentParser(description="Record steps of TF-Slim's training.")
    parser.add_argument("cases", nargs="+", metavar="CASE", help="; ".join(CASES))
    parser.add_argument("library", type=Path, help="the folder that holds the package `nets`")
    parser.add_argument("--out", type=Path, default=HERE / "recipes", help="the folder to write to")
    parser.add_argument("--perturb", type=float, default=0.0, help="noise that is added to the images")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(options.library.resolve()))
    for name in options.cases:
        (options.out / f"{name}.json").write_text(_json(record(name, CASES[name], options.perturb)), encoding="utf-8")


if __name__ == "__main__":
    main()
