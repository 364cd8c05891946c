"""Which checkpoint the folder of a run stands for: the newest one by its files, as a training goes on from it.

The file `checkpoint` may be behind: a kill can come between a checkpoint and the line that names it. Needs no
TensorFlow.
"""

from __future__ import annotations

import os

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.runtime.checkpoints import PREFIX, checkpoint_path, checkpoint_steps
from slimdsl.runtime.damage import newest_whole
from slimdsl.runtime.record_file import read_record
from slimdsl.values import Value, fields_of, positional
from slimdsl.weights.checkpoint_state import find_checkpoint
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import UNREADABLE


@positional
class Taken(Value):
    """The weights that are taken, as `open_weights` wants them, and why newer ones are not, each in words."""

    weights: str
    passed_over: tuple[str, ...]


def is_run(weights: str) -> bool:
    """Whether weights are the folder of a run, and not one checkpoint of it."""
    return os.path.isdir(weights) and read_record(weights) is not None


def newest(weights: str) -> str:
    """Of a run's folder the prefix of its newest checkpoint, whole or not; everything else as it is.

    Raises:
        WeightsError: the checkpoint that the run's file `checkpoint` names is not there.
    """
    if not is_run(weights):
        return weights
    steps = _steps(weights)
    return checkpoint_path(weights, max(steps)) if steps else weights


def newest_that_is_whole(weights: str) -> Taken:
    """Of a run's folder the newest checkpoint all of whose checksums are right; everything else as it is.

    Raises:
        WeightsError: no checkpoint of the run is whole.
        OSError: a file may not be read.
    """
    if not is_run(weights):
        return Taken(weights, ())
    lost: tuple[str, ...] = ()
    try:
        steps = _steps(weights)
    except WeightsError as error:
        steps, lost = set(checkpoint_steps(weights)), (error.diagnostics[0].message,)
    step, damaged = newest_whole(weights, steps)
    reasons = (*lost, *(each.reason for each in damaged))
    if step is not None:
        return Taken(checkpoint_path(weights, step), reasons)
    if not damaged:
        # Whoever opens the folder says that there is none.
        return Taken(weights, ())
    help = "no checkpoint of the run is whole"
    raise WeightsError((Diagnostic(code=UNREADABLE, message=reasons[0], span=None, help=help),))


def pointing_to_whole(error: WeightsError, weights: str) -> WeightsError:
    """The error of a run whose newest checkpoint cannot be read, with the newest one that can in its help.

    Args:
        error: what came of opening or reading it.
        weights: as they were given; where they are no run's folder, the error stays as it is.
    """
    first = error.diagnostics[0]
    if first.code != UNREADABLE or not is_run(weights):
        return error
    try:
        taken = newest_that_is_whole(weights)
    except (WeightsError, OSError):
        # The first error is the one to tell.
        return error
    if not taken.passed_over:
        return error
    given = {name: getattr(first, name) for name in fields_of(first)}
    help = f"the newest checkpoint of the run that is whole is `{taken.weights}`: name that"
    return WeightsError((Diagnostic(**{**given, "help": help}), *error.diagnostics[1:]))


def _steps(folder: str) -> set[int]:
    """The steps of a run's checkpoints; that of the one which its file `checkpoint` names also where files of it lack.

    Raises:
        WeightsError: nothing of the one that is named is there.
    """
    steps = set(checkpoint_steps(folder))
    named = find_checkpoint(folder)
    if named is not None:
        step = os.path.basename(named.prefix).removeprefix(PREFIX)
        if step.isdecimal() and checkpoint_path(folder, int(step)) == named.prefix:
            steps.add(int(step))
    return steps
