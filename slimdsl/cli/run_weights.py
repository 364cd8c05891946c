"""The checkpoint of a run that is taken: the one that `--step` chooses, or the newest."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from slimdsl.cli.refusal import Refusal, unreadable
from slimdsl.cli.runtime_loading import load_light
from slimdsl.cli.streams import say
from slimdsl.diagnostics.display import visible
from slimdsl.weights.source import WeightsError

BEST = "best"

_MOST_NAMED = 8


def add_step_option(parser: ArgumentParser) -> None:
    """``--step``."""
    parser.add_argument(
        "--step",
        type=_step,
        metavar="N",
        help=f"of a run's folder, take the checkpoint of this step, or `{BEST}`, the one with the lowest loss "
        "(the newest that is whole)",
    )


def take_step(arguments: Namespace) -> None:
    """Let `arguments.weights` name the checkpoint that ``--step`` chooses, where it is given.

    Raises:
        Refusal: the weights are no run's folder, or it has no such checkpoint.
    """
    if arguments.step is None:
        return
    module = load_light("slimdsl.runtime.checkpoints")
    folder = arguments.weights
    steps = module.checkpoint_steps(folder) if os.path.isdir(folder) else []
    if not steps:
        raise Refusal(f"--step {arguments.step} chooses a checkpoint of a run's folder, and `{folder}` is none")
    best = module.read_best(folder)
    if arguments.step == BEST and best is None:
        raise Refusal(f"--step {BEST}: `{folder}` does not say which of its checkpoints is the best")
    step = best.step if arguments.step == BEST else int(arguments.step)
    if step not in steps:
        listed = ", ".join(map(str, steps[-_MOST_NAMED:]))
        before = "…, " if len(steps) > _MOST_NAMED else ""
        raise Refusal(f"--step {step}: `{folder}` has no checkpoint of that step, but of {before}{listed}")
    arguments.weights = module.checkpoint_path(folder, step)


def take_whole(arguments: Namespace) -> None:
    """Let `arguments.weights`, where it is a run's folder, name the newest checkpoint that is whole.

    Newer ones that are damaged are said: a training would go on from this one, too.

    Raises:
        WeightsError: no checkpoint of the run is whole.
        Refusal: one may not be read.
    """
    try:
        taken = load_light("slimdsl.runtime.newest").newest_that_is_whole(arguments.weights)
    except OSError as error:
        raise unreadable(os.fsdecode(error.filename or arguments.weights), error) from error
    for reason in taken.passed_over:
        say(visible(f"slimdsl: {reason}; `{taken.weights}` is taken, the newest checkpoint that is whole"))
    arguments.weights = taken.weights


def newest_of(weights: str) -> str:
    """Of a run's folder its newest checkpoint, whole or not; everything else as it is.

    Raises:
        WeightsError: the checkpoint that the run names as its last is not there.
    """
    # The room is not loaded for a file; a folder of any other making is left to those who read weights.
    return str(load_light("slimdsl.runtime.newest").newest(weights)) if os.path.isdir(weights) else weights


def pointing_to_whole(error: WeightsError, weights: str) -> WeightsError:
    """The error of a run whose newest checkpoint cannot be read, with the newest one that can in its help."""
    if not os.path.isdir(weights):
        return error
    pointing: WeightsError = load_light("slimdsl.runtime.newest").pointing_to_whole(error, weights)
    return pointing


def run_folder(weights: str) -> str:
    """The folder of the run that weights are of; "" where they are of none."""
    return str(load_light("slimdsl.runtime.run_of_weights").run_of(weights))


def _step(text: str) -> str:
    """The argument of ``--step``.

    Raises:
        ArgumentTypeError: it is neither a step nor `BEST`.
    """
    if text != BEST and not re.fullmatch(r"[0-9]{1,18}", text):
        raise ArgumentTypeError(f"must be the number of a step, or {BEST}")
    return text
