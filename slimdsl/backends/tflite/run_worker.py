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
    interpreter = interpreter_class(model_path=request["path"])
    runner = interpreter.get_signature_runner(SIGNATURE)
    if "self" in feeds:
        # The runner takes its inputs by keyword, and has one of that name itself: by position it is bound beforehand.
        return write_outputs(request, runtime, _run_by_index(interpreter, runner, feeds))
    return write_outputs(request, runtime, runner(**feeds))


def _run_by_index(interpreter: Any, runner: Any, feeds: dict[str, Any]) -> dict[str, Any]:
    """Run the first subgraph, which is the signature's, by the indices of its tensors."""
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    for name, array in feeds.items():
        interpreter.resize_tensor_input(inputs[name]["index"], array.shape)
    interpreter.allocate_tensors()
    for name, array in feeds.items():
        interpreter.set_tensor(inputs[name]["index"], array)
    interpreter.invoke()
    return {name: interpreter.get_tensor(detail["index"]) for name, detail in outputs.items()}


def _runtime() -> tuple[str, Any]:
    """What runs it, with its version, and the class of interpreters."""
    if importlib.util.find_spec("ai_edge_litert"):
        version = importlib.import_module("importlib.metadata").version("ai-edge-litert")
        return f"ai-edge-litert {version}", importlib.import_module("ai_edge_litert.interpreter").Interpreter
    tensorflow = importlib.import_module("tensorflow")
    return f"TensorFlow Lite of TensorFlow {tensorflow.__version__}", tensorflow.lite.Interpreter


if __name__ == "__main__":
    serve(run)
