"""Runs the signature `serving_default` of a SavedModel; see `slimdsl.backends.running` for the request.

The names in the artefact are those of the signature.
"""

from __future__ import annotations

import tensorflow as tf

from slimdsl.backends.running import read_inputs, write_outputs
from slimdsl.backends.savedmodel.structured import parameter_names
from slimdsl.workers import Answer, Request, serve

SIGNATURE = "serving_default"


def run(request: Request) -> Answer:
    """Load the model as a client of TensorFlow 2 does, and call the signature."""
    # As for a GraphDef: for a single run, optimising costs more time and memory than it gains.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    loaded = tf.saved_model.load(request["path"])
    if SIGNATURE not in loaded.signatures:
        raise ValueError(f"the SavedModel has no signature `{SIGNATURE}`")
    signature = loaded.signatures[SIGNATURE]
    _positional, types = signature.structured_input_signature
    feeds = {}
    inputs = read_inputs(request)
    parameters = parameter_names(inputs)
    for name, array in inputs.items():
        parameter = parameters[name]
        if parameter not in types:
            raise ValueError(f"the signature `{SIGNATURE}` has no input `{name}`; it has {', '.join(types) or 'none'}")
        feeds[parameter] = tf.constant(array, dtype=types[parameter].dtype)
    found = {name: tensor.numpy() for name, tensor in signature(**feeds).items()}
    return write_outputs(request, f"TensorFlow {tf.__version__}", found)


if __name__ == "__main__":
    serve(run)
