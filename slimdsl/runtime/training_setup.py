"""From a training that is prepared to one that runs: its engine, first values, the run's folder."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

import tensorflow as tf

from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from slimdsl.recipe.text import recipe_text
from slimdsl.runtime.agreement import differing
from slimdsl.runtime.checkpoints import checkpoint_path
from slimdsl.runtime.data.class_names import class_names_text
from slimdsl.runtime.distribution import DistributionError
from slimdsl.runtime.engine import Engine
from slimdsl.runtime.first_values import load_initial
from slimdsl.runtime.hyperparameters import Row, Setting, hyperparameters, table_row
from slimdsl.runtime.nan_hunt import NanHunt, NotFiniteError
from slimdsl.runtime.profiling import Profiler
from slimdsl.runtime.progress import PATIENCE, Progress
from slimdsl.runtime.record_file import PLACE
from slimdsl.runtime.resume import host_values, restore
from slimdsl.runtime.run_folder import begin, make_folder, occupied, require_unchanged
from slimdsl.runtime.summaries import Summaries
from slimdsl.runtime.training import Batch, Outcome, Run, Training
from slimdsl.runtime.training_batches import Batches
from slimdsl.runtime.training_order import Order, Prepared
from slimdsl.runtime.waiting import ended_by_signals, waiting_for

_MOST_NAMED = 6


class OutOfMemoryError(Exception):
    """A step does not fit into the memory of the device."""


def make_engine(prepared: Prepared) -> Engine:
    """The engine, with the values that the training begins with or goes on from.

    Raises:
        EngineError: network and recipe do not go together.
        WeightsError: the values cannot be loaded.
        OSError: their file cannot be opened.
        DistributionError: workers do not see the same checkpoint, or are not given the same.
        LostWorkersError: another process has gone.
    """
    distribution = prepared.order.distribution
    with distribution.together(begun=False), ended_by_signals() if distribution.workers > 1 else nullcontext():
        return _engine(prepared)


def _engine(prepared: Prepared) -> Engine:
    order = prepared.order
    # Some of them may still be looking through their data.
    with waiting_for(order.distribution.others):
        _agree(prepared)
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
    elif prepared.initial is not None:
        load_initial(engine, order.initial, prepared.initial)
    return engine


def _agree(prepared: Prepared) -> None:
    """See that all processes are going to do the same.

    Raises:
        DistributionError: they are not, or do not see the same last checkpoint.
    """
    distribution = prepared.order.distribution
    _, alike = distribution.agreed(-1 if prepared.start is None else prepared.start)
    if not alike:
        raise DistributionError(
            f"the workers do not see the same last checkpoint in `{prepared.order.logdir}`: it has to be one folder, "
            "shared by all of them"
        )
    if distribution.workers == 1:
        return
    # Their machines may be of many kinds, and have the data in places of their own.
    done = {name: entry for name, entry in prepared.document.items() if name != "machine"}
    if isinstance(done["data"], Mapping):
        done["data"] = {name: entry for name, entry in done["data"].items() if name != PLACE}
    found = differing(distribution, {**done, "dry_run": prepared.trial})
    if found:
        more = f", and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise DistributionError(
            f"worker {distribution.worker} of {distribution.workers}: the workers are not given the same training; "
            f"they differ in {', '.join(found[:_MOST_NAMED])}{more}: all of them have to run the same command"
        )


def batches_for(prepared: Prepared) -> Batches:
    """The batches of a training."""
    order = prepared.order
    return Batches(
        prepared.source,
        prepared.feed,
        preprocessing=prepared.preprocessing,
        recipe=order.recipe,
        shuffle=order.shuffle,
        distribution=order.distribution,
    )


def try_step(prepared: Prepared, engine: Engine) -> tuple[float, float]:
    """Trace and take one step without writing anything: its loss, and the seconds that it took.

    Raises:
        NotFiniteError: the loss is none that can be trained with.
        DataError, EngineError: data or batch do not fit.
        OutOfMemoryError: the step does not fit into the memory.
        LostWorkersError: another process has gone.
    """
    batch = batches_for(prepared).first(prepared.start or 0)
    before = host_values(engine.variables)
    begun = time.monotonic()
    try:
        with prepared.order.distribution.together(begun=False):
            loss = float(engine.train(batch)["total_loss"])
    except tf.errors.ResourceExhaustedError as error:
        raise _too_large(prepared) from error
    seconds = time.monotonic() - begun
    if not math.isfinite(loss):
        raise NotFiniteError(_not_finite(prepared, engine, batch, before, loss), prepared.start or 0)
    return loss, seconds


def _not_finite(prepared: Prepared, engine: Engine, batch: Batch, before: Mapping[str, Any], loss: float) -> str:
    step = prepared.start or 0
    message = f"the loss of step {step + 1:,} is {'NaN' if math.isnan(loss) else 'infinite'}"
    if prepared.order.distribution.workers > 1:
        return message
    for name, value in before.items():
        engine.variables[name].assign(value)
    return f"{message}; {_hunt(prepared.order)(batch, engine.variables, step)}"


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
    batches = batches_for(prepared)
    # What does not fit is found while all is as it was.
    engine.check(batches.first(prepared.start or 0))
    with ExitStack() as stack:
        row = Row()
        if distribution.writes:
            make_folder(folder)
            stack.enter_context(occupied(folder))
            require_unchanged(folder, prepared.found)
            begin(
                folder,
                prepared.document,
                recipe_text(prepared.order.recipe),
                goes_on=prepared.start is not None,
                labels=class_names_text(prepared.source.classes),
                damaged=prepared.found.damaged,
            )
            metrics = (f"metrics/{term.name}" for term in prepared.order.recipe.metrics)
            row = stack.enter_context(table_row(folder, _settings(prepared), ("total_loss", *metrics)))
            if profiler:
                stack.enter_context(profiler)
        try:
            with distribution.together():
                outcome = Training(_run(prepared, engine, batches, profiler), prepared.start).train()
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


def _run(prepared: Prepared, engine: Engine, batches: Batches, profiler: Profiler | None) -> Run:
    order = prepared.order
    writes = order.distribution.writes
    seed = order.recipe.seed
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
        batches=batches,
        folder=order.logdir,
        steps=prepared.steps,
        steps_per_epoch=prepared.steps_per_epoch,
        # Workers would have to look for it together, each with the whole batch.
        hunt=_hunt(order) if order.distribution.workers == 1 else None,
        distribution=order.distribution,
        histogrammed=engine.trained,
        summaries=summaries.of if writes else None,
        profiler=profiler if writes else None,
        graph=graph_bytes(emit(order.train_graph, form="graphdef", seed=0), None),
        # The others show nothing that would end their patience.
        progress=Progress(patience=PATIENCE if writes else None),
    )


def _hunt(order: Order) -> Callable[[Batch, Mapping[str, tf.Variable], int], str]:
    def hunt(batch: Batch, variables: Mapping[str, tf.Variable], step: int) -> str:
        found = NanHunt(order.train_graph, order.recipe, precision=order.precision, seed=order.recipe.seed)
        wanted = {name: batch[name] for name in (*order.train_graph.inputs, *order.recipe.inputs)}
        return found.find(wanted, variables, step)

    return hunt


def _too_large(prepared: Prepared) -> OutOfMemoryError:
    batch = prepared.order.recipe.batch
    return OutOfMemoryError(
        f"a step with a batch of {batch} does not fit into the memory of {prepared.order.device or 'the device'}: "
        "--batch takes a smaller one, --set train.accumulate=2 computes it in parts"
    )
