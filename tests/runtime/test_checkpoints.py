"""Checkpoints of a run: TensorFlow and slimdsl read them; the last few and the best stay; a failure keeps the old."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.files import FileWriteError
from slimdsl.runtime.checkpoints import (
    Best,
    Checkpoints,
    checkpoint_steps,
    clear_leftovers,
    first_not_finite,
    read_best,
)
from slimdsl.weights.opening import open_weights


def _values(number: float) -> dict[str, Any]:
    return {
        "net/conv1/weights": np.full([3, 2], number, np.float32),
        "net/conv1/weights/Momentum": np.arange(6, dtype=np.float32).reshape(3, 2) * number,
        "half": np.array([number], tf.bfloat16.as_numpy_dtype),
        "global_step": np.array(int(number), np.int64),
    }


def test_tensorflow_finds_and_reads_the_latest(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path), keep=5)
    for step in (1, 2):
        checkpoints.save(step, _values(step))
    checkpoints.wait()
    latest = tf.train.latest_checkpoint(str(tmp_path))
    assert latest == str(tmp_path / "model.ckpt-2")
    reader = tf.train.load_checkpoint(latest)
    assert reader.get_variable_to_shape_map() == {name: list(v.shape) for name, v in _values(2).items()}
    for name, value in _values(2).items():
        np.testing.assert_array_equal(reader.get_tensor(name), value)
    assert tf.train.get_checkpoint_state(str(tmp_path)).all_model_checkpoint_paths == [
        str(tmp_path / "model.ckpt-1"),
        str(tmp_path / "model.ckpt-2"),
    ]


def test_slimdsl_reads_the_folder(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path), keep=5)
    checkpoints.save(7, _values(7))
    checkpoints.wait()
    with open_weights(str(tmp_path)) as file:
        assert sorted(file.tensors) == sorted(_values(7))


def test_the_last_ones_and_the_best_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path), keep=2)
    for step, loss in ((0, None), (10, 3.0), (20, 0.5), (30, 1.0), (40, 0.75), (50, float("nan"))):
        checkpoints.save(step, _values(step), loss)
    checkpoints.wait()
    assert checkpoint_steps(str(tmp_path)) == [20, 40, 50]
    assert checkpoints.best == read_best(str(tmp_path)) == Best(20, 0.5)
    assert json.loads((tmp_path / "best.json").read_text()) == {"step": 20, "total_loss": 0.5}
    # Whoever goes on knows it, and a better one takes its place.
    later = Checkpoints(str(tmp_path), keep=2)
    later.save(60, _values(60), 0.25)
    later.wait()
    assert checkpoint_steps(str(tmp_path)) == [50, 60]


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path), keep=2)
    checkpoints.save(1, _values(1))
    checkpoints.wait()
    with _small_files(1 << 12):
        checkpoints.save(2, {"w": np.zeros([10_000], np.float32)})
        with pytest.raises(FileWriteError, match=r"cannot write `.*model\.ckpt-2"):
            checkpoints.wait()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint",
        "model.ckpt-1.data-00000-of-00001",
        "model.ckpt-1.index",
    ]
    assert tf.train.load_checkpoint(str(tmp_path)).get_tensor("global_step") == 1


def test_what_a_kill_leaves_is_removed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(str(tmp_path), keep=2)
    checkpoints.save(1, _values(1))
    checkpoints.wait()
    half = [".model.ckpt-2.index.123-0.slimdsl-tmp", "model.ckpt-2.data-00000-of-00001", "model.ckpt-3.index"]
    for name in half:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "model.ckpt-notes.txt").write_text("of somebody")
    clear_leftovers(str(tmp_path))
    assert not any((tmp_path / name).exists() for name in half)
    assert (tmp_path / "model.ckpt-notes.txt").exists()
    assert checkpoint_steps(str(tmp_path)) == [1]


@pytest.mark.parametrize("text", ["", "[]", '{"step": "x"}', '{"step": 3, "total_loss": 1.0}'])
def test_a_damaged_record_of_the_best_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "best.json").write_text(text)
    assert read_best(str(tmp_path)) is None


def test_the_first_value_that_is_not_finite() -> None:
    half = np.array([1.0, np.inf], tf.bfloat16.as_numpy_dtype)
    assert first_not_finite(_values(1)) == ""
    assert first_not_finite({**_values(1), "bad": np.array([np.nan], np.float32)}) == "bad"
    assert first_not_finite({"step": np.array(3), "half": half}) == "half"


@contextmanager
def _small_files(size: int) -> Iterator[None]:
    """No file may grow beyond a size while the block runs: what writes more is told so, as by a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
