"""LiteRT (TensorFlow Lite) models, through TensorFlow's converter.

The signature `serving_default` has the names of the text; the batch and every other size that the network leaves open
stay open. `float16` halves the file: the weights are stored so, and computing stays in float32 unless the device does
otherwise. `int8` computes in integers; inputs and outputs stay float32 and are converted at the border, so that the
model is called as before. Only LiteRT's own ops are used: what needs TensorFlow's beside them is refused.
"""

from __future__ import annotations

from slimdsl.backends.conversion import TENSORFLOW, convert, require
from slimdsl.backends.order import Artefact, Order
from slimdsl.backends.tflite.calibration import check_examples

KIND = "LiteRT"
SIGNATURE = "serving_default"


def write(order: Order) -> Artefact:
    """Convert and write a network.

    Raises:
        MissingPackageError: TensorFlow is missing.
        ArtefactError: the converter refuses the network, or the examples do not fit it.
        WeightsError: the weights cannot be read.
        FileWriteError: the file cannot be written.
    """
    require("--to tflite", (TENSORFLOW,), "tflite")
    precision = order.options.precision
    facts = [("precision", precision)]
    request = {"precision": precision, "signature": SIGNATURE, "calibrate": "", "batches": {}}
    if precision == "int8":
        examples = check_examples(order.graph, order.options.calibrate)
        request |= {"calibrate": order.options.calibrate, "batches": examples.batches}
        facts = [
            ("precision", "int8; inputs and outputs stay float32"),
            ("calibrated", f"with {examples.count} examples of {order.options.calibrate}"),
        ]
    done = convert(order, kind=KIND, worker="slimdsl.backends.tflite.worker", request=request)
    return Artefact(
        path=order.path,
        kind="LiteRT model",
        size=done.size,
        nodes=done.answer["nodes"],
        inputs={name: name for name in order.graph.inputs},
        outputs={name: name for name in order.graph.outputs},
        facts=(("signature", SIGNATURE), *facts, ("converter", done.answer["converter"])),
    )
