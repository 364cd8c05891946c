"""How long a SavedModel of VGG-16 takes to write from a checkpoint, beside TensorFlow saving the same variables.

What TensorFlow does before it saves (loading itself, reading the checkpoint, tracing the module) is measured apart and
taken off. Ours is all of the command: compiling the network, reading the weights, comparing their checksums, writing
them, and waiting until they are on the disk, which TensorFlow does not. Needs 3 GB of free disk in the folder for
temporary files.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.timing import report, run, take_turns

NETWORK = "models/slim/vgg_16.slim"

# In a process of its own: a child's largest memory counts from that of the process that started it.
PREPARE = """
import sys
import slimdsl
slimdsl.load(sys.argv[1]).save(sys.argv[2], "savedmodel", seed=1)
"""

SAVE = """
import sys
import tensorflow as tf
checkpoint, folder, what = sys.argv[1:]
reader = tf.train.load_checkpoint(checkpoint)
names = [n for n in sorted(reader.get_variable_to_shape_map()) if n.startswith("vgg_16/") and ".ATTRIBUTES" not in n]
module = tf.Module()
module.parts = [tf.Variable(reader.get_tensor(name), name=name) for name in names]
part = dict(zip(names, module.parts))
@tf.function(input_signature=[tf.TensorSpec([None, 224, 224, 3], name="images")])
def serve(images):
    x = images
    for block, layers in enumerate((2, 2, 3, 3, 3), 1):
        for layer in range(1, layers + 1):
            scope = f"vgg_16/conv{block}/conv{block}_{layer}"
            x = tf.nn.relu(tf.nn.conv2d(x, part[f"{scope}/weights"], 1, "SAME") + part[f"{scope}/biases"])
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    for layer in ("fc6", "fc7", "fc8"):
        scope = f"vgg_16/{layer}"
        x = tf.nn.conv2d(x, part[f"{scope}/weights"], 1, "VALID") + part[f"{scope}/biases"]
        x = x if layer == "fc8" else tf.nn.relu(x)
    return {"logits": tf.squeeze(x, [1, 2])}
serve.get_concrete_function()
if what == "save":
    tf.saved_model.save(module, folder, signatures={"serving_default": serve})
"""

OURS, THEIRS, BEFORE = (
    "slimdsl compile --to savedmodel",
    "tf.saved_model.save, and before",
    "before tf.saved_model.save",
)


def main() -> None:
    """Measure and print."""
    python = sys.executable
    folder = Path(tempfile.mkdtemp(prefix="slimdsl-benchmark-"))
    try:
        source, ours, theirs = (str(folder / name) for name in ("source", "ours", "theirs"))
        run([python, "-c", PREPARE, NETWORK, source])
        weights = f"{source}/variables/variables"
        compile_command = [python, "-m", "slimdsl", "compile", NETWORK, "--to", "savedmodel", "--no-verify"]
        commands = {
            OURS: [*compile_command, "--weights", weights, "-o", ours],
            THEIRS: [python, "-c", SAVE, weights, theirs, "save"],
            BEFORE: [python, "-c", SAVE, weights, theirs, ""],
        }
        taken = take_turns(commands, rounds=3)
        report(taken, OURS)
        saving = taken[THEIRS].seconds - taken[BEFORE].seconds
        print(f"slimdsl's whole command takes {taken[OURS].seconds / saving:.2f} x tf.saved_model.save (at most 2)")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
