"""The files that runs write into their folders: which there are, and how they are removed again."""

from __future__ import annotations

import os
import re

from slimdsl.runtime.checkpoints import BEST_FILE, PREFIX, checkpoint_steps, remove_checkpoint
from slimdsl.runtime.damage import ASIDE
from slimdsl.runtime.following import EVENTS_FOLDER, LOG_FILE
from slimdsl.runtime.logs import EVENTS_PREFIX, METRICS_FILE
from slimdsl.runtime.profiling import remove_profiles
from slimdsl.weights.bundle_writer import DATA_SUFFIX, INDEX_SUFFIX
from slimdsl.weights.checkpoint_state import STATE_FILE

RECIPE_TEXT_FILE = "recipe.slim"

_FILES = frozenset({RECIPE_TEXT_FILE, METRICS_FILE, BEST_FILE, STATE_FILE})
_CHECKPOINT = re.compile(
    rf"({re.escape(ASIDE)})?{re.escape(PREFIX)}\d+({re.escape(DATA_SUFFIX)}|{re.escape(INDEX_SUFFIX)})\Z"
)


class RunError(Exception):
    """The folder cannot be used for this run; the message says why and what to do."""


def written_by_runs(folder: str) -> list[str]:
    """The names of the files in a folder that are called as those that a run writes, but for its record."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if name in _FILES or name.startswith(EVENTS_PREFIX) or _CHECKPOINT.match(name))


def remove_run(folder: str) -> None:
    """Remove what a run has left, also in its evaluations and profiles; its record stays, by which it is known as one.

    Raises:
        RunError: something cannot be removed.
    """
    try:
        for step in checkpoint_steps(folder):
            remove_checkpoint(folder, step)
        for name in written_by_runs(folder):
            os.unlink(os.path.join(folder, name))
        _remove_evaluations(folder)
        remove_profiles(folder)
    except OSError as error:
        raise not_removed(folder, error) from error


def not_removed(folder: str, error: OSError) -> RunError:
    """The error of what stays where it should go."""
    name = os.fsdecode(error.filename) if error.filename is not None else folder
    reason = error.strerror or "unknown reason"
    return RunError(f"cannot remove `{name}`: {reason[:1].lower()}{reason[1:]}; --logdir names another folder")


def _remove_evaluations(folder: str) -> None:
    log, events = os.path.join(folder, LOG_FILE), os.path.join(folder, EVENTS_FOLDER)
    if os.path.lexists(log):
        os.unlink(log)
    if not os.path.isdir(events) or os.path.islink(events):
        return
    for name in os.listdir(events):
        if name.startswith(EVENTS_PREFIX):
            os.unlink(os.path.join(events, name))
    if not os.listdir(events):
        os.rmdir(events)
