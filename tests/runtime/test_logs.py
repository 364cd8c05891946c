"""What a run leaves to be looked at: rows of numbers, event files, and the line of progress."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import summary_pb2
from tensorflow.core.util import event_pb2

from slimdsl.files import FileWriteError
from slimdsl.runtime.logs import EventLog, MetricsFile
from slimdsl.runtime.progress import FIRST_STEPS, Progress, Status, status_text


def _events(folder: Path) -> list[Any]:
    (path,) = folder.glob("events.out.tfevents.*")
    return [event_pb2.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]


def test_rows_have_full_precision(tmp_path: Path) -> None:
    metrics = MetricsFile(str(tmp_path), 0)
    metrics.row(10, {"total_loss": 0.1 + 0.2, "learning_rate": float(np.float32(0.001))})
    metrics.close()
    (row,) = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert row == {"step": 10, "total_loss": 0.30000000000000004, "learning_rate": 0.0010000000474974513}


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    metrics = MetricsFile(str(tmp_path), 0)
    metrics.row(1, {"metrics/mean_iou": float("nan")})
    metrics.close()
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1, "metrics/mean_iou": null}\n'


def test_rows_after_the_checkpoint_and_torn_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n[]\n\x00\n{"step": 2')
    metrics = MetricsFile(str(tmp_path), 2)
    metrics.row(3, {"total_loss": 1.0})
    metrics.close()
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3, "total_loss": 1.0}\n'


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    metrics = MetricsFile.__new__(MetricsFile)
    metrics.path, metrics._file = "metrics.jsonl", open("/dev/full", "ab", buffering=0)  # noqa: SLF001, SIM115
    with pytest.raises(FileWriteError, match=r"cannot write `metrics\.jsonl`: no space left on device"):
        metrics.row(1, {})
    metrics.close()


def test_event_files_are_tensorboards(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), 0)
    log.graph(b"\x12\x00")
    log.scalars(5, {"total_loss": 0.5, "learning_rate": 0.1})
    log.histograms(6, {"weights/w": np.array([[0.0, 1.0], [3.0, np.nan]], np.float32), "none": np.zeros([0])})
    log.close()
    version, graph, scalars, histograms = _events(tmp_path)
    assert version.file_version == "brain.Event:2"
    assert graph.graph_def == b"\x12\x00"
    assert scalars.step == 5
    assert {v.tag: pytest.approx(v.simple_value) for v in scalars.summary.value} == {
        "total_loss": 0.5,
        "learning_rate": 0.1,
    }
    (value,) = histograms.summary.value
    assert (histograms.step, value.tag, value.histo.num, value.histo.max) == (6, "weights/w", 3, 3)
    assert sum(value.histo.bucket) == 3
    assert value.histo.bucket_limit[-1] == 3


def test_an_event_file_with_a_name(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path), 0, name="events.out.tfevents.0.mine")
    log.summary(7, [summary_pb2.Summary.Value(tag="a", simple_value=2.0)])
    log.flush()
    version, event = _events(tmp_path)
    assert version.file_version == "brain.Event:2"
    assert (event.step, event.summary.value[0].tag, event.summary.value[0].simple_value) == (7, "a", 2)
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["events.out.tfevents.0.mine"]


def test_tensorboard_reads_them(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    first = EventLog(str(tmp_path), 0)
    for step in (1, 2, 3, 4):
        first.scalars(step, {"loss": step})
    first.close()
    # A run that goes on from step 2 makes its later steps anew.
    second = EventLog(str(tmp_path), 2)
    second.scalars(3, {"loss": 30})
    second.histograms(3, {"w": np.array([1.0, 2.0])})
    second.close()
    found = accumulator.EventAccumulator(str(tmp_path))
    found.Reload()
    assert [(event.step, event.value) for event in found.Scalars("loss")] == [(1, 1), (2, 2), (3, 30)]
    assert found.Histograms("w")[0].histogram_value.num == 2


def _status(step: int) -> Status:
    return Status(
        step=step,
        steps=20_000,
        epoch=1.5,
        numbers={"loss": 0.123456, "accuracy": 0.9},
        learning_rate=0.01,
        images_per_second=1234.5,
        waiting=0.034,
        seconds_left=3723.4,
    )


def test_the_line() -> None:
    expected = (
        "step 1,200/20,000  epoch 1.50  loss 0.1235  accuracy 0.9  lr 0.01  1,234 images/s  "
        "waiting for data 3%  ETA 1:02:03"
    )
    assert status_text(_status(1200)) == expected


def test_plain_lines_come_now_and_then_and_at_the_end() -> None:
    stream, now = io.StringIO(), [0.0]
    progress = Progress(stream, lambda: now[0])
    for second in range(8):
        now[0] = float(second)
        progress.show(_status(second), last=second == 7)
    progress.close()
    assert [line.split("/")[0] for line in stream.getvalue().splitlines()] == ["step 0", "step 5", "step 7"]


def test_it_is_said_that_the_first_steps_take_a_while() -> None:
    said = threading.Event()

    class Stream(io.StringIO):
        def flush(self) -> None:
            said.set()

    stream = Stream()
    Progress(stream, patience=0.0)
    assert said.wait(60)
    assert stream.getvalue() == f"{FIRST_STEPS}\n"


@pytest.mark.parametrize("end", [lambda progress: progress.show(_status(1)), Progress.close], ids=["shown", "closed"])
def test_nothing_is_said_of_them_once_they_are_taken(end: Callable[[Progress], None]) -> None:
    end(Progress(io.StringIO(), patience=3600.0))
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(60)
            assert not thread.is_alive()


def test_a_stream_that_is_gone_does_not_matter() -> None:
    stream = io.StringIO()
    stream.close()
    Progress(stream).show(_status(1))


def test_a_terminal_that_is_gone_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    there, here = os.openpty()
    stream = os.fdopen(here, "w")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress()
    progress.show(_status(1))
    os.close(there)
    progress.show(_status(2))
    progress.close()
    # What could not be written is still in the buffer.
    with pytest.raises(OSError, match="error"):
        stream.close()
