"""Runs a LiteRT model by its signature; see `slimdsl.backends.running` for what is asked and answered.

In Google's own `ai_edge_litert` where it is installed, and in the interpreter that TensorFlow brings where it is not.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from slimdsl.backends.running import read_inputs, write_outputs
from slimdsl.workers import Answer, Request, serve

SIGNATURE = "serving_default"


def run(request: Request) -> Answer:
    """Run the model on the given arrays; sizes that it leaves open are theirs."""
    feeds = read_inputs(request)
    runtime, interpreter_class = _runtime()
    runner = interpreter_class(model_path=request["path"]).get_signature_runner(SIGNATURE)
    return write_outputs(request, runtime, runner(**feeds))


def _runtime() -> tuple[str, Any]:
    """What runs it, with its version, and the class of interpreters."""
    if importlib.util.find_spec("ai_edge_litert"):
        version = importlib.import_module("importlib.metadata").version("ai-edge-litert")
        return f"ai-edge-litert {version}", importlib.import_module("ai_edge_litert.interpreter").Interpreter
    tensorflow = importlib.import_module("tensorflow")
    return f"TensorFlow Lite of TensorFlow {tensorflow.__version__}", tensorflow.lite.Interpreter


if __name__ == "__main__":
    serve(run)
