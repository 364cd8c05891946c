"""Making artefacts: where the weights come from, which passes are run, and one format after the other.

The weights are compared with the network before anything is written, and every artefact of a run has the same ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from typing import Protocol, cast

from slimdsl.backends.graphdef.emitter import Form, emit
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.backends.order import Artefact, Options, Order
from slimdsl.backends.registry import Format
from slimdsl.files import overwritten
from slimdsl.ir.graph import Graph, Variable
from slimdsl.passes.deploy import Deployed, deploy
from slimdsl.values import Value, field, fields_of, value
from slimdsl.weights.comparison import Comparison, compare
from slimdsl.weights.findings import first_findings
from slimdsl.weights.loading import FileWeights
from slimdsl.weights.opening import open_weights
from slimdsl.weights.selection import EVERYTHING, Selection
from slimdsl.weights.source import FileRange, Sink, WeightsError, WeightSource


class FormatModule(Protocol):
    """What the module of a format offers."""

    def write(self, order: Order) -> Artefact:
        """Write one artefact."""
        ...


@value
class Target(Value):
    """One artefact that is wanted.

    Attributes:
        format: its format.
        path: where it is to be.
        level: 1 to run the deploy passes, 0 to leave the graph as it is.
        options: of the format.
    """

    format: Format
    path: str
    level: int
    options: Options

    @property
    def holds_weights(self) -> bool:
        """True where the file has numbers in it, whatever was asked for."""
        return self.format.contents != "structure"


@value
class Job(Value):
    """What is to be made of a network.

    Attributes:
        graph: the network; its training graph where only that is wanted.
        train_graph: its training graph, where that is wanted.
        targets: what is wanted.
        weights: path of a file of weights; "" to draw first values.
        selection: what of the file is taken.
        seed: what values are drawn from; None where nobody asked for it.
    """

    graph: Graph
    train_graph: Graph | None = field(default=None)
    targets: tuple[Target, ...]
    weights: str = field(default="")
    selection: Selection = field(default=EVERYTHING)
    seed: int | None = field(default=None)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All variables; those of the training graph come first in the order of its making, and are a superset."""
        graphs = [graph for graph in (self.train_graph, self.graph) if graph is not None]
        return tuple({v.name: v for graph in graphs for v in graph.variables}.values())


@value
class Product(Value):
    """One artefact that was made: what was asked for, what was written, and what the passes did."""

    target: Target
    order: Order
    artefact: Artefact
    deployed: Deployed | None


class OverwriteError(Exception):
    """A file that the network is made of would be lost."""


def refuse_overwriting(paths: Iterable[str], folders: Iterable[str], read: Iterable[str]) -> None:
    """See that nothing that was read is written over.

    Args:
        paths: files that will be written.
        folders: folders that will be replaced, with everything in them.
        read: files that were read.

    Raises:
        OverwriteError: one would be lost.
    """
    read = list(read)
    for path in paths:
        lost = overwritten(path, read)
        if lost:
            raise OverwriteError(f"`{path}` is `{lost}`, which the network is made of; name another with -o")
    for folder in folders:
        outer = os.path.realpath(folder)
        for path in read:
            inner = os.path.realpath(path)
            if inner == outer or inner.startswith(outer + os.sep):
                raise OverwriteError(f"`{path}` stands in `{folder}`, which would be replaced; name another with -o")


def read_for(job: Job, comparison: Comparison | None, options: Options) -> tuple[str, ...]:
    """The files that a job reads besides the text of the network."""
    found = [options.calibrate] if options.calibrate else []
    if comparison is not None:
        convert = import_module("slimdsl.weights.convert")
        found += [job.weights, *convert.files_of(comparison.file)]
    return tuple(found)


class UnloadedError(Exception):
    """Variables that are not to be loaded have no values: nobody asked for them to be drawn.

    Attributes:
        names: the variables.
    """

    def __init__(self, names: Sequence[str]) -> None:
        listed = f"`{names[0]}`" if len(names) == 1 else f"{len(names)} variables, such as `{names[0]}`,"
        super().__init__(f"{listed} would not be loaded; --seed N draws first values for what is left out")
        self.names = tuple(names)


@contextmanager
def weights_of(job: Job) -> Iterator[tuple[WeightSource, Comparison | None]]:
    """The source of a job's values, open while the block runs, and how a file compares with the network.

    Raises:
        WeightsError: the file does not fit, or cannot be read.
        UnloadedError: some are to come from nowhere.
        OSError: the file cannot be opened.
    """
    if not job.weights:
        yield _Drawn(job.seed or 0), None
        return
    with open_weights(job.weights) as file:
        comparison = compare(job.variables, file, job.selection)
        found = first_findings(comparison)
        if found:
            raise WeightsError(found)
        others = None
        if comparison.excepted:
            if job.seed is None:
                raise UnloadedError([variable.name for variable in comparison.excepted])
            others = _Drawn(job.seed)
        names = {pair.variable.name: pair.stored.name for pair in comparison.matching}
        yield FileWeights(file, names, others), comparison


def produce(job: Job, target: Target, weights: WeightSource, passed: Callable[[int], None] | None = None) -> Product:
    """Make one artefact.

    Args:
        job: what it is a part of.
        target: which one.
        weights: the source of `weights_of`.
        passed: told of every piece of weights that has been passed on, in bytes.

    Raises:
        ArtefactError: it cannot be made of this network.
        MissingPackageError: the format needs what is not installed.
        WeightsError: the weights cannot be read.
        FileWriteError: it cannot be written.
    """
    order, deployed = _order(job, target, weights)
    watched = order
    if order.weights is not None and passed is not None:
        watched = _replaced(order, Watched(order.weights, passed))
    module = cast("FormatModule", import_module(target.format.module))
    artefact = module.write(watched)
    return Product(target=target, order=order, artefact=artefact, deployed=deployed)


def produce_bytes(job: Job, target: Target, weights: WeightSource) -> bytes:
    """As `produce`, for a GraphDef in memory: the format is frozen or graphdef."""
    order, _ = _order(job, target, weights)
    form: Form = "frozen" if target.format.contents == "constants" else "graphdef"
    emission = emit(order.graph, form=form, seed=order.seed, store_weights=order.weights is not None)
    return graph_bytes(emission, order.weights)


def usual_level(format: Format, options: Options, *, training: bool) -> int:
    """The level of the deploy passes where nobody asked for one."""
    return int(_has_constants(format, options) and not training)


def level_problem(format: Format, options: Options, level: int, *, training: bool) -> str:
    """Why a format cannot have a level; "" where it can."""
    if level not in (0, 1):
        return f"there is no level {level} of deploy passes; there are 0 and 1"
    if level and training:
        return "-O1 is for inference: a training graph stays as it is"
    if level and not (_has_constants(format, options) or format.drawing):
        return f"-O1 changes constants, and {format.name} has variables"
    return ""


def _has_constants(format: Format, options: Options) -> bool:
    return format.deploys or ("frozen" in format.options and options.frozen)


def _order(job: Job, target: Target, weights: WeightSource) -> tuple[Order, Deployed | None]:
    """What a format is asked to write."""
    graph, source = job.graph, weights
    if job.train_graph is not None and not target.format.holds_both:
        graph = job.train_graph
    deployed = None
    if target.level:
        deployed = deploy(graph)
        graph = deployed.graph
        if deployed.derivations:
            # Loads numpy, which a graph without anything to fold does not need.
            derived = import_module("slimdsl.weights.derived")
            source = cast("WeightSource", derived.DerivedWeights(weights, deployed.derivations))
    stored = target.holds_weights or bool(job.weights)
    order = Order(
        graph=graph,
        train_graph=job.train_graph if target.format.holds_both else None,
        weights=source if stored else None,
        seed=job.seed or 0,
        path=target.path,
        options=target.options,
    )
    return order, deployed


def _replaced(order: Order, weights: WeightSource) -> Order:
    """The same order with other weights."""
    given = {name: getattr(order, name) for name in fields_of(order)}
    return Order(**{**given, "weights": weights})


class Watched(WeightSource):
    """A weight source that tells what passes through it."""

    def __init__(self, weights: WeightSource, passed: Callable[[int], None]) -> None:
        self._weights = weights
        self._passed = passed

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the variable's values."""

        def counted(data: bytes | memoryview) -> None:
            sink(data)
            self._passed(memoryview(data).nbytes)

        self._weights.write(variable, counted)

    def file_range(self, variable: Variable) -> FileRange | None:
        """Where the variable's values stand in a file."""
        found = self._weights.file_range(variable)
        if found is not None:
            self._passed(found.size)
        return found


def content_bytes(variables: Sequence[Variable]) -> int:
    """Bytes of the numbers of all variables."""
    return sum(variable.size * variable.tensor.type.dtype.size for variable in variables)


class _Drawn(WeightSource):
    """First values; numpy, which draws them, is loaded when the first are wanted."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the variable's first values."""
        self._source.write(variable, sink)

    @cached_property
    def _source(self) -> WeightSource:
        seeded = import_module("slimdsl.weights.seeded")
        return cast("WeightSource", seeded.SeedWeights(self._seed))
