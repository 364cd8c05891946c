"""StableHLO, through TensorFlow's exporter: a portable artifact, which is MLIR bytecode of a version that is promised.

The exporter needs a number for every size. The batch is 1 and others must be given (`Options.sizes`); the artefact says
which were taken. `main` takes the inputs and gives the outputs in the order of the text, and their names stand beside
them as the attribute `tf_saved_model.index_path`, as in what TensorFlow exports from SavedModels.
"""

from __future__ import annotations

from slimdsl.backends.conversion import TENSORFLOW, convert, refused, require
from slimdsl.backends.order import Artefact, OptionError, Order
from slimdsl.ir.graph import Graph
from slimdsl.types import symbol_names

KIND = "StableHLO"


def write(order: Order) -> Artefact:
    """Export and write a network.

    Raises:
        MissingPackageError: TensorFlow is missing.
        ArtefactError: the exporter refuses the network, or a size is missing.
        WeightsError: the weights cannot be read.
        FileWriteError: the file cannot be written.
    """
    require("--to stablehlo", (TENSORFLOW,), "tf")
    graph = order.graph
    sizes = _sizes(graph, dict(order.options.sizes))
    done = convert(order, kind=KIND, worker="slimdsl.backends.stablehlo.worker", request={}, sizes=sizes)
    taken = (("sizes", ", ".join(f"{name} is {size}" for name, size in sizes.items())),) if sizes else ()
    return Artefact(
        path=order.path,
        kind="StableHLO portable artifact",
        size=done.size,
        inputs={name: name for name in graph.inputs},
        outputs={name: name for name in graph.outputs},
        sizes=tuple(sizes.items()),
        facts=(*taken, ("version", done.answer["version"]), ("converter", done.answer["converter"])),
    )


def _sizes(graph: Graph, given: dict[str, int]) -> dict[str, int]:
    """A number for every size that the network leaves open, in the order of the inputs.

    Raises:
        ArtefactError: one is missing, is no size, or is none of this network.
    """
    names: dict[str, bool] = {}
    for tensor in graph.inputs.values():
        for axis, dim in enumerate(tensor.type.shape):
            for name in sorted(symbol_names(dim)):
                names[name] = names.get(name, False) or axis == 0
    listed = ", ".join(names) or "none"
    for name, size in given.items():
        if name not in names:
            raise OptionError(f"--sizes: there is no size `{name}` to be given; open are: {listed}")
        if not isinstance(size, int) or size < 1:
            raise OptionError(f"--sizes: the size {name} cannot be {size}, it must be at least 1")
    missing = [name for name, batch in names.items() if not batch and name not in given]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        reason = f"StableHLO needs a number for every size, and {' and '.join(missing)} {verb} open"
        numbers = ",".join(f"{name}=NUMBER" for name in missing)
        raise refused(graph, KIND, reason, f"`--sizes {numbers}`; the batch is 1 unless it is given")
    return {name: given.get(name, 1) for name in names}
