"""What a GPU computes is what the CPU does; without one all of it is skipped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.recipe.optimizers import OPTIMIZERS
from slimdsl.runtime.devices import ahead_on_device
from tests.runtime.test_engine import batch, engine, losses, recipe, values
from tests.runtime.test_train_command import NET
from tests.work import PATIENCE

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="TensorFlow lists no GPU"),
]


@pytest.fixture(autouse=True)
def full_float32() -> None:
    """Products of float32 are rounded to TF32 otherwise, as everywhere in TensorFlow."""
    tf.config.experimental.enable_tensor_float_32_execution(False)


@pytest.mark.parametrize("kind", OPTIMIZERS, ids=lambda kind: kind.name)
def test_steps_of_every_optimizer_are_those_of_the_cpu(kind: Any) -> None:
    given = recipe(optimizer=kind(learning_rate=0.01), averages=0.9, clip_global_norm=5.0)
    with tf.device("/CPU:0"):
        expected = engine(given, keep=0.5)
        wanted = losses(expected, 4)
    with tf.device("/GPU:0"):
        found = engine(given, keep=0.5)
        np.testing.assert_allclose(losses(found, 4), wanted, rtol=1e-4)
    assert "GPU" in found.variables["Small/fc2/weights"].device
    # The signs of lion, and roots of very small squares, make much of the last bit of a gradient.
    bound = 0.05 if kind.name in {"lion", "adam", "adamw", "lamb", "rmsprop", "adadelta"} else 1e-3
    for name, value in values(expected).items():
        distance = np.linalg.norm(values(found)[name].astype(np.float64) - value)
        assert distance <= bound * (np.linalg.norm(value.astype(np.float64)) + 1e-3), name


def test_a_compiled_step_drops_and_computes_the_same() -> None:
    plain, compiled = engine(keep=0.5), engine(keep=0.5, xla=True)
    np.testing.assert_allclose(losses(compiled, 4), losses(plain, 4), rtol=1e-4)


def test_a_step_in_bfloat16_lowers_the_loss() -> None:
    half = engine(precision="bfloat16", xla=True)
    found = losses(half, 40)
    assert np.mean(found[-5:]) < 0.6 * np.mean(found[:5])
    assert all(variable.dtype != tf.bfloat16 for variable in half.variables.values())


def test_batches_lie_in_the_memory_of_the_gpu_before_they_are_asked_for() -> None:
    images = {"images": tf.zeros([4, 2, 2, 1]), "labels": tf.constant([1, 2, 3, 4], tf.int64)}
    given = next(iter(ahead_on_device(tf.data.Dataset.from_tensors(images))))
    assert "GPU" in given["images"].device
    assert given["labels"].numpy().tolist() == [1, 2, 3, 4]


def test_several_steps_a_call_and_eager_ones_are_the_same_steps() -> None:
    expected = losses(engine(), 4)
    assert losses(engine(eager=True), 4) == pytest.approx(expected, rel=1e-4)
    many = engine().train_many([batch(step) for step in range(4)])["total_loss"].numpy()
    np.testing.assert_allclose(many, expected, rtol=1e-4)


@pytest.mark.parametrize("options", [[], ["--xla", "--precision", "bfloat16"], ["--strategy", "mirrored"]])
def test_the_command_trains_on_the_gpu_and_goes_on(tmp_path: Path, options: list[str]) -> None:
    random = np.random.RandomState(0)
    labels = np.arange(30) % 3
    images = (random.rand(30, 8, 8, 1) * 40 + labels.reshape(-1, 1, 1, 1) * 80).astype(np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    (tmp_path / "small.slim").write_text(NET)
    common = ["train", "small.slim", "--data", "data.npz", "--device", "gpu", "--logdir", "run", *options]
    for steps in ("6", "12"):
        done = subprocess.run(
            [sys.executable, "-m", "slimdsl", *common, "--steps", steps],
            cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "the CPU" not in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert rows[-1]["total_loss"] < rows[0]["total_loss"]


def test_the_doctor_names_the_gpu() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "slimdsl", "doctor"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0
    assert "TensorFlow uses 1 GPU" in done.stdout or "GPUs: " in done.stdout
