"""`slimdsl train` alone gives the losses of TF-Slim's training: its weights by --init, its batches by --data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl
from slimdsl.cli.main import main
from tests.conformance.recipe import variable_values
from tests.conformance.test_networks import MODELS
from tests.runtime.test_conformance import CASES, batch

OPTIMIZERS = {
    "lenet_momentum": "momentum(learning_rate=0.01, momentum=0.9)",
    "lenet_ftrl": "ftrl(0.1)",
    "cifarnet_sgd": "sgd(0.01)",
    "inception_v1_sgd": "sgd(0.01)",
}

APART = "inception_v1_sgd"
"""Trained in a process of its own, since the command decides how TensorFlow is loaded: other kernels than TensorFlow's
choice move the loss of its third step by 0.2%."""


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_rows_of_the_metrics_are_what_tf_slim_reports(case: str, tmp_path: Path) -> None:
    (path,) = (path for path in CASES if path.stem == case)
    data = json.loads(path.read_text())
    model = str(MODELS / f"{data['network']}.slim")
    settings: dict[str, Any] = {"classes": data["num_classes"], "weight_decay": data["weight_decay"], "keep_prob": 1.0}
    variables = slimdsl.load(model, **settings).variables
    initial: dict[str, Any] = {v.name: variable_values(v.name, v.shape) for v in variables}
    np.savez(tmp_path / "init.npz", **initial)
    np.savez(tmp_path / "data.npz", **batches(data))
    defines = [text for name, given in settings.items() for text in ("-D", f"{name}={given}")]
    steps = len(data["total_loss"])
    options = {
        "--data": tmp_path / "data.npz", "--init": tmp_path / "init.npz", "--logdir": tmp_path / "run",
        "--steps": steps, "--log-every": 1,
    }  # fmt: skip
    given = [str(part) for pair in options.items() for part in pair]
    recipe = {"optimizer": OPTIMIZERS[case], "batch": data["batch"][0], "label_smoothing": data["label_smoothing"]}
    given += [part for name, text in recipe.items() for part in ("--set", f"train.{name}={text}")]
    line = ["train", model, *defines, "--no-shuffle", *given]
    if case == APART:
        subprocess.run([sys.executable, "-m", "slimdsl", *line], check=True)
    else:
        assert main(line) == 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, steps + 1))
    for name, bound in (("total_loss", 1e-4), ("regularization_loss", 1e-4)):
        assert [row[name] for row in rows[:3]] == pytest.approx(data[name][:3], rel=bound), name
        assert [row[name] for row in rows[3:]] == pytest.approx(data[name][3:], rel=10 * bound), name


def batches(data: dict[str, Any]) -> dict[str, Any]:
    steps = [batch(data, step, "images") for step in range(len(data["total_loss"]))]
    return {name: np.concatenate([each[name].numpy() for each in steps]) for name in ("images", "labels")}
