"""A training that is killed again and again, and gone on with by the same command, ends as one that never was."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from slimdsl.runtime.checkpoints import checkpoint_path, latest_step
from slimdsl.weights.bundle_writer import DATA_SUFFIX, INDEX_SUFFIX
from tests.work import PATIENCE

KILLS = 10
STEPS = 100_000
"""More than are made: the run is ended at a step that is known once all kills are done."""

NET = """slim 1

net small(classes = 3) {
  input images: float32[N, 8, 8, 1]
  conv(4, 3x3, norm=batch_norm) as conv1
  max_pool(2x2) as pool1
  flatten
  dropout(0.5) as drop
  fc(classes, activation=none) as logits
  output logits
}

train {
  batch = 4
  log_every = 10
  save_every = 10
  averages = 0.9
  optimizer momentum(learning_rate=exponential(0.01, decay=0.99, steps=50))
}
"""


def start(place: Path, run: str, steps: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "slimdsl", "train", str(place / "small.slim"), "--data", str(place / "data.npz")]
    return subprocess.Popen(
        [*command, "--logdir", str(place / run), "--device", "cpu", "--steps", str(steps)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(place: Path, run: str, steps: int) -> None:
    process = start(place, run, steps)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said


def killed(place: Path, run: str, delay: float, *, early: bool) -> int:
    """Kill a training a while after it has begun to write, or to save; the step of its last checkpoint then."""

    def seen() -> object:
        record = place / run / "recipe.json"
        begun = record.stat().st_mtime_ns if record.exists() else None
        return begun if early else latest_step(str(place / run))

    before = seen()
    process = start(place, run, STEPS)
    deadline = time.monotonic() + PATIENCE
    while seen() == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, said
    return latest_step(str(place / run)) or 0


def rows(folder: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: number for name, number in row.items() if name != "images_per_second"} for row in found]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_ten_kills_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "small.slim").write_text(NET)
    draws = np.random.RandomState(0)
    labels = np.arange(60) % 3
    images = (draws.rand(60, 8, 8, 1) * 40 + labels.reshape(-1, 1, 1, 1) * 80).astype(np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    seed = random.SystemRandom().randrange(2**32)
    moments = random.Random(seed)
    # One in two is killed while it begins, the others among their steps and checkpoints.
    steps = [killed(tmp_path, "killed", moments.uniform(0, 0.2), early=kill % 2 == 0) for kill in range(KILLS)]
    goal = steps[-1] + 25
    assert steps == sorted(steps), f"nothing that was saved is lost; moments of the seed {seed}"
    assert len(set(steps)) >= KILLS // 2, f"the starts get further; moments of the seed {seed}"
    finished(tmp_path, "killed", goal)
    finished(tmp_path, "whole", goal)
    for suffix in (INDEX_SUFFIX, DATA_SUFFIX):
        ends = [Path(checkpoint_path(str(tmp_path / run), goal) + suffix).read_bytes() for run in ("killed", "whole")]
        assert ends[0] == ends[1], f"{suffix} after kills at {steps}, moments of the seed {seed}"
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")
