"""Runs a StableHLO portable artifact in TensorFlow's XLA; see `slimdsl.backends.running` for the request.

The names in the artefact are those that stand beside the inputs and outputs of its `main`.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow.compiler.mlir.stablehlo import stablehlo
from tensorflow.compiler.tf2xla.ops import gen_xla_ops
from tensorflow.python import _pywrap_mlir

from slimdsl.backends.running import read_inputs, write_outputs
from slimdsl.backends.stablehlo.signature import Port, read_main
from slimdsl.workers import Answer, Request, serve

VERSION = 9
"""Of the way in which the op takes a module: the newest without devices and tokens."""

_DTYPES = {
    "f16": tf.float16, "bf16": tf.bfloat16, "f32": tf.float32, "f64": tf.float64, "i1": tf.bool, "i8": tf.int8,
    "ui8": tf.uint8, "i32": tf.int32, "i64": tf.int64,
}  # fmt: skip


def run(request: Request) -> Answer:
    """Compile the module and run it."""
    with open(request["path"], "rb") as file:
        artifact = file.read()
    # The public function for this takes texts, and only the module without its version can be read as one.
    text = _pywrap_mlir.ExperimentalRunPassPipeline(stablehlo.deserialize_portable_artifact_str(artifact), b"", False)
    main = read_main(text)
    del text
    feeds = read_inputs(request)
    arguments = [tf.constant(feeds[port.name]) for port in main.inputs]
    for port, argument in zip(main.inputs, arguments):
        if tuple(argument.shape) != port.shape:
            raise ValueError(f"the input `{port.name}` has the shape {port.shape}, not {tuple(argument.shape)}")

    def network() -> list[tf.Tensor]:
        found: list[tf.Tensor] = gen_xla_ops.xla_call_module(
            args=arguments,
            version=VERSION,
            module=artifact,
            Sout=[port.shape for port in main.outputs],
            Tout=[_dtype(port) for port in main.outputs],
            platforms=["CPU"],
        )
        return found

    found = tf.function(network, autograph=False)()
    arrays = {port.name: tensor.numpy() for port, tensor in zip(main.outputs, found)}
    return write_outputs(request, f"XLA of TensorFlow {tf.__version__}", arrays)


def _dtype(port: Port) -> tf.DType:
    if port.element not in _DTYPES:
        raise ValueError(f"`{port.name}` has elements of the type {port.element}, which slimdsl does not know")
    return _DTYPES[port.element]


if __name__ == "__main__":
    serve(run)
