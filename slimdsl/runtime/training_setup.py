"""From a network, a recipe and options to a training that can begin: data, engine, first values, the run's folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import tensorflow as tf

from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.ir.graph import Graph
from slimdsl.recipe.recipe import Recipe
from slimdsl.recipe.text import recipe_document, recipe_text
from slimdsl.runtime.checkpoints import checkpoint_path
from slimdsl.runtime.data.class_names import class_names_text
from slimdsl.runtime.data.opening import open_data
from slimdsl.runtime.data.pipeline import steps_per_epoch
from slimdsl.runtime.data.source import DataSource
from slimdsl.runtime.data.surveying import explain_failure, require_usable
from slimdsl.runtime.devices import ahead_on_device
from slimdsl.runtime.distribution import Distribution, DistributionError
from slimdsl.runtime.engine import Engine
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.feeding import Feed, batches_of, check_class_names, choose_preprocessing, feed_of
from slimdsl.runtime.hyperparameters import Row, Setting, hyperparameters, table_row
from slimdsl.runtime.nan_hunt import NanHunt
from slimdsl.runtime.profiling import Profiler
from slimdsl.runtime.progress import Progress
from slimdsl.runtime.record_file import PARAMETERS
from slimdsl.runtime.resume import restore
from slimdsl.runtime.run_folder import begin, changed_settings, make_folder, network_document, occupied, prepare
from slimdsl.runtime.summaries import Summaries
from slimdsl.runtime.training import Batch, Outcome, Run, Training
from slimdsl.runtime.wanted_inputs import wanted_of
from slimdsl.values import Record, Value, field, value
from slimdsl.version import __version__
from slimdsl.weights.comparison import compare
from slimdsl.weights.findings import first_findings
from slimdsl.weights.loading import FileWeights
from slimdsl.weights.opening import open_weights
from slimdsl.weights.selection import EVERYTHING, Selection
from slimdsl.weights.source import WeightsError


@value
class Order(Value):
    """What is wanted.

    Attributes:
        train_graph: the training graph.
        eval_graph: the graph for inference.
        recipe: the recipe.
        data: what `--data` names; "" for the digits.
        labels_offset: what is taken off every label.
        holdout: the share that is held out for evaluation; None for the usual one.
        logdir: the run's folder.
        parameters: what the net was given: name -> text of an expression.
        initial: the file of weights that training begins with; "" for first values.
        selection: what of it is taken.
        preprocessing: its name; "" for the one that suits network and data.
        precision: of the step.
        xla: whether the step is compiled.
        eager: whether its operations are run one by one.
        shuffle: False for the data in their own order.
        fresh: whether the run in the folder may be given up.
        device: what it runs on, in words.
        distribution: how many copies of the step there are, and where.
    """

    train_graph: Graph
    eval_graph: Graph
    recipe: Recipe
    data: str = field(default="")
    labels_offset: int = field(default=0)
    holdout: float | None = field(default=None)
    logdir: str
    parameters: Mapping[str, str] = field(default={})
    initial: str = field(default="")
    selection: Selection = field(default=EVERYTHING)
    preprocessing: str = field(default="")
    precision: str = field(default="float32")
    xla: bool = field(default=False)
    eager: bool = field(default=False)
    shuffle: bool = field(default=True)
    fresh: bool = field(default=False)
    device: str = field(default="")
    distribution: Distribution = field(default=Distribution())


class OutOfMemoryError(Exception):
    """A step does not fit into the memory of the device."""


@value
class Prepared(Record):
    """A training before its first step, with nothing written yet.

    Attributes:
        order: what was wanted.
        source: the data.
        feed: what they are for.
        preprocessing: what images go through.
        steps: how many there will be.
        steps_per_epoch: of a pass over the data.
        start: the step of the checkpoint that it goes on from; None to begin.
        changed: what is changed of the run that it goes on with, in words.
        document: the record of the run.
    """

    order: Order
    source: DataSource
    feed: Feed
    preprocessing: str
    steps: int
    steps_per_epoch: int
    start: int | None
    changed: tuple[str, ...]
    document: dict[str, object]


def prepare_training(order: Order, *, thorough: bool = False) -> Prepared:
    """Open the data and look whether everything fits; writes nothing.

    Args:
        order: what is wanted.
        thorough: whether every example is read.

    Raises:
        DataError: the data cannot be used; MissingDataError where they are not there.
        EngineError: batch and recipe do not go together.
        DistributionError: the batch cannot be shared out among the replicas.
        RunError: the folder holds another run.
    """
    recipe = order.recipe
    order.distribution.check(recipe, xla=order.xla)
    if recipe.batch % recipe.accumulate:
        raise EngineError(
            f"a batch of {recipe.batch} cannot be cut into {recipe.accumulate} equal parts to accumulate: "
            "train.batch has to be a multiple of train.accumulate"
        )
    classes = feed_of_classes(order)
    wanted = wanted_of(order.train_graph, recipe, order.data)
    source = open_data(
        order.data,
        "train",
        holdout=order.holdout,
        classes=classes,
        wanted=wanted,
        labels_offset=order.labels_offset,
    )
    feed = feed_of(wanted, source)
    check_class_names(source, feed)
    require_usable(source, batch=recipe.batch, classes=feed.classes, channels=feed.channels, thorough=thorough)
    preprocessing = choose_preprocessing(order.preprocessing, order.train_graph.name, source, feed)
    per_epoch = steps_per_epoch(source, recipe.batch)
    document: dict[str, object] = {
        "slimdsl": __version__,
        "network": network_document(order.train_graph),
        PARAMETERS: dict(order.parameters),
        "recipe": {**recipe_document(recipe), "initial": order.initial or None},
        "data": {
            "spec": order.data or "digits",
            "examples": source.count,
            "preprocessing": preprocessing,
            "shuffle": order.shuffle,
            "labels_offset": order.labels_offset,
            "holdout": order.holdout,
        },
        "precision": order.precision,
        "machine": {
            "device": order.device,
            "xla": order.xla,
            "eager": order.eager,
            "strategy": order.distribution.name,
            "replicas": order.distribution.replicas,
        },
    }
    start = prepare(order.logdir, document, fresh=order.fresh, labels=class_names_text(source.classes))
    steps = recipe.steps if recipe.steps is not None else max(1, int((recipe.epochs or 1) * per_epoch))
    return Prepared(
        order=order,
        source=source,
        feed=feed,
        preprocessing=preprocessing,
        steps=steps,
        steps_per_epoch=per_epoch,
        start=start,
        changed=tuple(changed_settings(order.logdir, document)) if start is not None else (),
        document=document,
    )


def feed_of_classes(order: Order) -> int | None:
    """The classes of the network's `logits`, for data that are made up."""
    logits = order.train_graph.outputs.get("logits")
    last = logits.type.shape[-1] if logits is not None and logits.type.rank > 1 else None
    return last if isinstance(last, int) else None


def make_engine(prepared: Prepared) -> Engine:
    """The engine, with the values that the training begins with or goes on from.

    Raises:
        EngineError: network and recipe do not go together.
        WeightsError: the values cannot be loaded.
        OSError: their file cannot be opened.
        DistributionError: workers do not see the same checkpoint.
        LostWorkersError: another process has gone.
    """
    with prepared.order.distribution.together():
        return _engine(prepared)


def _engine(prepared: Prepared) -> Engine:
    order = prepared.order
    _, alike = order.distribution.agreed(-1 if prepared.start is None else prepared.start)
    if not alike:
        raise DistributionError(
            f"the workers do not see the same last checkpoint in `{order.logdir}`: it has to be one folder, shared "
            "by all of them"
        )
    with order.distribution.scope():
        engine = Engine(
            order.train_graph,
            order.eval_graph,
            order.recipe,
            sizes=prepared.feed.sizes,
            steps_per_epoch=prepared.steps_per_epoch,
            precision=order.precision,
            xla=order.xla,
            eager=order.eager,
            seed=order.recipe.seed,
        )
    if prepared.start is not None:
        restore(engine.variables, checkpoint_path(order.logdir, prepared.start))
    elif order.initial:
        _load_initial(engine, order)
    return engine


def _load_initial(engine: Engine, order: Order) -> None:
    variables = list({v.name: v for graph in (order.train_graph, order.eval_graph) for v in graph.variables}.values())
    with open_weights(order.initial) as file:
        comparison = compare(variables, file, order.selection)
        found = first_findings(comparison)
        if found:
            raise WeightsError(found)
        names = {pair.variable.name: pair.stored.name for pair in comparison.matching}
        engine.assign(FileWeights(file, names, None), [pair.variable for pair in comparison.matching])


def stream(prepared: Prepared, start: int) -> Iterator[Batch]:
    """The batches from a step on.

    Raises:
        DataError: the data cannot be read, with the file and the record.
    """
    order, feed = prepared.order, prepared.feed
    found = batches_of(
        prepared.source,
        feed,
        preprocessing=prepared.preprocessing,
        batch=order.recipe.batch,
        seed=order.recipe.seed,
        training=True,
        start_step=start,
        shuffle=order.shuffle,
        shard=(order.distribution.worker, order.distribution.workers),
    )
    # Several replicas take their shares of a batch to their own devices.
    iterator = iter(ahead_on_device(found) if order.distribution.replicas == 1 else found)
    while True:
        try:
            batch = next(iterator)
        except tf.errors.OpError as error:
            raise explain_failure(prepared.source, error, classes=feed.classes) from error
        yield batch


def try_step(prepared: Prepared, engine: Engine) -> tuple[float, float]:
    """Trace and take one step without writing anything: its loss, and the seconds that it took.

    Raises:
        DataError, EngineError: data or batch do not fit.
        OutOfMemoryError: the step does not fit into the memory.
        LostWorkersError: another process has gone.
    """
    batch = next(stream(prepared, prepared.start or 0))
    begun = time.monotonic()
    try:
        with prepared.order.distribution.together():
            loss = float(engine.train(batch)["total_loss"])
    except tf.errors.ResourceExhaustedError as error:
        raise _too_large(prepared) from error
    return loss, time.monotonic() - begun


def carry_out(prepared: Prepared, engine: Engine, profiler: Profiler | None = None) -> Outcome:
    """Train.

    Args:
        prepared: the training.
        engine: its engine.
        profiler: profiles some of the steps; the chief's alone.

    Raises:
        OutOfMemoryError: a step does not fit into the memory.
        LostWorkersError: another process has gone.
        RunError: another process trains in the folder.
        NotFiniteError, FileWriteError, WeightsError, DataError, EngineError, OSError: as `Training.train`.
    """
    folder = prepared.order.logdir
    distribution = prepared.order.distribution
    with ExitStack() as stack:
        row = Row()
        if distribution.writes:
            make_folder(folder)
            stack.enter_context(occupied(folder))
            begin(
                folder,
                prepared.document,
                recipe_text(prepared.order.recipe),
                goes_on=prepared.start is not None,
                labels=class_names_text(prepared.source.classes),
            )
            metrics = (f"metrics/{term.name}" for term in prepared.order.recipe.metrics)
            row = stack.enter_context(table_row(folder, _settings(prepared), ("total_loss", *metrics)))
            if profiler:
                stack.enter_context(profiler)
        try:
            with distribution.together():
                outcome = Training(_run(prepared, engine, profiler), prepared.start).train()
        except tf.errors.ResourceExhaustedError as error:
            raise _too_large(prepared) from error
        if not outcome.interrupted:
            row.status = "SUCCESS"
        return outcome


def _settings(prepared: Prepared) -> dict[str, Setting]:
    """The run's row of the table of hyper-parameters."""
    order = prepared.order
    return hyperparameters(
        order.recipe,
        network=order.train_graph.name,
        data=order.data or "digits",
        preprocessing=prepared.preprocessing,
        shuffle=order.shuffle,
        init=order.initial or None,
        precision=order.precision,
        replicas=order.distribution.replicas,
    )


def _run(prepared: Prepared, engine: Engine, profiler: Profiler | None) -> Run:
    order = prepared.order
    writes = order.distribution.writes
    seed = order.recipe.seed

    def hunt(batch: Batch, variables: Any, step: int) -> str:
        found = NanHunt(order.train_graph, order.recipe, precision=order.precision, seed=seed)
        wanted = {name: batch[name] for name in (*order.train_graph.inputs, *order.recipe.inputs)}
        return found.find(wanted, variables, step)

    summaries = Summaries(
        order.train_graph,
        order.recipe,
        engine.variables,
        precision=order.precision,
        seed=seed,
        distribution=order.distribution,
    )
    return Run(
        engine=engine,
        recipe=order.recipe,
        batches=lambda start: stream(prepared, start),
        folder=order.logdir,
        steps=prepared.steps,
        steps_per_epoch=prepared.steps_per_epoch,
        # Workers would have to look for it together, each with the whole batch.
        hunt=hunt if order.distribution.workers == 1 else None,
        distribution=order.distribution,
        histogrammed=engine.trained,
        summaries=summaries.of if writes else None,
        profiler=profiler if writes else None,
        graph=graph_bytes(emit(order.train_graph, form="graphdef", seed=0), None),
        progress=Progress(),
    )


def _too_large(prepared: Prepared) -> OutOfMemoryError:
    batch = prepared.order.recipe.batch
    return OutOfMemoryError(
        f"a step with a batch of {batch} does not fit into the memory of {prepared.order.device or 'the device'}: "
        "--batch takes a smaller one, --set train.accumulate=2 computes it in parts"
    )
