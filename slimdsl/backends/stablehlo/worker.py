"""Exports a frozen graph as StableHLO; `slimdsl.backends.conversion.convert` says what is asked.

All sizes of inputs must be numbers. It answers with ``version`` (the StableHLO from which on readers take the file) and
``converter`` (its name and version).
"""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf
from tensorflow.compiler.mlir.stablehlo import stablehlo

from slimdsl.backends.stablehlo.erf import without_erf
from slimdsl.backends.stablehlo.signature import with_names
from slimdsl.workers import Answer, Request, serve

_MODULE = re.compile(r"^module @\S+", re.MULTILINE)


def convert(request: Request) -> Answer:
    """Export, name inputs and outputs, and write."""
    text = _exported(request)
    text = _MODULE.sub(f"module @{request['net']}", text, count=1)
    text = with_names(text, *([port["name"] for port in request[key]] for key in ("inputs", "outputs")))
    content, version = _portable(text)
    with open(request["result"], "wb") as file:
        file.write(content)
    return {"version": f"StableHLO {version}", "converter": f"TensorFlow {tf.__version__}"}


def _exported(request: Request) -> str:
    """The module as a text, without places in Python's files, which would be others on another machine."""
    inputs, outputs = request["inputs"], request["outputs"]
    with open(request["graph"], "rb") as file:
        graph_def = tf.compat.v1.GraphDef.FromString(file.read())
    # The arguments of the function take the place of the placeholders; XLA has no such op.
    placeholders = {port["tensor"].removesuffix(":0") for port in inputs}
    for number in reversed(range(len(graph_def.node))):
        if graph_def.node[number].name in placeholders:
            del graph_def.node[number]
    used = {name for node in graph_def.node for name in node.input}

    def network(*tensors: Any) -> list[Any]:
        given = {port["tensor"].removesuffix(":0"): tensor for port, tensor in zip(inputs, tensors, strict=True)}
        fed = {name: tensor for name, tensor in given.items() if name in used}
        found: list[Any] = tf.graph_util.import_graph_def(
            graph_def, input_map=fed, return_elements=[port["tensor"] for port in outputs], name=""
        )
        return found

    types = [tf.TensorSpec(port["shape"], port["dtype"], port["name"]) for port in inputs]
    function = tf.function(network, jit_compile=True, autograph=False)
    text: str = function.experimental_get_compiler_ir(*types)(stage="stablehlo", platform_name="CPU")
    plain: str = tf.mlir.experimental.run_pass_pipeline(without_erf(text), "")
    return plain


def _portable(text: str) -> tuple[bytes, str]:
    """The module for the oldest readers that can take it, and the version of StableHLO that these have."""
    oldest, newest = stablehlo.get_minimum_version(), stablehlo.get_current_version()
    try:
        return stablehlo.serialize_portable_artifact_str(text, oldest), oldest
    except ValueError:
        # Some op, or a property of one, is younger.
        return stablehlo.serialize_portable_artifact_str(text, newest), newest


if __name__ == "__main__":
    serve(convert)
