"""Networks that are not one image with one label, from an `.npz` to their metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from slimdsl.cli.main import main

Array = npt.NDArray[Any]
MODELS = Path(__file__).parent.parent.parent / "models"
COUNT = 32

TWO_TOWERS = """slim 1

block tower(size) {
  fc(8) as hidden
  fc(size, activation=none) as code
  unit_norm(-1)
}

net pairs(size = 4) {
  input left: float32[N, 6]
  input right: float32[N, 6]
  let a = left -> tower(size) as towers
  let b = right -> tower(size) as right_tower sharing towers
  output anchors = a
  output others = b
}

train {
  input kinds: int32[N]
  loss triplet(anchors, kinds)
  loss cosine_distance(anchors, others)
  metric mean_squared_error(anchors, others)
  optimizer adam(learning_rate=0.02)
  batch = 8
}
"""

REGRESSION = """slim 1

net line {
  input features: float32[N, 8]
  fc(1, activation=none) as predictions
  output predictions
}

train {
  input target: float32[N, 1]
  loss mean_squared_error(predictions, target)
  metric mean_squared_error(predictions, target)
  optimizer adam(learning_rate=0.1)
  batch = 8
}
"""

AUTOENCODER = """slim 1

net mirror {
  input photo: float32[N, 6, 6, 1]
  conv(4, 3x3) as code
  conv(1, 3x3, activation=none) as again
  output again
}

train {
  loss mean_squared_error(again, photo)
  optimizer adam(learning_rate=0.01)
  batch = 8
}
"""


def pairs(random: np.random.Generator) -> dict[str, Any]:
    kinds = np.arange(COUNT) % 3
    centres = random.standard_normal((3, 6))
    near = [centres[kinds] + 0.3 * random.standard_normal((COUNT, 6)) for _ in range(2)]
    return {"left": near[0], "right": near[1], "kinds": kinds}


def line(random: np.random.Generator) -> dict[str, Any]:
    features = random.standard_normal((COUNT, 8))
    # Without the last axis of one number.
    return {"features": features, "target": features @ random.standard_normal(8)}


def photos(random: np.random.Generator) -> dict[str, Any]:
    return {"images": random.integers(0, 256, (COUNT, 6, 6, 1), np.uint8)}


def texts(random: np.random.Generator) -> dict[str, Any]:
    counted = (random.integers(0, 7, (COUNT, 1)) + random.integers(1, 3, (COUNT, 1)) * np.arange(7)) % 7
    return {"words": counted[:, :-1], "labels": counted[:, 1:]}


def reviews(random: np.random.Generator) -> dict[str, Any]:
    words = random.integers(1, 10, (COUNT, 6))
    return {"words": words, "labels": words[:, 0] > 4}


def cells(random: np.random.Generator) -> dict[str, Any]:
    images = random.integers(0, 60, (8, 188, 188, 1)).astype(np.uint8)
    masks = random.integers(0, 2, (8, 1, 1)).astype(bool) & np.ones((8, 4, 4), bool)
    images[masks[:, 0, 0]] += 150
    return {"images": images, "masks": masks}


CASES: dict[str, tuple[str, Callable[[np.random.Generator], dict[str, Any]], tuple[str, ...], str]] = {
    "pairs": (TWO_TOWERS, pairs, (), "mean_squared_error"),
    "line": (REGRESSION, line, (), "mean_squared_error"),
    "mirror": (AUTOENCODER, photos, (), ""),
    "gpt": (
        "", texts,
        ("-D", "layers=1", "-D", "width=8", "-D", "heads=2", "-D", "vocabulary=7", "-D", "context=6",
         "-D", "keep_prob=1.0", "--set", "train.batch=8", "--set", "train.optimizer=adam(learning_rate=0.02)"),
        "perplexity",
    ),
    "lstm_classifier": (
        "", reviews,
        ("-D", "vocabulary=10", "-D", "width=4", "-D", "units=4", "-D", "length=6", "--set", "train.batch=8",
         "--set", "train.optimizer=adam(learning_rate=0.05)"),
        "auc",
    ),
    "unet": (
        "", cells,
        ("-D", "width=4", "-D", "size=188", "-D", "keep_prob=1.0", "--set", "train.batch=2",
         "--set", "train.optimizer=adam(learning_rate=0.01)"),
        "mean_iou",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_loss_goes_down(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, made, options, metric = CASES[name]
    file, data, run = MODELS / f"{name}.slim", tmp_path / "data.npz", str(tmp_path / "run")
    if text:
        file = tmp_path / f"{name}.slim"
        file.write_text(text)
    np.savez(data, **made(np.random.default_rng(0)))
    steps = ["--steps", "24", "--log-every", "1"]
    assert main(["train", str(file), "--data", str(data), "--logdir", run, *steps, *options]) == 0
    losses = [json.loads(row)["total_loss"] for row in Path(run, "metrics.jsonl").read_text().splitlines()]
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4]), losses
    if metric:
        sized = [option for flag, option in zip(options[::2], options[1::2], strict=True) if flag == "-D"]
        defined = [word for option in sized for word in ("-D", option)]
        capsys.readouterr()
        assert main(["evaluate", str(file), "--logdir", run, "--json", "--batch", "5", *defined]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["examples"] == len(next(iter(made(np.random.default_rng(0)).values())))
        assert np.isfinite(found[metric if metric in found else f"{metric}_1"])


def weights(folder: Path) -> dict[str, Any]:
    reader = tf.train.load_checkpoint(str(folder))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "pairs.slim").write_text(TWO_TOWERS)
    np.savez(tmp_path / "pairs.npz", **pairs(np.random.default_rng(0)))
    return tmp_path


def train(place: Path, run: str, *options: str, data: str = "pairs.npz") -> int:
    spec = data if data.startswith(("synthetic", "digits")) else str(place / data)
    return main(["train", str(place / "pairs.slim"), "--data", spec, "--logdir", str(place / run), *options])


def test_two_commands_make_the_steps_of_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "whole", "--steps", "9") == 0
    assert "; `left`, `right`, `kinds` as they are\n" in capsys.readouterr().err
    assert train(place, "parts", "--steps", "5") == 0
    assert train(place, "parts", "--steps", "9") == 0
    whole, parts = weights(place / "whole"), weights(place / "parts")
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value, err_msg=name)


def test_metrics_are_the_same_whatever_the_batch(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "run", "--steps", "3") == 0
    found = []
    for batch in ("1", "5", "32"):
        capsys.readouterr()
        model = str(place / "pairs.slim")
        assert main(["evaluate", model, "--logdir", str(place / "run"), "--batch", batch, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert [one["examples"] for one in found] == [COUNT] * 3
    names = [name for name in found[0] if name.startswith("mean_squared_error")]
    for name in names:
        assert found[1][name] == pytest.approx(found[0][name], rel=1e-5)
        assert found[2][name] == pytest.approx(found[0][name], rel=1e-5)
    assert names


def test_made_up_data_and_what_does_not_suit(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "run", "--dry-run", data="synthetic:20") == 0
    assert "all is well" in capsys.readouterr().out
    assert train(place, "run", "--dry-run", data="digits") == 2
    assert "data of this kind are images with a class number each" in capsys.readouterr().err
    given = pairs(np.random.default_rng(0))
    given["left"][11, 2] = np.inf
    np.savez(place / "bad.npz", **given)
    assert train(place, "run", data="bad.npz") == 1
    assert "`left` of " in (said := capsys.readouterr().err)
    assert said.endswith("bad.npz` has numbers that are infinite or not a number in row 11\n")
    assert not (place / "run").exists()


def test_an_input_may_be_called_as_the_mask_of_what_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "line.slim").write_text(REGRESSION.replace("features", "valid"))
    given = line(np.random.default_rng(0))
    np.savez(tmp_path / "x.npz", valid=given["features"], target=given["target"])
    command = [str(tmp_path / "line.slim"), "--data", str(tmp_path / "x.npz"), "--logdir", str(tmp_path / "run")]
    assert main(["train", *command, "--steps", "2"]) == 0
    assert main(["evaluate", *command[:1], "--logdir", str(tmp_path / "run"), "--batch", "5"]) == 0
    assert "step 2: mean_squared_error" in capsys.readouterr().out


def test_a_network_of_a_fixed_batch_is_evaluated_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data, run = (str(tmp_path / name) for name in ("line.slim", "x.npz", "run"))
    Path(model).write_text(REGRESSION.replace("[N, ", "[8, "))
    given = line(np.random.default_rng(0))
    np.savez(data, **given, **{f"validation_{name}": array[:5] for name, array in given.items()})
    assert main(["train", model, "--data", data, "--logdir", run, "--steps", "2"]) == 0
    # Fewer than a batch, and more that do not fill the last one.
    for split, count in (("validation", 5), ("all", COUNT)):
        capsys.readouterr()
        assert main(["evaluate", model, "--logdir", run, "--split", split, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["examples"] == count
    assert main(["evaluate", model, "--logdir", run, "--batch", "3"]) == 2
    assert "`line` takes 8 examples at once" in capsys.readouterr().err


WEIGHTED = """slim 1

net weighed {
  input features: float32[N, 8]
  fc(3, activation=none) as logits
  output logits
}

train {
  input labels: int32[N]
  input weights: DTYPE[N]
  loss softmax_cross_entropy(logits, labels, weights)
  optimizer sgd(learning_rate=0.5)
  log_every = 1
  steps = 6
}
"""


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_what_has_a_weight_of_zero_changes_nothing(tmp_path: Path, dtype: str) -> None:
    """Half of the examples are nonsense of no weight: the steps are those of the other half alone."""
    random = np.random.default_rng(0)
    features = random.standard_normal((24, 8)).astype(np.float32)
    labels = features[:, :3].argmax(axis=1)
    counts = np.arange(24) % 2
    features[counts == 0] *= 100
    whole: dict[str, Any] = {"features": features, "labels": labels, "weights": counts.astype(dtype)}
    np.savez(tmp_path / "whole.npz", **whole)
    np.savez(tmp_path / "half.npz", **{name: array[counts == 1] for name, array in whole.items()})
    written = WEIGHTED.replace("DTYPE", dtype)
    (tmp_path / "weighed.slim").write_text(written)
    (tmp_path / "plain.slim").write_text(written.replace(", weights)", ")"))
    found = {}
    for net, data, batch in (("weighed", "whole", "8"), ("plain", "half", "4")):
        command = ["train", str(tmp_path / f"{net}.slim"), "--data", str(tmp_path / f"{data}.npz"), "--no-shuffle"]
        assert main([*command, "--batch", batch, "--logdir", str(tmp_path / net)]) == 0
        rows = (tmp_path / net / "metrics.jsonl").read_text().splitlines()
        found[net] = [json.loads(row)["total_loss"] for row in rows]
    assert found["weighed"] == pytest.approx(found["plain"], rel=1e-5)
    assert found["weighed"][-1] < found["weighed"][0]
    mine, other = weights(tmp_path / "weighed"), weights(tmp_path / "plain")
    assert np.allclose(mine["weighed/logits/weights"], other["weighed/logits/weights"], rtol=1e-5, atol=1e-6)
