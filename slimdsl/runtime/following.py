"""Following a training: its checkpoints as they appear, and a log of what evaluating them came to."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slimdsl.files import FileWriteError, explained
from slimdsl.runtime.checkpoints import checkpoint_path, checkpoint_steps
from slimdsl.runtime.logs import EventLog, cut_back
from slimdsl.values import Value, value
from slimdsl.weights.bundle_writer import INDEX_SUFFIX

LOG_FILE = "eval.jsonl"
"""Beside `metrics.jsonl`: a row for each checkpoint that was evaluated."""

EVENTS_FOLDER = "eval"
"""Below the run's folder, so that TensorBoard shows the same metric of training and evaluation in one chart."""

_POLL = 1.0
_SAVED = "saved"


class RunGoneError(Exception):
    """The folder of the training has been removed; the message says so."""


@value
class Found(Value):
    """A checkpoint: its step, its prefix, and when it was written, by which it is told from one of an earlier run."""

    step: int
    prefix: str
    saved: float


def found_checkpoints(folder: str) -> list[Found]:
    """The checkpoints in a folder, by their steps."""
    found = []
    for step in checkpoint_steps(folder):
        prefix = checkpoint_path(folder, step)
        try:
            saved = os.stat(prefix + INDEX_SUFFIX).st_mtime
        except FileNotFoundError:
            # The training has removed it since.
            continue
        found.append(Found(step=step, prefix=prefix, saved=saved))
    return found


def new_checkpoints(folder: str, done: Iterable[Found], last: int | None, poll: float = _POLL) -> Iterator[Found]:
    """The checkpoints of a training as they appear, until that of its last step; for ever where that is not known.

    Args:
        folder: the run's folder.
        done: those that are not wanted again.
        last: the step at which the training ends.
        poll: seconds between two looks at the folder.

    Raises:
        RunGoneError: the folder is not there any more.
    """
    seen = set(done)
    while True:
        present = found_checkpoints(folder)
        if not os.path.isdir(folder):
            raise RunGoneError(f"`{folder}` has been removed, so nothing is left to follow")
        for found in present:
            if found not in seen:
                seen.add(found)
                yield found
        if last is not None and any(found.step >= last for found in present):
            return
        time.sleep(poll)


class EvaluationLog:
    """Rows in `eval.jsonl` and scalars for TensorBoard, appended as they come.

    Args:
        folder: the run's folder.

    Raises:
        FileWriteError: it cannot be written to.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(folder, LOG_FILE)
        self._open()

    def _open(self) -> None:
        try:
            # Rows of later steps are those of an earlier run.
            cut_back(self._path, max(checkpoint_steps(self._folder), default=0))
            events = os.path.join(self._folder, EVENTS_FOLDER)
            os.makedirs(events, exist_ok=True)
            self._events = EventLog(events, 0)
            # One call writes a row, so that a kill leaves at most its end.
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise explained(self._path, error) from None

    def _open_anew(self) -> None:
        """Open the files again where `train --fresh` has removed them with the run that they were of.

        Raises:
            RunGoneError: the folder is not there any more.
            FileWriteError: it cannot be written to.
        """
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            there = None
        if there is not None and os.path.samestat(there, os.fstat(self._file.fileno())):
            return
        if not os.path.isdir(self._folder):
            raise RunGoneError(f"`{self._folder}` has been removed, so nothing is left to follow")
        self.close()
        self._open()

    def done(self, names: Iterable[str], examples: int) -> dict[Found, dict[str, float]]:
        """The checkpoints of the folder that have a row with these metrics over as many examples, and the rows."""
        wanted = set(names)
        rows = {
            (row.get("step"), row.get(_SAVED)): {**row, **{name: _number(row[name]) for name in wanted}}
            for row in _rows(self._path)
            if wanted <= row.keys() and row.get("examples") == examples
        }
        folder = os.path.dirname(self._path)
        return {found: rows[key] for found in found_checkpoints(folder) if (key := (found.step, found.saved)) in rows}

    def add(self, found: Found, numbers: Mapping[str, float], examples: int) -> None:
        """Append what a checkpoint came to.

        Raises:
            FileWriteError: the disk is full.
            RunGoneError: the folder has been removed.
        """
        self._open_anew()
        # JSON has neither NaN nor infinities.
        known = {name: number if math.isfinite(number) else None for name, number in numbers.items()}
        row = {"step": found.step, **known, "examples": examples, _SAVED: found.saved}
        try:
            self._file.write((json.dumps(row) + "\n").encode())
        except OSError as error:
            raise FileWriteError(self._path, error.errno, error.strerror or "unknown reason") from None
        self._events.scalars(found.step, {f"metrics/{name}": number for name, number in numbers.items()})
        self._events.flush()

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._events.close()


def _number(logged: float | None) -> float:
    """A metric as it was before it was written as JSON."""
    return math.nan if logged is None else logged


def _rows(path: str) -> Iterator[dict[str, Any]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row
