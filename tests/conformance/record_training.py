"""Record five steps of TF-Slim's training, as `recipes/<case>.json` has them.

    python -m tests.conformance.record_training lenet_adadelta FOLDER

FOLDER and the environment are those of `record`. `--perturb 1e-7` adds as much noise to the images, which shows how far
rounding alone moves the numbers of a case.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf
import tf_slim

from tests.conformance import small_networks
from tests.conformance.recipe import batch_values, variable_values
from tests.conformance.record import HERE, NETWORKS, as_json, digest
from tests.conformance.small_networks import Tensors
from tests.conformance.training_cases import CASES, Case, LossOf

AUXILIARY = 0.4
"""The weight of an auxiliary head's loss in the training script."""

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
        build = small_networks.NETWORKS.get(case.network, _library_network)
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
        (options.out / f"{name}.json").write_text(as_json(record(name, CASES[name], options.perturb)), encoding="utf-8")


if __name__ == "__main__":
    main()
