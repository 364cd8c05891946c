"""Runs a GraphDef, frozen or with variables, in TensorFlow; see `slimdsl.backends.running` for the request.

The names in the artefact are those of tensors (``images:0``). Binary and text form are told apart by their first bytes.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from google.protobuf import text_format

from slimdsl.backends.running import read_inputs, write_outputs
from slimdsl.workers import Answer, Request, serve

_TEXT_BEGINS = (b"node", b"versions", b"library", b"#")


def run(request: Request) -> Answer:
    """Import the graph, run its `init` where there is one, and fetch the outputs."""
    feeds = read_inputs(request)
    names = list(request["names"]["outputs"].values())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(_graph_def(request["path"]), name="")
    # For a single run, TensorFlow's optimiser costs more than it gains: of VGG-16's constants it makes 8 GB of copies.
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    with tf.compat.v1.Session(graph=graph, config=config) as session:
        if request.get("init"):
            session.run(graph.get_operation_by_name(request["init"]))
        found = session.run(names, feeds)
    return write_outputs(request, f"TensorFlow {tf.__version__}", dict(zip(names, found)))


def _graph_def(path: str) -> Any:
    with open(path, "rb") as file:
        content = file.read()
    graph_def = tf.compat.v1.GraphDef()
    if content.startswith(_TEXT_BEGINS):
        text_format.Parse(content.decode(), graph_def)
    else:
        graph_def.ParseFromString(content)
    return graph_def


if __name__ == "__main__":
    serve(run)
