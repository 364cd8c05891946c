"""Converts a frozen graph with TensorFlow's converter; `slimdsl.backends.conversion.convert` says what is asked.

Asked, beside that, for a ``precision`` and a ``signature`` to be written, and for int8 with ``calibrate`` (path of an
``.npz``) and ``batches`` (name of an input -> how many of its examples are fed at once), it answers with ``nodes`` (how
many there are) and ``converter`` (its name and version).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from slimdsl.workers import Answer, Request, one_line, serve

_FLEX = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_NEEDS_FLEX = re.compile(r"Some ops are not supported by the native TFLite runtime|ops require the TF Select ops")


def convert(request: Request) -> Answer:
    """Convert, add the signature and write."""
    inputs, outputs = request["inputs"], request["outputs"]
    # This way in keeps the order of inputs and outputs, and with it the bytes. By way of a SavedModel both stand in the
    # order of a hash table, which is another in every process.
    converter = tf.compat.v1.lite.TFLiteConverter.from_frozen_graph(
        request["graph"], [port["tensor"].removesuffix(":0") for port in inputs], [_node(port) for port in outputs]
    )
    if request["precision"] == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    elif request["precision"] == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = _examples(request)
    try:
        content = converter.convert()
    except Exception as error:
        raise ValueError(_reason(error)) from error
    model = flatbuffer_utils.convert_bytearray_to_object(content)
    model.signatureDefs = [_signature(request, model.subgraphs[0])]
    with open(request["result"], "wb") as file:
        file.write(flatbuffer_utils.convert_object_to_bytearray(model))
    nodes = sum(len(graph.operators) for graph in model.subgraphs)
    return {"nodes": nodes, "converter": f"TensorFlow {tf.__version__}"}


def _node(port: Any) -> str:
    return str(port["tensor"]).removesuffix(":0")


def _examples(request: Request) -> Callable[[], Iterator[list[Any]]]:
    """The examples, as many at once as the network takes, in the order of the inputs."""
    with np.load(request["calibrate"], allow_pickle=False) as archive:
        arrays = [archive[port["name"]] for port in request["inputs"]]
    batches = [request["batches"][port["name"]] for port in request["inputs"]]

    def feed() -> Iterator[list[Any]]:
        for number in range(len(arrays[0]) // max(batches[0], 1)):
            yield [
                array[number * batch : (number + 1) * batch] if batch else array[number]
                for array, batch in zip(arrays, batches)
            ]

    return feed


def _signature(request: Request, graph: Any) -> Any:
    """The signature, whose inputs and outputs are those of the text."""
    signature = schema.SignatureDefT()
    signature.signatureKey = request["signature"]
    signature.subgraphIndex = 0
    signature.inputs = [_entry(port, tensor) for port, tensor in zip(request["inputs"], graph.inputs, strict=True)]
    signature.outputs = [_entry(port, tensor) for port, tensor in zip(request["outputs"], graph.outputs, strict=True)]
    return signature


def _entry(port: Any, tensor: int) -> Any:
    entry = schema.TensorMapT()
    entry.name = port["name"]
    entry.tensorIndex = int(tensor)
    return entry


def _reason(error: Exception) -> str:
    """Why the converter refuses, in one line."""
    text = str(error)
    missing = sorted(set(_FLEX.findall(text)))
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        return f"LiteRT has no op for TensorFlow's {names}, and TensorFlow's own ops beside LiteRT's are not used"
    return one_line(error)


if __name__ == "__main__":
    serve(convert)
