"""Runs an ONNX file in onnxruntime; see `slimdsl.backends.running` for what is asked and answered."""

from __future__ import annotations

import onnxruntime

from slimdsl.backends.running import read_inputs, write_outputs
from slimdsl.workers import Answer, Request, serve


def run(request: Request) -> Answer:
    """Run the file on the given arrays."""
    feeds = read_inputs(request)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # Only errors.
    session = onnxruntime.InferenceSession(request["path"], options, providers=["CPUExecutionProvider"])
    names = list(request["names"]["outputs"].values())
    found = session.run(names, feeds)
    return write_outputs(request, f"onnxruntime {onnxruntime.__version__}", dict(zip(names, found)))


if __name__ == "__main__":
    serve(run)
