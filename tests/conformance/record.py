"""Record what TF-Slim computes for a network of its model library, as `inference/<network>.json` has it.

    python -m tests.conformance.record inception_v4 FOLDER

FOLDER holds the package `nets` of the model library (research/slim in tensorflow/models), no part of this project.
TF-Slim 1.1.0 runs on TensorFlow up to 2.12 only, so this runs in an environment of its own, without slimdsl.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow.compat.v1 as tf
import tf_slim

from tests.conformance.recipe import input_values, variable_values

HERE = Path(__file__).parent
WEIGHT_DECAY = 0.00004
MOST_LOGITS = 2000
Built = tuple[tf.Tensor, dict[str, tf.Tensor]]
_VARIABLE_OPS = ("VariableV2", "VarHandleOp")


class Network(NamedTuple):
    """How the library's factory builds a network: a function of a module, within the result of another."""

    module: str
    function: str
    arg_scope: str
    input: tuple[int, ...] = (1, 224, 224, 3)
    classes: int = 1001

    def build(
        self, images: tf.Tensor, *, is_training: bool, scope: Mapping[str, Any] | None = None, **arguments: Any
    ) -> Built:
        """The logits and the end points, built in the graph that is open; `scope` are arguments of the arg_scope."""
        module = importlib.import_module(f"nets.{self.module}")
        with tf_slim.arg_scope(getattr(module, self.arg_scope)(**{"weight_decay": WEIGHT_DECAY, **(scope or {})})):
            return getattr(module, self.function)(images, self.classes, is_training=is_training, **arguments)


_V3 = ("mobilenet.mobilenet_v3", "training_scope")
_CIFAR, _299, _331 = (1, 32, 32, 3), (1, 299, 299, 3), (1, 331, 331, 3)
_CLIP = (1, 16, 224, 224, 3)

NETWORKS = {
    "alexnet_v2": Network("alexnet", "alexnet_v2", "alexnet_v2_arg_scope", classes=1000),
    "cifarnet": Network("cifarnet", "cifarnet", "cifarnet_arg_scope", _CIFAR, 10),
    "i3d": Network("i3d", "i3d", "i3d_arg_scope", _CLIP, 400),
    "inception_resnet_v2": Network("inception_resnet_v2", "inception_resnet_v2", "inception_resnet_v2_arg_scope", _299),
    "inception_v1": Network("inception_v1", "inception_v1", "inception_v1_arg_scope"),
    "inception_v2": Network("inception_v2", "inception_v2", "inception_v2_arg_scope"),
    "inception_v3": Network("inception_v3", "inception_v3", "inception_v3_arg_scope", _299),
    "inception_v4": Network("inception_v4", "inception_v4", "inception_v4_arg_scope", _299),
    "lenet": Network("lenet", "lenet", "lenet_arg_scope", (1, 28, 28, 1), 10),
    "mobilenet_edgetpu": Network(_V3[0], "edge_tpu", _V3[1]),
    "mobilenet_edgetpu_075": Network(_V3[0], "edge_tpu_075", _V3[1]),
    "mobilenet_v3_large": Network(_V3[0], "large", _V3[1]),
    "mobilenet_v3_large_minimalistic": Network(_V3[0], "large_minimalistic", _V3[1]),
    "mobilenet_v3_small": Network(_V3[0], "small", _V3[1]),
    "mobilenet_v3_small_minimalistic": Network(_V3[0], "small_minimalistic", _V3[1]),
    "nasnet_cifar": Network("nasnet.nasnet", "build_nasnet_cifar", "nasnet_cifar_arg_scope", _CIFAR, 10),
    "nasnet_large": Network("nasnet.nasnet", "build_nasnet_large", "nasnet_large_arg_scope", _331),
    "nasnet_mobile": Network("nasnet.nasnet", "build_nasnet_mobile", "nasnet_mobile_arg_scope"),
    "overfeat": Network("overfeat", "overfeat", "overfeat_arg_scope", (1, 231, 231, 3), 1000),
    "pnasnet_large": Network("nasnet.pnasnet", "build_pnasnet_large", "pnasnet_large_arg_scope", _331),
    "pnasnet_mobile": Network("nasnet.pnasnet", "build_pnasnet_mobile", "pnasnet_mobile_arg_scope"),
    "s3dg": Network("s3dg", "s3dg", "s3dg_arg_scope", _CLIP, 400),
}
for _name in ("vgg_16", "vgg_19", "vgg_a"):
    NETWORKS[_name] = Network("vgg", _name, "vgg_arg_scope", classes=1000)
for _depth in (50, 101, 152, 200):
    NETWORKS[f"resnet_v1_{_depth}"] = Network("resnet_v1", f"resnet_v1_{_depth}", "resnet_arg_scope", classes=1000)
    NETWORKS[f"resnet_v2_{_depth}"] = Network("resnet_v2", f"resnet_v2_{_depth}", "resnet_arg_scope")
for _name in ("mobilenet_v1", "mobilenet_v1_025", "mobilenet_v1_050", "mobilenet_v1_075"):
    NETWORKS[_name] = Network("mobilenet_v1", _name, "mobilenet_v1_arg_scope")
for _name, _function in (("", "mobilenet"), ("_035", "mobilenet_v2_035"), ("_140", "mobilenet_v2_140")):
    NETWORKS[f"mobilenet_v2{_name}"] = Network("mobilenet.mobilenet_v2", _function, "training_scope")


class Buildable(Protocol):
    """What can be recorded; GANs have no classes."""

    @property
    def input(self) -> tuple[int, ...]:
        """The shape of the input."""
        ...

    @property
    def classes(self) -> int | None:
        """The number of classes."""
        ...

    def build(self, images: tf.Tensor, *, is_training: bool, **arguments: Any) -> Built:
        """The result and the end points, built in the graph that is open."""
        ...


def record(name: str, network: Buildable, arguments: dict[str, Any]) -> dict[str, Any]:
    """Build the network in a graph of its own, run it on the recipe's values, and digest what comes out."""
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.float32, network.input, name="images")
        logits, end_points = network.build(images, is_training=False, **arguments)
        graph_ops = len(graph.get_operations())
        variables = tf.global_variables()
        listed = _listed(variables)
        losses = tf.losses.get_regularization_losses()
        ends = {key: end for key, end in end_points.items() if tf.is_tensor(end)}
        with tf.Session(graph=graph) as session:
            # One run for all of them: each would look through the whole graph.
            drawn = {v.initializer.inputs[1]: variable_values(v.op.name, v.shape.as_list()) for v in variables}
            session.run([variable.initializer for variable in variables], drawn)
            fetches = (tf.add_n(losses) if losses else tf.constant(0.0), logits, ends)
            loss, values, found = session.run(fetches, {images: input_values(network.input)})
    sizes = {variable["name"]: int(np.prod(variable["shape"])) for variable in listed}
    trainable = [variable["name"] for variable in listed if variable["trainable"]]
    return {
        "network": name,
        "args": arguments,
        "num_classes": network.classes,
        "weight_decay": WEIGHT_DECAY,
        "input": list(network.input),
        "graph_ops": graph_ops,
        "variables": listed,
        **_only_in_training(network, arguments, listed),
        "params_trainable": sum(sizes[variable] for variable in trainable),
        "params_total": sum(sizes.values()),
        "regularization_loss": float(loss),
        "logits_tensor": logits.name,
        **_some(values),
        "logits_shape": list(values.shape),
        "end_points": {key: {"tensor": ends[key].name, **digest(value)} for key, value in found.items()},
    }


def _listed(variables: Sequence[tf.Variable]) -> list[dict[str, Any]]:
    """What the records say of the variables of the graph that is being built."""
    trainable = {variable.op.name for variable in tf.trainable_variables()}
    losses = tf.losses.get_regularization_losses()
    regularized = {source for loss in losses for source in _variables_behind(loss.op)}
    return [
        {
            "name": variable.op.name,
            "shape": variable.shape.as_list(),
            "trainable": variable.op.name in trainable,
            "regularized": variable.op.name in regularized,
        }
        for variable in variables
    ]


def _only_in_training(network: Buildable, arguments: dict[str, Any], known: list[dict[str, Any]]) -> dict[str, Any]:
    """The variables that a network has only with ``is_training=True``, and behind which of the others they are made."""
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, network.input, name="images")
        network.build(images, is_training=True, **arguments)
        model = _listed(tf.model_variables())
    names = [variable["name"] for variable in known]
    more = [variable for variable in model if variable["name"] not in names]
    if not more:
        return {}
    return {"only_in_training": more, "only_in_training_behind": model[model.index(more[0]) - 1]["name"]}


def _variables_behind(op: tf.Operation) -> Iterator[str]:
    """The names of the variables that an op reads, directly or not."""
    waiting, seen = [op], set()
    while waiting:
        op = waiting.pop()
        if op.name in seen:
            continue
        seen.add(op.name)
        if op.type in _VARIABLE_OPS:
            yield op.name
        waiting += [tensor.op for tensor in op.inputs]


def digest(value: np.ndarray) -> dict[str, Any]:
    """What the records say of a tensor."""
    exact = value.astype(np.float64)
    flat = exact.ravel()
    mean, std, norm = _rounded([exact.mean(), exact.std(), float(np.linalg.norm(flat))])
    first, last = _rounded(flat[:4]), _rounded(flat[-4:])
    return {"shape": list(value.shape), "mean": mean, "std": std, "l2": norm, "first": first, "last": last}


def _some(logits: np.ndarray) -> dict[str, Any]:
    """The logits, and of an image every so many numbers."""
    step = 1 if logits.size <= MOST_LOGITS else logits.size // MOST_LOGITS
    return {**({"logits_step": step} if step > 1 else {}), "logits": _rounded(logits.ravel()[::step])}


def _rounded(numbers: Sequence[float] | np.ndarray) -> list[float]:
    """Seven digits are what a float32 has."""
    return [float(f"{number:.7g}") for number in numbers]


def write(folder: Path, data: dict[str, Any]) -> None:
    """Write a record under the network's name."""
    (folder / f"{data['network']}.json").write_text(as_json(data), encoding="utf-8")


def as_json(data: Mapping[str, Any]) -> str:
    """A line for each entry, and for each object in a list or an object, so that differences can be read."""
    return "{\n" + ",\n".join(f" {json.dumps(key)}: {_text(value)}" for key, value in data.items()) + "\n}\n"


def _text(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n  " + ",\n  ".join(json.dumps(each) for each in value) + "\n ]"
    if isinstance(value, dict) and value and all(isinstance(each, dict) for each in value.values()):
        return (
            "{\n  " + ",\n  ".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in value.items()) + "\n }"
        )
    return json.dumps(value)


def main() -> None:
    """Record one network."""
    parser = argparse.ArgumentParser(description="Record what TF-Slim computes for a network.")
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("library", type=Path, help="the folder that holds the package `nets`")
    parser.add_argument("--arguments", type=json.loads, default={}, help="further arguments of the network, as JSON")
    parser.add_argument("--input", type=json.loads, help="the shape of the input, as JSON; else the library's own")
    parser.add_argument("--out", type=Path, default=HERE / "inference", help="the folder to write to")
    options = parser.parse_args()
    sys.path.insert(0, str(options.library.resolve()))
    network = NETWORKS[options.network]
    if options.input is not None:
        network = network._replace(input=tuple(options.input))
    write(options.out, record(options.network, network, options.arguments))


if __name__ == "__main__":
    main()
