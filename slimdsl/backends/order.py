"""What a format is asked to write, and what it answers. Every format has a module with `write(order) -> Artefact`."""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.ir.graph import Graph
from slimdsl.values import Value, field, value
from slimdsl.weights.source import WeightSource

PRECISIONS = ("float32", "float16", "int8")
"""Element types of weights that a format may convert to; the first is the default."""


@value
class Options(Value):
    """The options of all formats; each takes its own and leaves the others alone.

    Attributes:
        text: protobuf's text form (frozen, graphdef).
        frozen: weights as constants (savedmodel).
        precision: element type of the weights: ``float32``, ``float16`` or ``int8`` (tflite).
        calibrate: path of an ``.npz`` with examples for every input, the first axis counting them (tflite, int8).
        opset: version of ONNX's operators (onnx).
        sizes: numbers for named sizes that the network leaves open, for formats that hold none (stablehlo).
    """

    text: bool = field(default=False)
    frozen: bool = field(default=False)
    precision: str = field(default="float32")
    calibrate: str = field(default="")
    opset: int = field(default=17)
    sizes: tuple[tuple[str, int], ...] = field(default=())


@value
class Order(Value):
    """One artefact to be written.

    Attributes:
        graph: the network, as it is to be written (deploy passes have been run where they were asked for).
        train_graph: the training graph of the same network, for formats that hold both; None for none.
        weights: the values of all variables; None where the graph draws them itself.
        seed: what everything random in the graph starts from.
        path: where to write; a folder for formats that are folders. It appears whole or not at all.
        options: see there.
    """

    graph: Graph
    train_graph: Graph | None = field(default=None)
    weights: WeightSource | None
    seed: int
    path: str
    options: Options = field(default=Options())


@value
class Artefact(Value):
    """What was written.

    Attributes:
        path: where it is.
        kind: what it is, in words: ``frozen graph``.
        size: its bytes; of a folder, those of all its files.
        nodes: how many nodes it holds; 0 where that is not known.
        inputs: name in the text -> what it is called in the artefact.
        outputs: the same for the outputs.
        init: the op that initialises the variables; "" where there is none.
        sizes: the numbers that stand in it for named sizes of the network; empty where it leaves them open.
        facts: what else is worth a line: (label, text).
    """

    path: str
    kind: str
    size: int
    nodes: int = field(default=0)
    inputs: dict[str, str]
    outputs: dict[str, str]
    init: str = field(default="")
    sizes: tuple[tuple[str, int], ...] = field(default=())
    facts: tuple[tuple[str, str], ...] = field(default=())


class ArtefactError(Exception):
    """The artefact cannot be made of this network; the diagnostics say why. Nothing was written."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.diagnostics = diagnostics


class OptionError(Exception):
    """An option of a format has a value that it cannot have; the message says which it can. Nothing was written."""


class MissingPackageError(Exception):
    """A format needs a package that is not installed; the message says how to install it.

    Args:
        what: what needs it, such as ``--to onnx``.
        package: the package.
        extra: the extra of this project that brings it.
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}, which is not installed: pip install 'slimdsl[{extra}]'")
