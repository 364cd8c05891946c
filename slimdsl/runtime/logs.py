"""What a run leaves to be looked at: `metrics.jsonl`, and TensorBoard's event files.

Event files are records of TensorFlow's own protocol messages, so nothing but TensorFlow writes them; looking at them
takes the tensorboard package.
"""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import summary_pb2
from tensorflow.core.util import event_pb2

from slimdsl.files import FileWriteError, explained, replace_file, write_all

METRICS_FILE = "metrics.jsonl"
EVENTS_PREFIX = "events.out.tfevents."

_BINS = 30
_STEP_KEY = "step"


class MetricsFile:
    """A row of numbers for each logged step, in full precision, appended and on the disk when `row` returns.

    Args:
        folder: the run's folder.
        start: the step that the run goes on from: rows of later steps, which are made again, are removed.

    Raises:
        FileWriteError: it cannot be written to.
    """

    def __init__(self, folder: str, start: int) -> None:
        self.path = os.path.join(folder, METRICS_FILE)
        try:
            cut_back(self.path, start)
            # Unbuffered: a row is written by one call, so a kill leaves whole rows, but for a full disk.
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise explained(self.path, error) from error

    def row(self, step: int, numbers: Mapping[str, float]) -> None:
        """Append the row of a step.

        Raises:
            FileWriteError: the disk is full.
        """
        # JSON has no NaN; a metric of nothing is one.
        known = {name: number if math.isfinite(number) else None for name, number in numbers.items()}
        try:
            write_all(self._file.fileno(), (json.dumps({_STEP_KEY: step, **known}) + "\n").encode())
        except OSError as error:
            raise explained(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def cut_back(path: str, step: int) -> None:
    """Remove the rows of later steps than this, and one that was cut off by a kill."""
    try:
        with open(path, "rb") as file:
            lines = file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return
    kept = [line for line in lines if _step_of(line) in range(step + 1)]
    if kept != lines:
        with replace_file(path) as descriptor:
            write_all(descriptor, b"".join(kept))


def _step_of(line: bytes) -> int:
    """The step of a row; -1 where it is none."""
    try:
        row = json.loads(line)
    except ValueError:
        return -1
    step = row.get(_STEP_KEY) if isinstance(row, dict) and line.endswith(b"\n") else None
    return step if isinstance(step, int) else -1


class EventLog:
    """An event file of TensorBoard.

    Args:
        folder: the run's folder.
        start: the step that the run goes on from: TensorBoard forgets what earlier files have of later steps.
        name: of the file; "" for one of its own, after those of before.

    Raises:
        FileWriteError: it cannot be written.
    """

    def __init__(self, folder: str, start: int, *, name: str = "") -> None:
        own = f"{EVENTS_PREFIX}{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{time.time_ns() % 10**9}"
        self.path = os.path.join(folder, name or own)
        try:
            self._writer = tf.io.TFRecordWriter(self.path)
        except tf.errors.OpError as error:
            raise self._failed(error) from error
        self._write(event_pb2.Event(file_version="brain.Event:2"))
        if start:
            begin = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(event_pb2.Event(step=start + 1, session_log=begin))

    def scalars(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write numbers of a step."""
        values = [summary_pb2.Summary.Value(tag=tag, simple_value=number) for tag, number in numbers.items()]
        self.summary(step, values)

    def summary(self, step: int, values: Sequence[Any]) -> None:
        """Write values of a summary, TensorFlow's messages."""
        self._write(event_pb2.Event(step=step, summary=summary_pb2.Summary(value=values)))

    def histograms(self, step: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write how the finite numbers of arrays are spread."""
        values = []
        for tag, array in arrays.items():
            numbers = np.asarray(array, np.float64).reshape(-1)
            numbers = numbers[np.isfinite(numbers)]
            if len(numbers):
                values.append(summary_pb2.Summary.Value(tag=tag, histo=_histogram(numbers)))
        self.summary(step, values)

    def graph(self, definition: bytes) -> None:
        """Write a graph: the bytes of a GraphDef."""
        self._write(event_pb2.Event(graph_def=definition))

    def flush(self) -> None:
        """Let readers see what was written.

        Raises:
            FileWriteError: the disk is full.
        """
        try:
            self._writer.flush()
        except tf.errors.OpError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the file; what could not be written was said before."""
        try:
            self._writer.close()
        except tf.errors.OpError:
            return

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        try:
            self._writer.write(event.SerializeToString())
        except tf.errors.OpError as error:
            raise self._failed(error) from error

    def _failed(self, error: tf.errors.OpError) -> FileWriteError:
        # TensorFlow says a full disk and a full memory by the same class.
        return FileWriteError(self.path, None, str(error.message).rpartition(";")[2].strip() or type(error).__name__)


class Unwritten:
    """Stands for a `MetricsFile` or an `EventLog` in processes that write nothing."""

    def row(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write nothing."""

    def scalars(self, step: int, numbers: Mapping[str, float]) -> None:
        """Write nothing."""

    def summary(self, step: int, values: Sequence[Any]) -> None:
        """Write nothing."""

    def histograms(self, step: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write nothing."""

    def graph(self, definition: bytes) -> None:
        """Write nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _histogram(numbers: npt.NDArray[np.float64]) -> Any:
    counts, edges = np.histogram(numbers, bins=_BINS)
    return summary_pb2.HistogramProto(
        min=np.min(numbers),
        max=np.max(numbers),
        num=len(numbers),
        sum=numbers.sum(),
        sum_squares=np.square(numbers).sum(),
        bucket_limit=edges[1:],
        bucket=counts,
    )
