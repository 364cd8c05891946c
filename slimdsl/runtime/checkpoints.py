"""Checkpoints of a run: written in the background from copies, whole or not at all; the last few and the best are kept.

A checkpoint is name-keyed, as `tf.train.Saver` writes it, so `tf.train.latest_checkpoint`, TF-Slim and slimdsl's own
readers find and read it. The file `checkpoint` names it only once all of it is on the disk.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdsl.files import TEMPORARY_SUFFIX, replace_file, write_all
from slimdsl.types import DType
from slimdsl.values import Value, positional
from slimdsl.weights.bundle_writer import DATA_SUFFIX, INDEX_SUFFIX, Written, write_bundle
from slimdsl.weights.checkpoint_state import STATE_FILE
from slimdsl.weights.source import Sink
from slimdsl.weights.stored import StoredTensor

Array = npt.NDArray[Any]

PREFIX = "model.ckpt-"
"""What the names of checkpoints begin with; the step follows."""

BEST_FILE = "best.json"
"""Which checkpoint is the best, and its loss."""

_INDEX = re.compile(re.escape(PREFIX) + r"(\d{1,18})" + re.escape(INDEX_SUFFIX) + r"\Z")


@positional
class Best(Value):
    """The checkpoint with the lowest loss: its step, and the mean of the total loss over the steps before it."""

    step: int
    loss: float


def checkpoint_path(folder: str, step: int) -> str:
    """The prefix of a step's checkpoint."""
    return os.path.join(folder, f"{PREFIX}{step}")


def checkpoint_steps(folder: str) -> list[int]:
    """The steps of the checkpoints in a folder whose files are both there, in ascending order."""
    try:
        names = set(os.listdir(folder))
    except FileNotFoundError:
        return []
    found = (_INDEX.match(name) for name in names)
    return sorted(int(match[1]) for match in found if match and f"{PREFIX}{match[1]}{DATA_SUFFIX}" in names)


def latest_step(folder: str) -> int | None:
    """The step of the last checkpoint; None where there is none."""
    return max(checkpoint_steps(folder), default=None)


def first_not_finite(values: Mapping[str, Array]) -> str:
    """The name of the first array with a NaN or an infinity in it; "" where all are finite."""
    for name, array in values.items():
        if not np.issubdtype(array.dtype, np.integer) and array.dtype != bool and not np.all(np.isfinite(array)):
            return name
    return ""


class Checkpoints:
    """Writes the checkpoints of a run.

    Args:
        folder: where they go; it must be there.
        keep: how many of the last ones are kept, besides the best.

    Attributes:
        best: the best of them; None where there is none.
        stuck: why the first one that should have been removed could not be; "" where all could.
    """

    def __init__(self, folder: str, keep: int) -> None:
        self.folder = folder
        self._keep = keep
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self.best = read_best(folder)
        self.stuck = ""

    def save(self, step: int, values: Mapping[str, Array], loss: float | None = None) -> None:
        """Begin to write a checkpoint; the one before it is finished first.

        Args:
            step: its step.
            values: name -> value, which nobody changes afterwards.
            loss: the mean of the total loss over the steps since the checkpoint before that had one; None where there
                were none, or where this one is not to be the best.

        Raises:
            FileWriteError, WeightsError: an earlier one could not be written.
        """
        self.wait()
        self._thread = threading.Thread(target=self._run, args=(step, dict(values), loss), name="checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Wait until what was begun is on the disk.

        Raises:
            FileWriteError, WeightsError: it could not be written; the checkpoints before it are as they were.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self, step: int, values: Mapping[str, Array], loss: float | None) -> None:
        try:
            self._write(step, values, loss)
        except BaseException as error:  # It is raised where somebody waits.
            self._error = error

    def _write(self, step: int, values: Mapping[str, Array], loss: float | None) -> None:
        write_bundle(checkpoint_path(self.folder, step), [_written(name, values[name]) for name in sorted(values)])
        if loss is not None and np.isfinite(loss) and (self.best is None or loss < self.best.loss):
            self.best = Best(step, loss)
            _write_text(os.path.join(self.folder, BEST_FILE), json.dumps({"step": step, "total_loss": loss}) + "\n")
        self._name_and_clear()

    def _name_and_clear(self) -> None:
        """Name the checkpoints that stay, then remove the others, so that nothing names one that is gone."""
        steps = checkpoint_steps(self.folder)
        kept = set(steps[-self._keep :])
        if self.best is not None:
            kept.add(self.best.step)
        write_state(self.folder, [step for step in steps if step in kept])
        for step in steps:
            if step not in kept:
                self._remove(step)

    def _remove(self, step: int) -> None:
        try:
            remove_checkpoint(self.folder, step)
        except OSError as error:
            # It only takes room; the next time it is tried again.
            name = checkpoint_path(self.folder, step)
            self.stuck = self.stuck or f"cannot remove `{name}`: {error.strerror or 'unknown reason'}"


def write_state(folder: str, steps: list[int]) -> None:
    """Write the file that names the checkpoints, the last of which is the latest."""
    lines = [f'model_checkpoint_path: "{PREFIX}{steps[-1]}"\n']
    lines += [f'all_model_checkpoint_paths: "{PREFIX}{step}"\n' for step in steps]
    _write_text(os.path.join(folder, STATE_FILE), "".join(lines))


def remove_checkpoint(folder: str, step: int) -> None:
    """Remove a checkpoint: its index first, without which it is none."""
    for suffix in (INDEX_SUFFIX, DATA_SUFFIX):
        try:
            os.unlink(checkpoint_path(folder, step) + suffix)
        except FileNotFoundError:
            pass


def clear_leftovers(folder: str) -> None:
    """Remove what a killed run has left of a checkpoint: unfinished files, and data without an index."""
    whole = {f"{PREFIX}{step}" for step in checkpoint_steps(folder)}
    for name in os.listdir(folder):
        unfinished = name.startswith(f".{PREFIX}") and name.endswith(TEMPORARY_SUFFIX)
        half = re.match(rf"({re.escape(PREFIX)}\d+)({re.escape(DATA_SUFFIX)}|{re.escape(INDEX_SUFFIX)})\Z", name)
        if unfinished or (half and half[1] not in whole):
            os.unlink(os.path.join(folder, name))


def read_best(folder: str) -> Best | None:
    """The best checkpoint so far, as far as it is still there."""
    try:
        with open(os.path.join(folder, BEST_FILE), encoding="utf-8") as file:
            said = json.load(file)
        best = Best(int(said["step"]), float(said["total_loss"]))
    except (OSError, ValueError, KeyError, TypeError):
        # It says no more than which one is not to be removed.
        return None
    return best if best.step in checkpoint_steps(folder) else None


def _written(name: str, array: Array) -> Written:
    ordered = np.asarray(array, order="C")
    stored = StoredTensor(name=name, dtype=DType(ordered.dtype.name), shape=ordered.shape)

    def write(sink: Sink) -> None:
        # As bytes, because bfloat16 has no buffer format.
        sink(ordered.reshape(-1).view(np.uint8).data)

    return stored, write


def _write_text(path: str, text: str) -> None:
    with replace_file(path) as descriptor:
        write_all(descriptor, text.encode())
