"""Write `tests/data/norm.json`: what TF-Slim's normalisation layers make of small inputs.

Run by hand as ``python -m tests.ops.record_norm`` where TF-Slim 1.1.0 and TensorFlow 2.12 are installed. The variables
and the input have the values of the conformance tests' recipe.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow.compat.v1 as tf
import tf_slim as slim

from tests.conformance.recipe import input_values, variable_values

PATH = Path(__file__).parent.parent / "data" / "norm.json"

CASES: tuple[tuple[str, list[int | None], dict[str, Any]], ...] = (
    ("batch_norm", [None, 3, 2, 4], {}),
    ("batch_norm", [None, 3, 2, 4], {"scale": True, "decay": 0.9, "epsilon": 1e-5}),
    ("batch_norm", [None, 3, 2, 4], {"scale": True, "center": False}),
    ("batch_norm", [None, 3, 2, 4], {"scale": False, "center": False}),
    ("batch_norm", [None, 3, 2, 4], {"scale": True, "trainable": False}),
    ("batch_norm", [None, None, None, 4], {"scale": True}),
    ("batch_norm", [None, 5], {"scale": True, "decay": 0.9}),
    ("batch_norm", [None, 5], {}),
    ("batch_norm", [None, 5], {"scale": True, "decay": 0.9, "trainable": False}),
    ("batch_norm", [None, 5], {"fused": False, "scale": True, "decay": 0.9}),
    ("batch_norm", [None, 5], {"fused": False, "scale": True, "decay": 0.9, "trainable": False}),
    ("batch_norm", [None, 3, 4], {"scale": True, "decay": 0.9}),
    ("batch_norm", [None, 3, 4], {"center": False}),
    ("batch_norm", [None, 2, 3, 2, 4], {"scale": True, "decay": 0.9}),
    ("batch_norm", [None, 3, 2, 4], {"fused": False}),
    ("batch_norm", [None, 3, 2, 4], {"fused": False, "scale": True, "decay": 0.9}),
    ("batch_norm", [None, 2, 3, 2, 4], {"fused": False, "decay": 0.9}),
    ("layer_norm", [None, 3, 2, 4], {}),
    ("layer_norm", [None, None, None, 4], {}),
    ("layer_norm", [None, 6], {"center": False}),
    ("layer_norm", [None, 3, 6], {"begin_norm_axis": -1}),
    ("layer_norm", [None, 3, 2, 4], {"begin_norm_axis": 2, "begin_params_axis": 2}),
    ("layer_norm", [None, 3, 2, 4], {"scale": False, "center": False, "trainable": False}),
    ("group_norm", [None, 3, 2, 8], {"groups": 4}),
    ("group_norm", [None, 3, 2, 8], {"groups": 2, "center": False}),
    ("group_norm", [None, 3, 2, 8], {"groups": 8, "scale": False, "epsilon": 1e-3}),
    ("group_norm", [None, 3, 2, 8], {"groups": 1, "scale": False, "center": False}),
    ("group_norm", [None, 3, 2, 64], {}),
    ("group_norm", [None, 2, 3, 2, 4], {"groups": 2}),
    ("group_norm", [None, 3, 8], {"groups": 4, "reduction_axes": [-2]}),
    ("group_norm", [None, 8], {"groups": 4, "reduction_axes": []}),
    ("instance_norm", [None, 3, 2, 4], {}),
    ("instance_norm", [None, None, None, 4], {"scale": False}),
    ("instance_norm", [None, 5, 4], {"center": False, "epsilon": 1e-3}),
    ("instance_norm", [None, 2, 3, 2, 4], {"trainable": False}),
    ("softmax", [None, 5], {}),
    ("softmax", [None, None, None, 5], {}),
)
"""Layer, shape of its input, arguments; None is 3 at run time."""


def record(layer: str, shape: list[int | None], arguments: dict[str, Any], *, training: bool) -> dict[str, Any]:
    """Run one layer once, with its updates."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, shape)
        extra = {"is_training": training} if layer == "batch_norm" else {}
        y = getattr(slim, layer)(x, **arguments, **extra)
        variables = tf.global_variables()
        trained = {variable.op.name for variable in tf.trainable_variables()}
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        for variable in variables:
            variable.load(variable_values(variable.op.name, variable.shape.as_list()), session)
        result, _ = session.run([y, updates], {x: input_values([size or 3 for size in shape])})
        moved = {v.op.name: session.run(v) for v in variables if "moving" in v.op.name} if updates else {}
        return {
            "layer": layer,
            "input": shape,
            "arguments": arguments,
            "training": training,
            "variables": [[v.op.name, v.shape.as_list(), v.op.name in trained] for v in variables],
            "result": y.name,
            "shape": list(result.shape),
            "values": [float(f"{number:.8g}") for number in result.ravel()],
            "moving": {name: [float(f"{number:.8g}") for number in array] for name, array in moved.items()},
        }


def main() -> None:
    """Write the file, a case a line."""
    tf.disable_v2_behavior()
    cases = [
        record(layer, shape, arguments, training=training)
        for layer, shape, arguments in CASES
        for training in ((False, True) if layer == "batch_norm" else (False,))
    ]
    PATH.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
