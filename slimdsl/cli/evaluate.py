"""`slimdsl evaluate`: the metrics of a recipe over held-out data, once or for every checkpoint of a training."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from slimdsl.cli.evaluating import Evaluated, Evaluation
from slimdsl.cli.loading import graph_of, open_compilation
from slimdsl.cli.network_weights import WEIGHTS_HELP, add_taking_options, count
from slimdsl.cli.options import (
    PREPROCESSINGS,
    add_colour_option,
    add_holdout_option,
    add_labels_offset_option,
    add_net_options,
)
from slimdsl.cli.refusal import Refusal, unreadable
from slimdsl.cli.report import count_text, print_diagnostics
from slimdsl.cli.run_parameters import say_other_parameters
from slimdsl.cli.run_weights import add_step_option, run_folder, take_step, take_whole
from slimdsl.cli.runtime_loading import add_device_option, load_runtime, use_device
from slimdsl.cli.selection import opened_weights
from slimdsl.cli.streams import say
from slimdsl.compiler import Compilation, UsageError
from slimdsl.diagnostics.display import visible
from slimdsl.files import FileWriteError
from slimdsl.ir.graph import Graph
from slimdsl.recipe.recipe import Recipe
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import UNREADABLE

if TYPE_CHECKING:
    from slimdsl.runtime.evaluation import EvaluationData
    from slimdsl.runtime.following import Found
    from slimdsl.runtime.run_record import RunRecord

_SPLITS = ("validation", "train", "all")


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Compute the metrics of the `train` block, or of TF-Slim's recipe for classifiers, over the examples that are "
        "held out, each once. A checkpoint of `slimdsl train`, or of the run's folder the newest that is whole, is "
        "evaluated with the data and the preprocessing of that training; moving averages are taken where the recipe "
        "keeps them."
    )
    parser.add_argument("file", metavar="MODEL", help="a .slim file")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--weights", metavar="WEIGHTS", help=WEIGHTS_HELP)
    given.add_argument("--logdir", metavar="DIR", help="the folder of a training, whose checkpoint is evaluated")
    add_step_option(parser)
    parser.add_argument("--data", metavar="SPEC", help="what to evaluate on (what the training had, else digits)")
    add_labels_offset_option(parser, "the training's, else 0")
    add_holdout_option(parser, "the training's, else as in `slimdsl train`")
    parser.add_argument("--split", choices=_SPLITS, default=_SPLITS[0], help=f"the part of the data ({_SPLITS[0]})")
    parser.add_argument(
        "--examples", type=count, metavar="N", help="at most so many examples, evenly spread over the part (all)"
    )
    parser.add_argument("--batch", type=count, metavar="N", help="examples at once (the recipe's batch)")
    parser.add_argument(
        "--preprocessing",
        metavar="NAME",
        default="",
        help=f"what images go through: {PREPROCESSINGS} (the training's, else as in `slimdsl train`)",
    )
    add_device_option(parser)
    parser.add_argument(
        "--follow",
        action="store_true",
        help="evaluate every checkpoint of --logdir as it appears, until the training's last one; rows are appended to "
        "DIR/eval.jsonl, scalars for TensorBoard go to DIR/eval",
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each checkpoint")
    parser.add_argument(
        "--no-ema",
        action="store_true",
        help="take the values themselves where the recipe keeps moving averages, which are taken without it",
    )
    add_taking_options(parser)
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="train.KEY=VALUE",
        action="append",
        default=[],
        help="set a setting of the recipe, as in `slimdsl train`, such as "
        "'train.metric=top_k(logits, labels, k=3)'; may be repeated",
    )
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Evaluate and print; return 1 where there are errors."""
    folder = _folder(arguments)
    compilation = open_compilation(arguments.file, arguments)
    graph = graph_of(compilation, arguments.file, arguments)
    recipe = _recipe(compilation, arguments) if graph is not None else None
    if graph is None or recipe is None:
        return 1
    if not recipe.metrics:
        raise Refusal(f"{arguments.file}: its `train` block names no metric: `metric accuracy(logits, labels)` is one")
    if not arguments.follow:
        # Weights that cannot be read are found before TensorFlow is loaded, which takes seconds.
        try:
            take_whole(arguments)
            opened_weights(arguments.weights).close()
        except WeightsError as error:
            print_diagnostics(error.diagnostics, arguments.color)
            return 1
    data, engine, following = (
        load_runtime(f"slimdsl.runtime.{name}") for name in ("data.errors", "errors", "following")
    )
    try:
        return 0 if _carry_out(graph, recipe, folder, arguments) else 1
    except WeightsError as error:
        print_diagnostics(error.diagnostics, arguments.color)
    except (data.MissingDataError, FileWriteError) as error:
        raise Refusal(str(error)) from error
    except (data.DataError, engine.EngineError, following.RunGoneError) as error:
        say(f"slimdsl: {visible(str(error))}")
    except OSError as error:
        if error.filename is None:
            raise
        raise unreadable(os.fsdecode(error.filename), error) from error
    return 1


def _carry_out(graph: Graph, recipe: Recipe, folder: str, arguments: Namespace) -> bool:
    """Evaluate and print; whether all could be read that was to be evaluated.

    Raises:
        WeightsError, DataError, EngineError: it cannot be done.
        FileWriteError: the log cannot be written.
        RunGoneError: the folder that is followed has been removed.
    """
    evaluation = load_runtime("slimdsl.runtime.evaluation")
    errors = load_runtime("slimdsl.runtime.data.errors")
    use_device(arguments)
    if arguments.follow and arguments.data is not None:
        # What is wrong with them is found before a checkpoint is waited for, as far as it does not take the record.
        known = load_runtime("slimdsl.runtime.run_record").read_run_record(folder)
        try:
            _data(graph, recipe, folder, known, arguments)
        except errors.DataError as error:
            if known or isinstance(error, errors.MissingDataError):
                raise
    record = _record(folder, arguments)
    if folder:
        say_other_parameters(folder, arguments)
    data = _data(graph, recipe, folder, record, arguments)
    job = Evaluation(
        evaluator=evaluation.Evaluator(graph, recipe, data),
        graph=graph,
        recipe=recipe,
        data=data,
        averages=record.averages if record else recipe.averages is not None,
        taken=_taken(folder, record, arguments),
        arguments=arguments,
    )
    if arguments.follow:
        return _follow(job, folder, record.last if record else recipe.steps)
    _print(job, job.evaluated(first=True))
    return True


def _data(graph: Graph, recipe: Recipe, folder: str, record: RunRecord | None, arguments: Namespace) -> EvaluationData:
    """What is evaluated on: what was given, else what the run in the folder had.

    Raises:
        DataError: they cannot be used; MissingDataError where they are not there.
        EngineError: they do not go with the network.
    """
    errors = load_runtime("slimdsl.runtime.data.errors")
    try:
        found: EvaluationData = load_runtime("slimdsl.runtime.evaluation").evaluation_data(
            graph,
            recipe,
            arguments.data if arguments.data is not None else (record.data if record else ""),
            arguments.split,
            preprocessing=arguments.preprocessing or (record.preprocessing if record else ""),
            batch=arguments.batch,
            labels_offset=_labels_offset(record, arguments),
            most=arguments.examples,
            holdout=arguments.holdout if arguments.holdout is not None else record.holdout if record else None,
        )
    except errors.MissingDataError as error:
        if record is None or arguments.data is not None or not record.moved:
            raise
        raise errors.MissingDataError(
            f"the data of the run `{folder}` are not at `{record.data}` any more: --data says where they are"
        ) from error
    return found


def _folder(arguments: Namespace) -> str:
    """The folder of a training that is evaluated; "" for none. What is evaluated is `arguments.weights` from here on.

    Raises:
        Refusal: options do not go together, or there is no such folder.
    """
    if arguments.ema and arguments.no_ema:
        raise Refusal("--ema and --no-ema cannot both be")
    if arguments.follow and arguments.logdir is None:
        raise Refusal("--follow needs the folder of a training: --logdir DIR")
    if arguments.logdir is not None and not os.path.isdir(arguments.logdir):
        raise Refusal(f"there is no folder `{arguments.logdir}`")
    if arguments.follow:
        if arguments.step is not None:
            raise Refusal("--follow evaluates every checkpoint, and --step chooses one: leave one out")
        arguments.weights = arguments.logdir
        return str(arguments.logdir)
    arguments.weights = arguments.weights or arguments.logdir
    take_step(arguments)
    return run_folder(arguments.weights)


def _recipe(compilation: Compilation, arguments: Namespace) -> Recipe | None:
    """The recipe with the settings of the command line; None where the training graph has errors, which are printed.

    Raises:
        Refusal: a setting is wrong, or the network has no recipe.
    """
    settings: dict[str, str] = {}
    for given in arguments.settings:
        name, equals, text = given.partition("=")
        key = name.strip().removeprefix("train.")
        if not equals or not key or not text.strip():
            raise Refusal(f"--set {given}: write --set train.key=value, such as --set train.batch=64")
        if key in settings:
            raise Refusal(f"--set train.{key} is given twice")
        settings[key] = text.strip()
    try:
        recipe = compilation.recipe(settings)
    except UsageError as error:
        raise Refusal(f"{arguments.file}: {error}") from error
    if recipe is None:
        training = open_compilation(arguments.file, arguments, training=True)
        print_diagnostics(training.diagnostics, arguments.color)
    return recipe


def _record(folder: str, arguments: Namespace) -> RunRecord | None:
    """The record of the run; where it is followed, it is there with the first checkpoint at the latest."""
    if not folder:
        return None
    if arguments.follow and not load_runtime("slimdsl.runtime.following").found_checkpoints(folder):
        say(visible(f"waiting for the first checkpoint in {folder}"))
        next(load_runtime("slimdsl.runtime.following").new_checkpoints(folder, (), None))
    found: RunRecord | None = load_runtime("slimdsl.runtime.run_record").read_run_record(folder)
    return found


def _taken(folder: str, record: RunRecord | None, arguments: Namespace) -> str:
    """What of a run's record is used, in words; "" for nothing."""
    if record is None:
        return ""
    parts = {
        "data": arguments.data is None and record.data,
        "preprocessing": not arguments.preprocessing and record.preprocessing,
        "labels offset": arguments.labels_offset is None and record.labels_offset,
    }
    taken = [name for name, used in parts.items() if used]
    return (
        f", {' and '.join(filter(None, [', '.join(taken[:-1]), *taken[-1:]]))} of the run `{folder}`" if taken else ""
    )


def _labels_offset(record: RunRecord | None, arguments: Namespace) -> int:
    """What is taken off the labels: what was given, or what was in the training."""
    given: int | None = arguments.labels_offset
    return given if given is not None else record.labels_offset if record else 0


def _follow(job: Evaluation, folder: str, last: int | None) -> bool:
    """Evaluate every checkpoint of a run; whether none was damaged.

    Raises:
        WeightsError, DataError, EngineError: one cannot be evaluated.
        FileWriteError: the log cannot be written.
    """
    following = load_runtime("slimdsl.runtime.following")
    names = [term.name for term in job.recipe.metrics]
    with closing(following.EvaluationLog(folder)) as log:
        done = log.done(names, job.data.source.count)
        for found, row in done.items():
            _print(job, Evaluated(numbers={name: row[name] for name in names}, step=found.step))
        if last is None:
            say("nothing says when the training ends: Ctrl-C ends this")
        first = whole = True
        for found in following.new_checkpoints(folder, done, last):
            try:
                evaluated = _evaluated_checkpoint(job, found, first=first)
            except WeightsError as error:
                if error.diagnostics[0].code != UNREADABLE:
                    raise
                # A run goes on without it, and so does who follows it.
                say(visible(f"slimdsl: {error.diagnostics[0].message}; it is left out"))
                evaluated, whole = None, False
            if evaluated is not None:
                first = False
                log.add(found, evaluated.numbers, job.data.source.count)
                _print(job, evaluated)
    return whole


def _evaluated_checkpoint(job: Evaluation, found: Found, *, first: bool) -> Evaluated | None:
    """What a checkpoint comes to; None where the training has removed it meanwhile.

    Raises:
        WeightsError, DataError, EngineError: it cannot be evaluated.
    """
    job.arguments.weights = found.prefix
    try:
        evaluated = job.evaluated(first=first)
    except (WeightsError, Refusal):
        if os.path.exists(f"{found.prefix}.index"):
            raise
        say(visible(f"{found.prefix} was removed before it was evaluated"))
        return None
    return Evaluated(numbers=evaluated.numbers, step=found.step)


def _print(job: Evaluation, evaluated: Evaluated) -> None:
    from slimdsl.runtime.evaluation import finite

    if job.arguments.json:
        numbers = {name: finite(number) for name, number in evaluated.numbers.items()}
        print(json.dumps({**numbers, "step": evaluated.step, "examples": job.data.source.count}), flush=True)
        return
    step = f"step {count_text(evaluated.step)}: " if evaluated.step is not None else ""
    print(step + ", ".join(f"{name} {number:.6g}" for name, number in evaluated.numbers.items()), flush=True)
