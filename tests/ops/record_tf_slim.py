"""Write `tests/data/layers.json`: what TF-Slim's layers make of small inputs.

Run by hand as ``python -m tests.ops.record_tf_slim`` where TF-Slim 1.1.0 and TensorFlow 2.12 are installed. The
variables and the input have the values of the conformance tests' recipe.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow.compat.v1 as tf
import tf_slim as slim

from tests.conformance.recipe import input_values, variable_values

PATH = Path(__file__).parent.parent / "data" / "layers.json"

SCALE = 0.5
"""The factor of the L2 regulariser, where there is one."""

Shape = list[int | None]
VALID = {"padding": "valid"}
PENALTY = {"weights_reg": SCALE}

CASES: tuple[tuple[str, Shape, dict[str, Any]], ...] = (
    ("conv", [None, 7, 3], {"filters": 2, "kernel": [3]}),
    ("conv", [None, 7, 3], {"filters": 2, "kernel": [3], "stride": [2], **VALID}),
    ("conv", [None, 7, 3], {"filters": 2, "kernel": [2], "rate": [2]}),
    ("conv", [None, 5, 6, 3], {"filters": 2, "kernel": [3, 3]}),
    ("conv", [None, 5, 6, 3], {"filters": 2, "kernel": [2, 3], "stride": [2, 2], **PENALTY}),
    ("conv", [None, 5, 6, 3], {"filters": 2, "kernel": [3, 3], "rate": [2, 2]}),
    ("conv", [None, 5, 6, 3], {"filters": 2, "kernel": [3, 2], "rate": [2, 3], **VALID}),
    ("conv", [None, None, None, 3], {"filters": 2, "kernel": [3, 3], "rate": [2, 2]}),
    ("conv", [None, 5, 6, 3], {"filters": 2, "kernel": [3, 3], "biases_init": None, "trainable": False}),
    ("conv", [None, 4, 5, 4, 2], {"filters": 2, "kernel": [3, 3, 3], "stride": [2, 2, 2]}),
    ("conv", [None, 4, 5, 4, 2], {"filters": 2, "kernel": [2, 2, 2], "rate": [2, 2, 2], **VALID}),
    ("conv_in_plane", [None, 5, 6, 3], {"kernel": [3, 3], **PENALTY}),
    ("conv_in_plane", [None, 5, 6, 3], {"kernel": [3, 2], "stride": [2, 2], **VALID}),
    ("separable_conv", [None, 5, 6, 3], {"filters": 2, "kernel": [3, 3], **PENALTY}),
    ("separable_conv", [None, 5, 6, 3], {"filters": 2, "kernel": [3, 3], "depth_multiplier": 2, "stride": [2, 2]}),
    ("separable_conv", [None, 6, 6, 3], {"filters": 2, "kernel": [3, 3], "rate": [2, 2], **VALID}),
    ("separable_conv", [None, None, None, 3], {"filters": 2, "kernel": [3, 3], "rate": [2, 2]}),
    ("separable_conv", [None, 5, 6, 3], {"filters": None, "kernel": [3, 3], "depth_multiplier": 2, **PENALTY}),
    ("separable_conv", [None, 6, 6, 3], {"filters": None, "kernel": [2, 3], "stride": [2, 2], **VALID}),
    ("separable_conv", [None, 5, 6, 3], {"filters": None, "kernel": [3, 3], "rate": [2, 2]}),
    ("conv_transpose", [None, 3, 4, 3], {"filters": 2, "kernel": [3, 3]}),
    ("conv_transpose", [None, 3, 4, 3], {"filters": 2, "kernel": [3, 3], "stride": [2, 2], **PENALTY}),
    ("conv_transpose", [None, 3, 4, 3], {"filters": 2, "kernel": [2, 4], "stride": [2, 2], **VALID}),
    ("conv_transpose", [None, None, None, 3], {"filters": 2, "kernel": [1, 1], "stride": [2, 2], **VALID}),
    ("conv_transpose", [None, 2, 3, 2, 2], {"filters": 2, "kernel": [3, 3, 3], "stride": [2, 2, 2]}),
    ("conv_transpose", [None, None, 3, 2, 2], {"filters": 2, "kernel": [3, 2, 1], "stride": [1, 2, 2], **VALID}),
    ("fc", [None, 6], {"units": 4, **PENALTY}),
    ("fc", [None, 3, 2, 6], {"units": 4, "axis": -1}),
    ("bias_add", [None, 3, 2, 4], {}),
    ("max_pool", [None, 7, 6, 3], {"kernel": [3, 3]}),
    ("max_pool", [None, 7, 6, 3], {"kernel": [3, 2], "stride": [2, 1], "padding": "same"}),
    ("max_pool", [None, 5, 6, 5, 2], {"kernel": [2, 2, 2]}),
    ("avg_pool", [None, 7, 6, 3], {"kernel": [3, 3]}),
    ("avg_pool", [None, 7, 6, 3], {"kernel": [3, 3], "padding": "same"}),
    ("avg_pool", [None, 5, 6, 5, 2], {"kernel": [2, 2, 2], "padding": "same"}),
    ("dropout", [None, 6], {}),
    ("flatten", [None, 3, 2, 4], {}),
    ("flatten", [None, None, None, 4], {}),
    ("conv", [None, 6, 6, 3], {"filters": 2, "kernel": [3, 3], "stride": [2, 2], "padding": [[1, 1], [2, 0]]}),
    ("conv", [None, 4, 5, 4, 2], {"filters": 2, "kernel": [3, 3, 3], "padding": [[1, 0]]}),
    ("separable_conv", [None, 6, 5, 3], {"filters": 2, "kernel": [3, 3], "stride": [2, 2], "padding": [[1, 1]]}),
    ("conv_in_plane", [None, 6, 5, 3], {"kernel": [3, 3], "padding": [[2, 2], [0, 1]]}),
    ("avg_pool", [None, 6, 6, 3], {"kernel": [3, 3], "padding": [[1, 1]]}),
    ("conv_same", [None, 6, 7, 3], {"filters": 2, "kernel": [3, 3]}),
    ("conv_same", [None, 6, 7, 3], {"filters": 2, "kernel": [3, 3], "rate": [2, 2]}),
    ("conv_same", [None, 6, 7, 3], {"filters": 2, "kernel": [3, 3], "stride": [2, 2], **PENALTY}),
    ("conv_same", [None, None, None, 3], {"filters": 2, "kernel": [4, 4], "stride": [3, 3]}),
    ("subsample", [None, 6, 7, 3], {"factor": [2, 2]}),
    ("subsample", [None, None, None, 3], {"factor": [3, 3]}),
    ("maxout", [None, 6], {"units": 3}),
    ("maxout", [None, None, None, 6], {"units": 2}),
    ("spatial_softmax", [None, 4, 3, 2], {}),
    ("spatial_softmax", [None, None, None, 3], {"temperature": 2.0, "trainable": False}),
    ("unit_norm", [None, 3, 5], {"axis": 2}),
    ("unit_norm", [None, None, 5], {"axis": 1, "epsilon": 0.1}),
)
"""Layer, shape of its input, arguments; None is 6 at run time, and 2 for the batch."""


def conv_same(x: Any, num_outputs: int, kernel_size: list[int], **given: Any) -> Any:
    """As TF-Slim's residual networks convolve: with a stride, zeros are put around first."""
    if max(given.get("stride", [1])) == 1:
        return slim.conv2d(x, num_outputs, kernel_size, padding="SAME", **given)
    rates = given.get("rate", [1] * len(kernel_size))
    total = [(size - 1) * rate for size, rate in zip(kernel_size, rates)]
    around = [[count // 2, count - count // 2] for count in total]
    return slim.conv2d(tf.pad(x, [[0, 0], *around, [0, 0]]), num_outputs, kernel_size, padding="VALID", **given)


BY_RANK = {
    ("conv", 3): slim.conv1d,
    ("conv", 4): slim.conv2d,
    ("conv", 5): slim.conv3d,
    ("conv_transpose", 4): slim.conv2d_transpose,
    ("conv_transpose", 5): slim.conv3d_transpose,
    ("max_pool", 4): slim.max_pool2d,
    ("max_pool", 5): slim.max_pool3d,
    ("avg_pool", 4): slim.avg_pool2d,
    ("avg_pool", 5): slim.avg_pool3d,
}
FUNCTIONS = {
    "conv_in_plane": slim.conv2d_in_plane,
    "separable_conv": slim.separable_conv2d,
    "conv_same": conv_same,
    "fc": slim.fully_connected,
    "maxout": slim.maxout,
    "spatial_softmax": slim.spatial_softmax,
    "subsample": lambda x, stride: slim.max_pool2d(x, [1, 1], stride=stride),
    "unit_norm": slim.unit_norm,
    "bias_add": slim.bias_add,
    "dropout": slim.dropout,
    "flatten": slim.flatten,
}
ARGUMENTS = {
    "filters": "num_outputs",
    "factor": "stride",
    "axis": "dim",
    "units": "num_outputs",
    "kernel": "kernel_size",
    "biases_init": "biases_initializer",
    "weights_reg": "weights_regularizer",
}


def tf_slim_arguments(layer: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments under TF-Slim's names; `axis` its `fc` has none, as it always acts on the last one."""
    given = {ARGUMENTS.get(name, name): value for name, value in arguments.items() if (layer, name) != ("fc", "axis")}
    if layer == "maxout":
        given["num_units"] = given.pop("num_outputs")
    if "padding" in given:
        given["padding"] = given["padding"].upper() if isinstance(given["padding"], str) else "VALID"
    if "weights_regularizer" in given:
        given["weights_regularizer"] = slim.l2_regularizer(given["weights_regularizer"])
    if layer == "dropout":
        given["is_training"] = False
    return given


def padded(x: Any, padding: Any) -> Any:
    """The input with zeros around where the padding is numbers, a pair for each axis or one for all."""
    if not isinstance(padding, list):
        return x
    axes = len(x.shape) - 2
    return tf.pad(x, [[0, 0], *(padding * axes if len(padding) == 1 else padding), [0, 0]])


def record(layer: str, shape: Shape, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run one layer once."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, shape)
        function = BY_RANK.get((layer, len(shape))) or FUNCTIONS[layer]
        y = function(padded(x, arguments.get("padding")), **tf_slim_arguments(layer, arguments))
        variables = tf.global_variables()
        for variable in variables:
            name = variable.op.name
            session.run(variable.initializer, {variable.initial_value: variable_values(name, variable.shape.as_list())})
        nodes = [op.name for op in graph.get_operations() if op.type in KINDS and "/concat" not in op.name]
        penalties = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
        slopes = tf.gradients(penalties, variables) if penalties else [None] * len(variables)
        fed = input_values([size or (6 if axis else 2) for axis, size in enumerate(shape)])
        values = session.run(y, {x: fed})
        trained = {variable.op.name for variable in tf.trainable_variables()}
        return {
            "layer": layer,
            "input": shape,
            "arguments": arguments,
            "variables": [[v.op.name, v.shape.as_list(), v.op.name in trained] for v in variables],
            "penalized": [v.op.name for v, slope in zip(variables, slopes) if slope is not None],
            "result": y.name,
            "nodes": nodes,
            "shape": list(values.shape),
            "values": [float(f"{value:.7g}") for value in values.ravel()],
        }


KINDS = (
    "Conv2D", "Conv3D", "Conv2DBackpropInput", "Conv3DBackpropInputV2", "DepthwiseConv2dNative", "MatMul", "BiasAdd",
    "Relu", "MaxPool", "MaxPool3D", "AvgPool", "AvgPool3D", "Identity",
)  # fmt: skip
"""The ops whose names are recorded; those that only pass on a part of a shape are not."""


def main() -> None:
    """Write the file."""
    found = [record(*case) for case in CASES]
    PATH.write_text("[\n" + ",\n".join(json.dumps(case) for case in found) + "\n]\n")


if __name__ == "__main__":
    main()
