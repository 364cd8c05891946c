"""`slimdsl train`: train a network, or go on with a training."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from slimdsl.cli.loading import graph_of, open_compilation
from slimdsl.cli.options import (
    PREPROCESSINGS,
    add_colour_option,
    add_holdout_option,
    add_labels_offset_option,
    add_net_options,
    definitions,
)
from slimdsl.cli.profiling import check_profiled, profile_text, profiled_steps, without_option
from slimdsl.cli.progress import announced
from slimdsl.cli.refusal import Refusal, unreadable
from slimdsl.cli.report import count_text, plural, print_diagnostics
from slimdsl.cli.runtime_loading import load_runtime
from slimdsl.cli.selection import add_selection_options, selection_of, written_selection
from slimdsl.cli.streams import say
from slimdsl.cli.taken_weights import taken_facts
from slimdsl.compiler import Compilation, UsageError
from slimdsl.diagnostics.display import visible
from slimdsl.files import FileWriteError
from slimdsl.recipe.recipe import SETTINGS
from slimdsl.weights.selection import EVERYTHING
from slimdsl.weights.source import WeightsError

if TYPE_CHECKING:
    from slimdsl.recipe.recipe import Recipe
    from slimdsl.runtime.training import Outcome
    from slimdsl.runtime.training_order import Prepared

_OK, _ERRORS, _INTERRUPTED = 0, 1, 130

_COUNTS = ("steps", "epochs", "batch", "log_every")
"""Options that are settings of the recipe too."""


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Train a network as the `train` block of its file says, or by TF-Slim's recipe for classifiers. Without --data "
        "it is trained on handwritten digits; a network with other inputs than images and labels wants an .npz with an "
        "array for every input. The same command goes on where it was interrupted.\n\n"
        "exit codes: 0 trained, 1 errors found, 2 wrong usage, 3 a bug of slimdsl, 130 interrupted and saved; a signal "
        "before the first step ends it with nothing to save: 130 by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP"
    )
    parser.add_argument("file", metavar="FILE", help="a .slim file")
    _add_data_and_recipe(parser)
    _add_step(parser)
    _add_beginning(parser)
    parser.add_argument(
        "--preprocessing",
        metavar="NAME",
        default="",
        help=f"what images go through: {PREPROCESSINGS} (the network's, or the one that suits the data)",
    )
    parser.add_argument("--no-shuffle", dest="shuffle", action="store_false", help="feed the data in their own order")
    parser.add_argument(
        "--profile",
        metavar="A:B",
        help="run TensorFlow's profiler from step A to step B, which count from 1; it changes no step",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything, all data included, take one step and write nothing"
    )
    parser.add_argument("--fresh", action="store_true", help="remove the run in the folder and start anew")
    add_net_options(parser)
    add_colour_option(parser)


def _add_data_and_recipe(parser: ArgumentParser) -> None:
    """What is trained on, where the run is, and the settings of the recipe."""
    parser.add_argument(
        "--data",
        metavar="SPEC",
        default="",
        help="what to train on (digits); `slimdsl data inspect --help` says what it may be",
    )
    add_labels_offset_option(parser, "0")
    add_holdout_option(parser, "a tenth of images in files, a fifth of the digits, nothing of an .npz")
    parser.add_argument("--logdir", metavar="DIR", help="the run's folder (runs/NET)")
    parser.add_argument("--steps", metavar="N", help="steps of the training (the block's, else those of --epochs)")
    parser.add_argument("--epochs", metavar="N", help="passes over the data, instead of --steps (the block's, else 30)")
    batch, log_every = (SETTINGS[name].default for name in ("batch", "log_every"))
    parser.add_argument(
        "--batch", metavar="N", help=f"examples of a step, over all devices (the block's, else {batch})"
    )
    parser.add_argument(
        "--log-every",
        dest="log_every",
        metavar="N",
        help=f"steps between two logged ones (the block's, else {log_every})",
    )
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="train.KEY=VALUE",
        action="append",
        default=[],
        help="set a setting of the recipe to a value of the language, such as "
        "'train.optimizer=momentum(learning_rate=0.01)', train.learning_rate=0.01 or "
        "'train.metric=[accuracy(logits, labels), top_k(logits, labels, k=3)]'; may be repeated. "
        f"The settings are optimizer, learning_rate, loss, metric, {', '.join(SETTINGS)}",
    )


def _add_step(parser: ArgumentParser) -> None:
    """How a step is computed, and where."""
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16", "float16"), default="float32", help="of the step (float32)"
    )
    parser.add_argument("--xla", action="store_true", help="compile the step with XLA")
    parser.add_argument("--no-xla", dest="xla", action="store_false", help="do not compile it (the default)")
    parser.add_argument(
        "--eager",
        action="store_true",
        help="run the step's operations one by one: slow, for a debugger and for errors that name their layer",
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), help="what to run on (a GPU where there is one)")
    parser.add_argument(
        "--strategy",
        choices=("none", "mirrored", "multiworker"),
        default="none",
        help="none: one copy of the step; mirrored: one for each GPU of the machine; multiworker: one for each GPU of "
        "all machines of TF_CONFIG (none)",
    )


def _add_beginning(parser: ArgumentParser) -> None:
    """What the variables begin with, and which of them are trained."""
    parser.add_argument(
        "--init",
        metavar="WEIGHTS",
        help="begin with the values of a file, all that compile --weights takes (`init from` of the block, else first "
        "values)",
    )
    add_selection_options(parser, "--init")
    parser.add_argument(
        "--trainable",
        metavar="SCOPE",
        action="append",
        default=[],
        help="train this scope alone; may be repeated (the block's, else all)",
    )


def run(arguments: Namespace) -> int:
    """Train; the exit code says how it ended."""
    settings = settings_of(arguments)
    selection = selection_of(arguments)
    arguments.profile = profiled_steps(arguments.profile)
    if not arguments.init and selection != EVERYTHING:
        raise Refusal("--ema, --except and --rename are about --init, which is not given")
    if arguments.eager and (arguments.xla or arguments.strategy != "none"):
        other = "--xla" if arguments.xla else f"--strategy {arguments.strategy}"
        raise Refusal(f"--eager runs each operation by itself, and {other} needs the step as a whole: leave one out")
    training = open_compilation(arguments.file, arguments, training=True)
    train_graph = graph_of(training, arguments.file, arguments)
    if train_graph is None:
        return _ERRORS
    eval_graph = graph_of(training.for_inference(), arguments.file, arguments)
    recipe = _recipe(training, arguments.file, settings)
    if eval_graph is None or recipe is None:
        return _ERRORS
    initial = arguments.init or ""
    if not initial and recipe.initial is not None and training.init is not None:
        initial, selection = written_selection(arguments.file, training.init)
    setup = load_runtime("slimdsl.runtime.training_setup")
    wanted = {
        "train_graph": train_graph,
        "eval_graph": eval_graph,
        "recipe": recipe,
        "data": arguments.data,
        "labels_offset": arguments.labels_offset or 0,
        "holdout": arguments.holdout,
        "logdir": arguments.logdir or os.path.join("runs", train_graph.name),
        "parameters": definitions(arguments),
        "initial": initial,
        "selection": selection,
        "preprocessing": arguments.preprocessing,
        "precision": arguments.precision,
        "xla": arguments.xla,
        "eager": arguments.eager,
        "shuffle": arguments.shuffle,
        "fresh": arguments.fresh,
    }
    return _guarded(setup, wanted, arguments)


def settings_of(arguments: Namespace) -> dict[str, str]:
    """The settings that the options give: key -> text of an expression.

    Raises:
        Refusal: one is not written ``train.key=value``, or is given twice.
    """
    found: dict[str, str] = {}
    for given in arguments.settings:
        name, equals, text = given.partition("=")
        key = name.strip()
        if not equals or not key.startswith("train.") or not text.strip():
            raise Refusal(f"--set {given}: write --set train.key=value, such as --set train.batch=64")
        _put(found, key.removeprefix("train."), text.strip(), f"--set {key}")
    for name in _COUNTS:
        text = getattr(arguments, name)
        if text is not None:
            _put(found, name, text, f"--{name.replace('_', '-')}")
    if arguments.trainable:
        if any(set(scope) & set('"\\{}\n') for scope in arguments.trainable):
            raise Refusal("--trainable needs the name of a scope")
        listed = ", ".join(f'"{scope}"' for scope in arguments.trainable)
        _put(found, "trainable", f"[{listed}]", "--trainable")
    return found


def _put(found: dict[str, str], key: str, text: str, option: str) -> None:
    if key in found:
        several = f"; several stand in a list: --set 'train.{key}=[…, …]'" if key in ("loss", "metric") else ""
        raise Refusal(f"{option}: train.{key} is set already{several}")
    found[key] = text


def _recipe(compilation: Compilation, path: str, settings: dict[str, str]) -> Recipe | None:
    try:
        return compilation.recipe(settings)
    except UsageError as error:
        raise Refusal(f"{path}: {error}") from error


def _guarded(setup: Any, wanted: dict[str, Any], arguments: Namespace) -> int:
    """Train, and say what stands in the way."""
    data = load_runtime("slimdsl.runtime.data.errors")
    devices = load_runtime("slimdsl.runtime.devices")
    distribution = load_runtime("slimdsl.runtime.distribution")
    engine_errors = load_runtime("slimdsl.runtime.errors")
    folder = load_runtime("slimdsl.runtime.run_files")
    hunt = load_runtime("slimdsl.runtime.nan_hunt")
    try:
        wanted["device"] = devices.choose_device(arguments.device, several=arguments.strategy != "none")
        wanted["distribution"] = distribution.distribute(arguments.strategy)
        return _train(setup, load_runtime("slimdsl.runtime.training_order").Order(**wanted), arguments)
    except WeightsError as error:
        print_diagnostics(error.diagnostics, arguments.color)
    except (data.MissingDataError, devices.DeviceError, distribution.DistributionError, folder.RunError) as error:
        raise Refusal(str(error)) from error
    except distribution.LostWorkersError as error:
        say(f"slimdsl: {error}")
    except data.DataError as error:
        say(f"slimdsl: {visible(str(error))}")
    except (engine_errors.EngineError, setup.OutOfMemoryError, hunt.NotFiniteError) as error:
        say("\n".join(visible(line) for line in f"slimdsl: {error}".split("\n")))
    except FileWriteError as error:
        raise Refusal(f"{error}; checkpoints that were there before are whole") from error
    except OSError as error:
        if error.filename is None:
            raise
        raise unreadable(os.fsdecode(error.filename), error) from error
    return _ERRORS


def _train(setup: Any, order: Any, arguments: Namespace) -> int:
    with announced("checking the data"):
        prepared = load_runtime("slimdsl.runtime.preparation").prepare_training(order, thorough=arguments.dry_run)
    check_profiled(arguments.profile, prepared)
    if prepared.start is not None and prepared.start >= prepared.steps and not arguments.dry_run:
        say(
            f"`{order.logdir}` has been trained for {plural(prepared.start, 'step')} already: "
            f"--steps takes a larger number, --fresh starts anew"
        )
        return _OK
    for line in _opening_lines(prepared):
        say(visible(line))
    with announced("building the network"):
        engine = setup.make_engine(prepared)
    if arguments.dry_run:
        loss, seconds = setup.try_step(prepared, engine)
        print(f"all is well: the first step was traced in {seconds:.1f} s, its loss is {loss:.4f}; nothing was written")
        return _OK
    profiler = None
    if arguments.profile:
        profiler = load_runtime("slimdsl.runtime.profiling").Profiler(order.logdir, *arguments.profile)
    try:
        outcome = setup.carry_out(prepared, engine, profiler)
    finally:
        if profiler and profiler.written:
            say(profile_text(profiler, order.logdir))
    return _report(prepared, outcome, arguments)


def _opening_lines(prepared: Prepared) -> list[str]:
    folder = prepared.order.logdir
    begin = f"training {prepared.order.train_graph.name} in {folder}"
    if prepared.start is not None:
        begin = f"going on with {folder} from step {count_text(prepared.start)} (model.ckpt-{prepared.start})"
    order, source, per_epoch = prepared.order, prepared.source, prepared.steps_per_epoch
    copies = f", {order.distribution.text}" if order.distribution.text else ""
    way = ", XLA" if order.xla else ", eager" if order.eager else ""
    examples = f"{plural(source.count, 'example')} of {source.kind}, {source.split_note or source.split}"
    length = f"{plural(prepared.steps, 'step')} of {order.recipe.batch}, {per_epoch:,.4g} steps an epoch"
    return [
        f"{begin}, on {order.device}{copies}, {order.precision}{way}",
        f"  {examples}; {prepared.feed.text(prepared.preprocessing)}",
        f"  {length}",
        *(f"  {label}: {text}" for label, text in _initial_facts(prepared)),
        *(f"  damaged: {each.reason}; its files are put aside" for each in prepared.found.damaged),
        *(f"  changed: {change}" for change in prepared.found.changed),
    ]


def _initial_facts(prepared: Prepared) -> Iterable[tuple[str, str]]:
    """What is taken of the file that the training begins with."""
    return taken_facts(prepared.initial, prepared.order.recipe.seed) if prepared.initial is not None else ()


def _report(prepared: Prepared, outcome: Outcome, arguments: Namespace) -> int:
    folder = prepared.order.logdir
    if outcome.interrupted:
        say(
            f"interrupted by {outcome.interrupted} and saved at step {count_text(outcome.step)} of "
            f"{count_text(prepared.steps)}; it goes on by:\n  {_command(outcome.step, arguments.profile)}"
        )
        return _INTERRUPTED
    best = f"; the best is model.ckpt-{outcome.best}" if outcome.best is not None else ""
    print(f"trained for {plural(outcome.step, 'step')}: {folder}/model.ckpt-{outcome.step}{best}")
    print(f"  evaluate     {shlex.join(['slimdsl', 'evaluate', arguments.file, *_net(arguments), '--logdir', folder])}")
    print(f"  TensorBoard  tensorboard --logdir {shlex.quote(folder)}")
    return _OK


def _net(arguments: Namespace) -> list[str]:
    """The options that choose the net and give it its parameters."""
    chosen = ["--net", arguments.net] if arguments.net else []
    return chosen + [word for given in arguments.definitions for word in ("-D", given)]


def _command(done: int, profiled: tuple[int, int] | None) -> str:
    """The command line that goes on with this run."""
    given = sys.argv[1:]
    # Steps that are done cannot be profiled any more.
    if profiled and profiled[0] <= done:
        given = without_option(given)
    return shlex.join(["slimdsl", *(argument for argument in given if argument != "--fresh")])
