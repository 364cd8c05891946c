"""ONNX, through tf2onnx.

The file's inputs and outputs have the names and the axes of the text: images stay N, H, W, C. Sizes that the network
leaves open are parameters of the same name (`dim_param`). Everything is in the one file, so a network of more than
2 GB, which protobuf's messages cannot have, is refused.
"""

from __future__ import annotations

from slimdsl.backends.conversion import TENSORFLOW, Package, convert, require
from slimdsl.backends.order import Artefact, OptionError, Order

KIND = "ONNX"
OPSETS = range(13, 19)
"""Versions of ONNX's operators that tf2onnx writes; below 13 it is no longer tested."""

_PACKAGES = (Package("tf2onnx", "tf2onnx"), Package("onnx", "onnx"), TENSORFLOW)


def write(order: Order) -> Artefact:
    """Convert and write a network.

    Raises:
        MissingPackageError: a package is missing.
        ArtefactError: the converter refuses the network.
        OptionError: there is no such opset.
        WeightsError: the weights cannot be read.
        FileWriteError: the file cannot be written.
    """
    require("--to onnx", _PACKAGES, "onnx")
    opset = order.options.opset
    if opset not in OPSETS:
        raise OptionError(f"there is no opset {opset} for ONNX here: tf2onnx writes {OPSETS[0]} to {OPSETS[-1]}")
    done = convert(order, kind=KIND, worker="slimdsl.backends.onnx.worker", request={"opset": opset})
    return Artefact(
        path=order.path,
        kind="ONNX model",
        size=done.size,
        nodes=done.answer["nodes"],
        inputs=done.answer["inputs"],
        outputs=done.answer["outputs"],
        facts=(("opset", str(opset)), ("converter", done.answer["converter"])),
    )
