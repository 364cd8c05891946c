"""`slimdsl compile`: write the TensorFlow graph of a network."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EPIPE

from slimdsl.backends.graphdef.emission import Emission
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.pbtxt import write_text
from slimdsl.backends.graphdef.stream import GraphTooLargeError, WrittenFile, write_emission
from slimdsl.backends.registry import FORMATS, Format, format_names
from slimdsl.cli.loading import graph_of, open_compilation
from slimdsl.cli.options import add_colour_option, add_net_options
from slimdsl.cli.progress import ProgressMeter
from slimdsl.cli.refusal import Refusal, unreadable
from slimdsl.cli.report import plural, print_diagnostics, size_text
from slimdsl.cli.streams import say
from slimdsl.files import STDOUT, FileWriteError, overwritten
from slimdsl.ir.graph import Graph, Variable
from slimdsl.weights.npz import NpzWeights
from slimdsl.weights.source import LARGEST_SEED, FileRange, Sink, WeightsError, WeightSource

_SEED = re.compile(r"[0-9]{1,20}\Z")
"""What is read as a seed; `int` would take more: other digits, spaces, a sign."""


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Write the TensorFlow graph of a network. A frozen graph holds its weights as constants: those of --weights, "
        "or first values drawn from --seed. A graphdef holds variables and an op that initialises them."
    )
    parser.add_argument("file", metavar="FILE", help="a .slim file")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="the file to write (<net>.pb in the current folder); - for standard output",
    )
    forms = "; ".join(f"{form.name}: {form.description}" for form in FORMATS)
    parser.add_argument("--to", choices=format_names(), default=FORMATS[0].name, help=f"{forms} ({FORMATS[0].name})")
    parser.add_argument(
        "--training",
        action="store_true",
        help="the training graph; its variables need --to graphdef, frozen they are constants",
    )
    parser.add_argument("--text", action="store_true", help="write protobuf's text form, <net>.pbtxt")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--seed", type=_seed, metavar="N", help="draw the first values from this number (0)")
    weights.add_argument(
        "--weights", metavar="FILE.npz", help="take the values from an archive of numpy arrays, name -> array"
    )
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Compile, write and say what was written; return 1 where there are errors."""
    compilation = open_compilation(arguments.file, arguments, training=arguments.training)
    graph = graph_of(compilation, arguments.file, arguments)
    if graph is None:
        return 1
    form = _form(arguments)
    path = arguments.output
    if path is None:
        path = f"{graph.name}{form.text_suffix if arguments.text else form.suffix}"
    read = [arguments.file, *compilation.used_files, *([arguments.weights] if arguments.weights else [])]
    lost = overwritten(path, read)
    if lost:
        raise Refusal(f"`{path}` is `{lost}`, which the network is made of; name another file with -o")
    try:
        return _write(graph, path, arguments)
    except (WeightsError, GraphTooLargeError) as error:
        found = error.diagnostics if isinstance(error, WeightsError) else (error.diagnostic,)
        print_diagnostics(found, arguments.color)
        return 1
    except FileWriteError as error:
        if error.errno == EPIPE:
            raise BrokenPipeError from error
        raise Refusal(str(error)) from error


def _write(graph: Graph, path: str, arguments: Namespace) -> int:
    """Emit and write one graph.

    Raises:
        WeightsError: the weights do not fit or cannot be read.
        GraphTooLargeError: no reader could take the file.
        FileWriteError: the file cannot be written.
    """
    seed = arguments.seed or 0
    form = _form(arguments)
    stored = form.stores_weights or arguments.weights is not None
    emission = emit(graph, form=form.name, seed=seed, store_weights=stored)
    with _weights(graph, arguments.weights, seed, stored=stored) as weights:
        meter = ProgressMeter(emission.size)
        try:
            watched = _Watched(weights, meter) if weights else None
            written = (write_text if arguments.text else write_emission)(emission, watched, path)
        finally:
            meter.close()
    report = "\n".join(_report(graph, emission, written, arguments))
    (say if path in (STDOUT, "/dev/stdout") else print)(report)
    return 0


@contextmanager
def _weights(graph: Graph, path: str | None, seed: int, *, stored: bool) -> Iterator[WeightSource | None]:
    """Where the values come from: an archive that has been checked, or the seed; None where none are stored."""
    if path is None:
        if not stored:
            yield None
            return
        # Loads numpy, which nothing but drawing numbers needs.
        from slimdsl.weights.seeded import SeedWeights

        yield SeedWeights(seed)
        return
    try:
        archive = NpzWeights.open(path)
    except OSError as error:
        raise unreadable(path, error) from error
    with archive:
        found = archive.check(graph.variables)
        if found:
            raise WeightsError(found)
        yield archive


class _Watched(WeightSource):
    """A weight source that tells a meter what passes through it."""

    def __init__(self, weights: WeightSource, meter: ProgressMeter) -> None:
        self._weights = weights
        self._meter = meter

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the variable's values."""

        def counted(data: bytes | memoryview) -> None:
            sink(data)
            self._meter.advance(memoryview(data).nbytes)

        self._weights.write(variable, counted)

    def file_range(self, variable: Variable) -> FileRange | None:
        """Where the variable's values stand in a file."""
        return self._weights.file_range(variable)


def _report(graph: Graph, emission: Emission, written: WrittenFile, arguments: Namespace) -> Iterator[str]:
    """What was written, a line for each fact."""
    frozen = _form(arguments).stores_weights
    if arguments.training:
        kind = "training graph with constant weights" if frozen else "training graph with variables"
    else:
        kind = "frozen graph" if frozen else "graph with variables"
    path = "standard output" if written.path == STDOUT else written.path
    yield f"wrote {path}: {kind}, {size_text(written.size)}, {plural(written.nodes, 'node')}"
    yield f"  parameters  {graph.parameter_count():,} in {plural(len(graph.variables), 'variable')}"
    yield f"  weights     {_origin(arguments)}"
    for name, tensor in graph.inputs.items():
        yield f"  input       {name}: {tensor.type} is {emission.inputs[name]}"
    for name, tensor in graph.outputs.items():
        yield f"  output      {name}: {tensor.type} is {emission.outputs[name]}"
    if emission.init:
        yield f"  initialise  run the op {emission.init}"
    if emission.update_ops:
        yield f"  updates     run the op {emission.update_ops} with each step"
    if emission.regularization_loss:
        yield f"  penalties   {emission.regularization_loss}"
    if emission.random_seed:
        yield f"  random      feed {emission.random_seed} for other numbers in each step"


def _origin(arguments: Namespace) -> str:
    if arguments.weights is not None:
        return f"from {arguments.weights}"
    verb = "drawn" if _form(arguments).stores_weights else "to be drawn"
    if arguments.seed is not None:
        return f"first values, {verb} from seed {arguments.seed}"
    return f"first values, {verb} from seed 0; --weights FILE.npz for trained ones, --seed N for others"


def _seed(text: str) -> int:
    """The argument of ``--seed``.

    Raises:
        ArgumentTypeError: it is not an integer from 0 to 2^64 - 1.
    """
    if not _SEED.match(text) or int(text) > LARGEST_SEED:
        raise ArgumentTypeError("must be an integer from 0 to 2^64 - 1")
    return int(text)


def _form(arguments: Namespace) -> Format:
    """The format that ``--to`` names."""
    (form,) = [form for form in FORMATS if form.name == arguments.to]
    return form
