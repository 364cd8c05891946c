"""Runs the reference in TensorFlow: a graph whose weights are fed from a file that is mapped.

The request is that of `slimdsl.backends.running` with ``weights``: ``{"path": the file, "tensors": [[tensor, element
type, shape, where its numbers begin], …]}``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.backends.running import read_inputs, write_outputs
from slimdsl.workers import Answer, Request, serve


def run(request: Request) -> Answer:
    """Import the graph and fetch the outputs."""
    feeds = {**read_inputs(request), **_weights(request["weights"])}
    names = list(request["names"]["outputs"].values())
    graph_def = tf.compat.v1.GraphDef()
    with open(request["path"], "rb") as file:
        graph_def.ParseFromString(file.read())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    # The optimiser would do to the network what artefacts are compared for.
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    with tf.compat.v1.Session(graph=graph, config=config) as session:
        found = session.run(names, feeds)
    return write_outputs(request, f"TensorFlow {tf.__version__}", dict(zip(names, found)))


def _weights(fed: Any) -> dict[str, Any]:
    """The arrays by the tensors that they are fed to; they are read where they stand."""
    if not fed["tensors"]:
        return {}
    content = np.memmap(fed["path"], np.uint8, "r")
    arrays = {}
    for tensor, type_name, shape, offset in fed["tensors"]:
        dtype = tf.dtypes.as_dtype(type_name).as_numpy_dtype
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        arrays[tensor] = content[offset : offset + count].view(dtype).reshape(shape)
    return arrays


if __name__ == "__main__":
    serve(run)
