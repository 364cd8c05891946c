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
)
"""Layer, shape of its input, arguments; None is 6 at run time, and 2 for the batch."""

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
    "fc": slim.fully_connected,
    "bias_add": slim.bias_add,
    "dropout": slim.dropout,
    "flatten": slim.flatten,
}
ARGUMENTS = {
    "filters": "num_outputs",
    "units": "num_outputs",
    "kernel": "kernel_size",
    "biases_init": "biases_initializer",
    "weights_reg": "weights_regularizer",
}


def tf_slim_arguments(layer: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments under TF-Slim's names; `axis` it has none, as it always acts on the last one."""
    given = {ARGUMENTS.get(name, name): value for name, value in arguments.items() if name != "axis"}
    if "padding" in given:
        given["padding"] = given["padding"].upper()
    if "weights_regularizer" in given:
        given["weights_regularizer"] = slim.l2_regularizer(given["weights_regularizer"])
    if layer == "dropout":
        given["is_training"] = False
    return given


def record(layer: str, shape: Shape, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run one layer once."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, shape)
        function = BY_RANK.get((layer, len(shape))) or FUNCTIONS[layer]
        y = function(x, **tf_slim_arguments(layer, arguments))
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
