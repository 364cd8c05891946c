"""`slimdsl train --strategy`: several replicas and several processes train as one does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

NET = """slim 1

net small(classes = 3) {
  input images: float32[N, 8, 8, 1]
  conv(4, 3x3) as conv1
  max_pool(2x2) as pool1
  flatten
  fc(classes, activation=none, weights_reg=l2(0.01)) as logits
  output logits
}

train {
  batch = 8
  steps = 5
  log_every = 1
  averages = 0.9
  clip_global_norm = 0.5
  optimizer momentum(learning_rate=exponential(0.05, decay=0.9, steps=3))
}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network and data, and `one`: a run of one process and one replica."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "small.slim").write_text(NET)
    random = np.random.RandomState(0)
    labels = np.arange(30) % 3
    images = (random.rand(30, 8, 8, 1) * 40 + labels.reshape(-1, 1, 1, 1) * 80).astype(np.uint8)
    np.savez(folder / "data.npz", images=images, labels=labels)
    ended(begun(folder, "one"))
    return folder


def begun(place: Path, run: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "slimdsl", "train", str(place / "small.slim"), "--data", str(place / "data.npz")]
    return subprocess.Popen(
        [*command, "--logdir", str(place / run), "--device", "cpu", *options],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    """What a process said that ended with a code."""
    try:
        out, said = process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        process.kill()
        out, said = process.communicate()
        raise AssertionError(f"it does not end: {said}") from None
    assert process.returncode == code, said
    return out + said


def cluster() -> dict[str, list[str]]:
    """Two addresses of this machine that nothing listens to."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return {"worker": [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)]}


def pair(place: Path, run: str, *options: str) -> list[subprocess.Popen[str]]:
    """Two workers of one training."""
    hosts = cluster()
    configs = [json.dumps({"cluster": hosts, "task": {"type": "worker", "index": index}}) for index in (0, 1)]
    return [begun(place, run, "--strategy", "multiworker", *options, TF_CONFIG=config) for config in configs]


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["total_loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_two_replicas_of_a_process_are_as_one(place: Path) -> None:
    said = ended(begun(place, "mirrored", "--strategy", "mirrored", SLIMDSL_LOGICAL_CPUS="2"))
    assert "on the CPU, 2 replicas, float32" in said
    assert losses(place / "mirrored") == pytest.approx(losses(place / "one"), rel=1e-5)


def test_two_processes_are_as_one_and_the_chief_alone_writes(place: Path) -> None:
    chief, worker = pair(place, "multi")
    said = ended(chief), ended(worker)
    assert "worker 0 of 2, 2 replicas" in said[0]
    assert "worker 1 of 2, 2 replicas" in said[1]
    assert len(losses(place / "one")) == 5
    assert losses(place / "multi") == pytest.approx(losses(place / "one"), rel=1e-5)
    assert len(list((place / "multi").glob("events.*"))) == 1
    assert json.loads((place / "multi" / "recipe.json").read_text())["machine"]["replicas"] == 2
