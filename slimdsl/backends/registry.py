"""The formats that a network can be written in: one entry each. Knows no network and loads no backend."""

from __future__ import annotations

from typing import Literal

from slimdsl.values import Value, field, value

Contents = Literal["constants", "variables", "structure"]


@value
class Format(Value):
    """A format of `compile --to`.

    Attributes:
        name: the spelling on the command line.
        suffix: how its files end.
        module: has its ``write(order) -> Artefact``; loaded when it is asked for.
        contents: what becomes of the weights: ``constants`` in the graph, ``variables`` with stored values,
            ``structure`` where the file holds none unless they were given.
        description: what it is, in one line.
        options: names of those attributes of `order.Options` that it takes.
        folder: True where it is a folder; `mark` is then the file that tells it from others.
        mark: see there.
        deploys: True where the deploy passes are run unless told otherwise; they need constants.
        drawing: True where it shows a graph to people or programs and runs nowhere.
        trains: True where it can hold a training graph.
        holds_both: True where it holds the training graph beside the one for inference.
        packages: what converters it needs beside this project, whose versions belong into the manifest.
    """

    name: str
    suffix: str
    module: str
    contents: Contents
    description: str
    options: tuple[str, ...] = field(default=())
    folder: bool = field(default=False)
    mark: str = field(default="")
    deploys: bool = field(default=False)
    drawing: bool = field(default=False)
    trains: bool = field(default=False)
    holds_both: bool = field(default=False)
    packages: tuple[str, ...] = field(default=())


FORMATS: tuple[Format, ...] = (
    Format(
        name="frozen",
        suffix=".pb",
        module="slimdsl.backends.graphdef.write_frozen",
        contents="constants",
        description="a frozen GraphDef: the weights are constants in the file",
        options=("text",),
        deploys=True,
        trains=True,
    ),
    Format(
        name="graphdef",
        suffix=".pb",
        module="slimdsl.backends.graphdef.write_graphdef",
        contents="structure",
        description="a GraphDef with resource variables and an op that initialises them",
        options=("text",),
        trains=True,
    ),
    Format(
        name="pbtxt",
        suffix=".pbtxt",
        module="slimdsl.backends.graphdef.write_pbtxt",
        contents="structure",
        description="a graphdef in protobuf's text form",
        trains=True,
    ),
    Format(
        name="savedmodel",
        suffix=".savedmodel",
        module="slimdsl.backends.savedmodel.writer",
        contents="variables",
        description="a SavedModel with variables and signatures; with --frozen, of constants",
        options=("frozen",),
        folder=True,
        mark="saved_model.pb",
        trains=True,
        holds_both=True,
    ),
    Format(
        name="onnx",
        suffix=".onnx",
        module="slimdsl.backends.onnx.writer",
        contents="constants",
        description="ONNX, through tf2onnx",
        options=("opset",),
        deploys=True,
        packages=("tf2onnx", "onnx", "tensorflow"),
    ),
    Format(
        name="tflite",
        suffix=".tflite",
        module="slimdsl.backends.tflite.writer",
        contents="constants",
        description="LiteRT (TensorFlow Lite), through TensorFlow's converter",
        options=("precision", "calibrate"),
        deploys=True,
        packages=("tensorflow",),
    ),
    Format(
        name="stablehlo",
        suffix=".stablehlo.mlir",
        module="slimdsl.backends.stablehlo.writer",
        contents="constants",
        description="StableHLO, through TensorFlow's exporter",
        options=("sizes",),
        deploys=True,
        packages=("tensorflow",),
    ),
    Format(
        name="dot",
        suffix=".dot",
        module="slimdsl.backends.dot.writer",
        contents="structure",
        description="a picture of the layers for Graphviz",
        drawing=True,
        trains=True,
    ),
    Format(
        name="json",
        suffix=".json",
        module="slimdsl.backends.ir_json.writer",
        contents="structure",
        description="the graph as JSON for other programs",
        drawing=True,
        trains=True,
    ),
)


def format_names() -> tuple[str, ...]:
    """The formats as they are spelt."""
    return tuple(format.name for format in FORMATS)


def format_named(name: str) -> Format | None:
    """The format of this spelling."""
    return next((format for format in FORMATS if format.name == name), None)
