"""`slimdsl train`: what it writes and says, how it goes on, and what it refuses before the first step."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.cli.main import main
from slimdsl.runtime import training_order, training_setup
from tests.work import PATIENCE

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
  steps = 12
  log_every = 1
  save_every = 5
  averages = 0.9
  optimizer momentum(learning_rate=exponential(0.05, decay=0.9, steps=3))
}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network and data, and `whole`: a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "small.slim").write_text(NET)
    random = np.random.RandomState(0)
    labels = np.arange(30) % 3
    images = (random.rand(30, 8, 8, 1) * 40 + labels.reshape(-1, 1, 1, 1) * 80).astype(np.uint8)
    np.savez(folder / "data.npz", images=images, labels=labels)
    np.savez(folder / "bad_labels.npz", images=images, labels=labels + 1)
    np.savez(folder / "colours.npz", images=np.repeat(images, 3, axis=3), labels=labels)
    assert train(folder, "whole") == 0
    return folder


def train(place: Path, run: str, *options: str, data: str = "data.npz") -> int:
    given = ["--data", str(place / data), "--logdir", str(place / run), *options]
    return main(["train", str(place / "small.slim"), *given])


def rows(folder: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: number for name, number in row.items() if name != "images_per_second"} for row in found]


def weights(folder: Path) -> dict[str, Any]:
    reader = tf.train.load_checkpoint(str(folder))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def test_the_folder_of_a_run(place: Path) -> None:
    folder = place / "whole"
    names = {path.name for path in folder.iterdir()}
    assert {"recipe.slim", "recipe.json", "metrics.jsonl", "checkpoint", "model.ckpt-12.index"} <= names
    row = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])
    assert {"step", "total_loss", "regularization_loss", "learning_rate", "images_per_second"} <= set(row)
    assert [row["step"] for row in rows(folder)] == list(range(1, 13))
    assert rows(folder)[-1]["learning_rate"] == pytest.approx(0.05 * 0.9**3)
    recorded = json.loads((folder / "recipe.json").read_text())
    assert recorded["recipe"]["optimizer"]["name"] == "momentum"
    assert "averages = 0.9" in (folder / "recipe.slim").read_text()
    found = weights(folder)
    assert {
        "small/conv1/weights",
        "small/conv1/weights/Momentum",
        "small/conv1/weights/ExponentialMovingAverage",
        "small/conv1/BatchNorm/moving_mean",
        "global_step",
    } <= set(found)
    assert found["global_step"] == 12


def test_a_run_of_two_commands_is_the_whole_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "parts", "--steps", "7") == 0
    assert train(place, "parts") == 0
    said = capsys.readouterr().err
    assert "going on with" in said
    assert "changed: `recipe.steps` was 7 and is 12" in said
    assert rows(place / "parts") == rows(place / "whole")
    whole, parts = weights(place / "whole"), weights(place / "parts")
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value, err_msg=name)
    assert train(place, "parts") == 0
    assert "has been trained for 12 steps already" in capsys.readouterr().err


def ended(place: Path, run: str, number: int, step: int) -> tuple[int, str]:
    """Train in a process of its own, end it by a signal once a checkpoint is there; its exit code and what it said."""
    command = [sys.executable, "-m", "slimdsl", "train", str(place / "small.slim"), "--data", str(place / "data.npz")]
    command += ["--logdir", str(place / run), "--steps", "100000", "--set", "train.save_every=200"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while not (place / run / f"model.ckpt-{step}.index").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


def test_a_process_that_is_ended_goes_on_by_the_same_command(place: Path) -> None:
    code, said = ended(place, "ended", signal.SIGTERM, 200)
    assert (code, weights(place / "ended")["global_step"]) == (130, int(said.split("step ")[-1].split(" of")[0]))
    assert "interrupted by SIGTERM and saved at step" in said
    assert f"slimdsl train {place / 'small.slim'}" in said
    later = (int(weights(place / "ended")["global_step"]) // 200 + 2) * 200
    code, said = ended(place, "ended", signal.SIGKILL, later)
    assert code == -signal.SIGKILL
    assert "going on with" in said
    goal = max(int(row["step"]) for row in rows(place / "ended")) + 5
    for run in ("ended", "not_ended"):
        assert train(place, run, "--steps", str(goal), "--set", "train.save_every=200") == 0
    assert rows(place / "ended") == rows(place / "not_ended")


def test_nan_names_the_layer_and_its_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "nan", "--set", "train.optimizer=sgd(learning_rate=1e38)", "--set", "train.averages=none") == 1
    said = capsys.readouterr().err
    assert "in step 2" in said or "in step 3" in said
    assert "small.slim:" in said
    assert "model.ckpt-0" in said
    assert not (place / "nan" / "model.ckpt-12.index").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "train.optimzer=sgd(0.1)"], "did you mean `optimizer`?"),
        (["--set", "train.batch=0"], "train.batch"),
        (["--set", "batch=8"], "write --set train.key=value"),
        (["--batch", "8", "--set", "train.batch=8"], "train.batch is set already"),
        (["--steps", "3", "--epochs", "2"], "give one of the two"),
        (["--set", "train.metric=a", "--set", "train.metric=b"], "several stand in a list"),
        (["--set", "train.learning_rate=0.1"], "`recipe.optimizer.learning_rate` was"),
        (["--ema"], "--ema, --except and --rename are about --init"),
        (["--set", "train.optimizer=sgd(0.1)"], '`recipe.optimizer.name` was "momentum" and is "sgd"'),
        (["-D", "classes=4"], 'holds another run: `parameters.classes` is new: "4"; `network.digest` was'),
        (["--data", "/nowhere/at/all"], "there is no file or folder `/nowhere/at/all`"),
    ],
)
def test_wrong_usage_is_told_and_changes_nothing(
    place: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (place / "whole").iterdir()}
    assert train(place, "whole", *options) == 2
    assert said in capsys.readouterr().err
    assert {path.name: path.stat().st_mtime_ns for path in (place / "whole").iterdir()} == before


@pytest.mark.parametrize(
    ("options", "data", "said"),
    [
        ([], "bad_labels.npz", "3 classes"),
        ([], "colours.npz", "channels"),
        (["--batch", "31"], "data.npz", "fewer than the batch of 31"),
        (["--trainable", "nothing"], "data.npz", "nothing"),
        (["--set", "train.accumulate=3"], "data.npz", "a batch of 4 cannot be cut into 3 equal parts"),
        (["--preprocessing", "none_such"], "data.npz", "none_such"),
        (["--init", "INIT", "--except", "misspelt"], "data.npz", "misspelt"),
    ],
)
def test_a_dry_run_finds_what_is_wrong_and_writes_nothing(
    place: Path, options: list[str], data: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [str(place / "whole") if option == "INIT" else option for option in options]
    assert train(place, "dry", "--dry-run", *options, data=data) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (place / "dry").exists()


def test_a_dry_run_of_what_is_right(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "dry", "--dry-run") == 0
    assert "nothing was written" in capsys.readouterr().out
    assert not (place / "dry").exists()


def test_beginning_with_the_values_of_another_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--init", str(place / "whole"), "--except", "logits", "-D", "classes=5", "--trainable", "logits"]
    assert train(place, "tuned", *options, "--set", "train.freeze_batch_norm=true") == 0
    said = capsys.readouterr().err
    assert f"  weights: 4 variables from {place / 'whole' / 'model.ckpt-12'} (TensorFlow checkpoint)\n" in said
    assert "  drawn: 2 variables from seed 0, as excepted\n  left out: 4 tensors of the file, as excepted\n" in said
    whole, tuned = weights(place / "whole"), weights(place / "tuned")
    for name in ("small/conv1/weights", "small/conv1/BatchNorm/moving_mean"):
        np.testing.assert_array_equal(tuned[name], whole[name])
    assert tuned["small/logits/weights"].shape == (64, 5)


def test_a_folder_that_cannot_be_made(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "small.slim/run", "--dry-run") == 2
    assert "small.slim` is no folder" in capsys.readouterr().err


def test_epochs_leave_out_no_examples(place: Path) -> None:
    assert train(place, "epochs", "--epochs", "2.4") == 0
    document = json.loads((place / "epochs" / "recipe.json").read_text())
    steps = int(document["data"]["examples"] / document["recipe"]["batch"] * 2.4)
    assert steps != int(document["data"]["examples"] // document["recipe"]["batch"] * 2.4)
    assert weights(place / "epochs")["global_step"] == document["length"] == steps


def test_gradients_of_several_parts(place: Path) -> None:
    assert train(place, "accumulated", "--steps", "3", "--set", "train.accumulate=2") == 0
    assert weights(place / "accumulated")["global_step"] == 3


@pytest.mark.parametrize("options", [["--xla"], ["--precision", "bfloat16"]])
def test_other_ways_to_compute_a_step(place: Path, options: list[str]) -> None:
    name = "".join(options).strip("-")
    assert train(place, name, "--steps", "3", *options) == 0
    assert rows(place / name)[0]["total_loss"] == pytest.approx(rows(place / "whole")[0]["total_loss"], rel=0.05)


def test_fresh_begins_anew(place: Path) -> None:
    assert train(place, "again", "--steps", "3") == 0
    assert train(place, "again", "--steps", "2", "--batch", "2", "--fresh") == 0
    assert [row["step"] for row in rows(place / "again")] == [1, 2]
    assert not (place / "again" / "model.ckpt-3.index").exists()


OLDER: list[list[Any]] = [
    ["recipe", "accumulate"],
    ["recipe", "multipliers"],
    ["recipe", "keep"],
    ["recipe", "optimizer", "nesterov"],
    ["recipe", "optimizer", "learning_rate", "staircase"],
    ["recipe", "losses", 0, "loss", "weight"],
    ["recipe", "losses", 0, "loss", "label_smoothing"],
    ["data", "shuffle"],
]
"""What a version before this one may not have known: paths in its record."""


def older(folder: Path, paths: list[list[Any]]) -> None:
    """Make the record of a run one of a version that did not know some settings."""
    document = json.loads((folder / "recipe.json").read_text())
    for path in paths:
        table = document
        for key in path[:-1]:
            table = table[key]
        del table[path[-1]]
    (folder / "recipe.json").write_text(json.dumps(document))


def test_a_run_of_an_older_version_goes_on(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "older", "--steps", "3") == 0
    older(place / "older", OLDER)
    capsys.readouterr()
    assert train(place, "older", "--steps", "5") == 0
    said = capsys.readouterr().err
    assert "going on with" in said
    assert said.count("changed: ") == 1
    assert rows(place / "older") == rows(place / "whole")[:5]
    recorded = json.loads((place / "older" / "recipe.json").read_text())
    assert recorded["recipe"]["optimizer"]["nesterov"] is False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "train.accumulate=2"], "`recipe.accumulate` was 1 and is 2"),
        (["--no-shuffle"], "`data.shuffle` was true and is false"),
        (
            ["--set", "train.optimizer=momentum(0.1, nesterov=true)"],
            "`recipe.optimizer.nesterov` was false and is true",
        ),
    ],
)
def test_what_an_older_version_did_not_know_is_its_default(
    place: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (place / "old").exists():
        assert train(place, "old", "--steps", "1") == 0
        older(place / "old", OLDER)
    assert train(place, "old", *options) == 2
    assert said in capsys.readouterr().err


def test_a_run_knows_the_names_of_its_classes(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = dict(np.load(place / "data.npz"))
    np.savez(place / "named.npz", **archive, class_names=["ant", "bee", "two\nlines"])
    assert train(place, "named", "--steps", "2", data="named.npz") == 0
    names = place / "named" / "labels.txt"
    assert names.read_text() == "0:ant\n1:bee\n2:two lines\n"
    names.unlink()
    assert train(place, "named", "--steps", "3", data="named.npz") == 0
    # The folder is all that is needed, wherever it is, and so is a checkpoint in it.
    shutil.copytree(place / "named", tmp_path / "moved")
    (tmp_path / "one.png").write_bytes(tf.io.encode_png(archive["images"][0]).numpy())
    for given in ("moved", "moved/model.ckpt-3"):
        capsys.readouterr()
        command = ["predict", str(place / "small.slim"), str(tmp_path / "one.png"), "--weights", str(tmp_path / given)]
        assert main(command) == 0
        assert {line.split()[-1] for line in capsys.readouterr().out.splitlines()[2:]} == {"ant", "bee", "lines"}
    assert train(place, "named", "--steps", "1", "--fresh") == 0
    assert not names.exists()


def test_parameters_that_differ_from_those_of_the_run_are_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "sized.slim").write_text(
        NET.replace("classes = 3", "classes = 3, size = 8")
        .replace("N, 8, 8", "N, size, size")
        .replace("  flatten\n", "  global_avg_pool(keep_dims=false)\n")
    )
    data, run = ["--data", str(place / "data.npz")], str(place / "sized")
    train_it = [
        "train",
        str(place / "sized.slim"),
        *data,
        "--logdir",
        run,
        "--steps",
        "2",
        "--preprocessing",
        "inception",
    ]
    assert main([*train_it, "-D", "size=12"]) == 0
    assert f"sized.slim -D size=12 --logdir {run}" in capsys.readouterr().out
    (place / "one.png").write_bytes(tf.io.encode_png(np.zeros((8, 8, 1), np.uint8)).numpy())
    said = f"`{run}` was trained with -D size=12, and this command has no -D"
    for command in (
        ["evaluate", str(place / "sized.slim")],
        ["predict", str(place / "sized.slim"), str(place / "one.png")],
    ):
        # All weights fit, so it is no error.
        assert main([*command, "--weights", run]) == 0
        assert said in capsys.readouterr().err
        assert main([*command, "--weights", run, "-D", "size=12"]) == 0
        assert "this command has" not in capsys.readouterr().err
    assert main(train_it) == 2
    assert 'holds another run: `parameters.size` is gone: it was "12"' in capsys.readouterr().err


def test_what_is_held_out_is_that_of_the_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an archive all is trained on, unless a share is asked for; the run's evaluation has exactly the rest."""
    for share in ("1", "-0.1", "nan"):
        assert train(place, "held", f"--holdout={share}") == 2
        assert f"at least 0 and below 1, not {float(share):g}" in capsys.readouterr().err
    assert train(place, "held", "--holdout", "0.25") == 0
    trained = json.loads((place / "held" / "recipe.json").read_text())["data"]
    assert trained["holdout"] == 0.25
    assert train(place, "held", "--holdout", "0.5") == 2
    assert "`data.holdout` was 0.25 and is 0.5" in capsys.readouterr().err
    examples = {}
    for options in ((), ("--split", "train"), ("--split", "all"), ("--holdout", "0")):
        command = ["evaluate", str(place / "small.slim"), "--logdir", str(place / "held"), "--json", *options]
        assert main(command) == 0
        examples[options[-1:]] = json.loads(capsys.readouterr().out)["examples"]
    whole = len(np.load(place / "data.npz")["labels"])
    assert examples == {
        (): whole - trained["examples"],
        ("train",): trained["examples"],
        ("all",): whole,
        ("0",): whole,
    }
    assert 0 < trained["examples"] < whole


def test_an_offset_of_the_labels_is_that_of_the_run(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = dict(np.load(place / "data.npz"))
    names = ["background", "ant", "bee", "cat"]
    np.savez(place / "offset.npz", images=archive["images"], labels=archive["labels"] + 1, class_names=names)
    assert train(place, "offset", data="offset.npz") == 1
    assert "or --labels-offset 1, where their class 0 is no class" in capsys.readouterr().err
    for offset in ("0.5", "x", "12345678"):
        assert train(place, "offset", "--labels-offset", offset, data="offset.npz") == 2
        assert "--labels-offset: must be an integer" in capsys.readouterr().err
    assert train(place, "offset", "--labels-offset", "1", data="offset.npz") == 0
    assert rows(place / "offset") == rows(place / "whole")
    assert (place / "offset" / "labels.txt").read_text() == "0:ant\n1:bee\n2:cat\n"
    assert train(place, "offset", "--labels-offset", "2", "--dry-run", data="offset.npz") == 1
    assert "has the label 1 less an offset of 2, outside the 3 classes" in capsys.readouterr().err
    assert train(place, "offset", data="data.npz") == 2
    assert "`data.labels_offset` was 1 and is 0" in capsys.readouterr().err
    found = []
    for run in ("whole", "offset"):
        assert main(["evaluate", str(place / "small.slim"), "--logdir", str(place / run), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    # Where the run has no names of its own, those of the data are shifted as the labels were.
    document = json.loads((place / "offset" / "recipe.json").read_text())
    (tmp_path / "labels.txt").write_text("".join(f"{number}:{name}\n" for number, name in enumerate(names)))
    document["data"]["spec"] = str(tmp_path)
    (place / "offset" / "recipe.json").write_text(json.dumps(document))
    (place / "offset" / "labels.txt").unlink()
    (tmp_path / "one.png").write_bytes(tf.io.encode_png(archive["images"][0]).numpy())
    command = ["predict", str(place / "small.slim"), str(tmp_path / "one.png"), "--weights", str(place / "offset")]
    assert main([*command, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert {row["class"]: row["name"] for row in json.loads(line)["top"]} == {0: "ant", 1: "bee", 2: "cat"}


def test_names_of_other_classes_are_not_written_over(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "labels.txt").write_text("0:mine\n")
    np.savez(place / "my.npz", **np.load(place / "data.npz"), class_names=["a", "b", "c"])
    assert train(place, "mine", data="my.npz") == 2
    assert "is no run and holds a labels.txt with other names" in capsys.readouterr().err
    assert [path.name for path in (place / "mine").iterdir()] == ["labels.txt"]


def test_of_two_that_begin_at_once_none_wipes_the_other(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_engine = training_setup.make_engine

    def slow(prepared: training_order.Prepared) -> Any:
        monkeypatch.setattr(training_setup, "make_engine", make_engine)
        assert train(place, "race", "--steps", "7") == 0
        return make_engine(prepared)

    monkeypatch.setattr(training_setup, "make_engine", slow)
    assert train(place, "race", "--steps", "3") == 2
    assert "another process has trained in" in capsys.readouterr().err
    assert [row["step"] for row in rows(place / "race")] == list(range(1, 8))
    assert (place / "race" / "model.ckpt-7.index").exists()


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, 7)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    ("suffix", "damage", "said"),
    [
        (".data-00000-of-00001", flipped, "its checksum is wrong"),
        (".data-00000-of-00001", cut, "and `model.ckpt-12.data-00000-of-00001` has 7"),
        (".index", emptied, "it is empty"),
    ],
)
def test_a_damaged_checkpoint_is_gone_back_behind(
    place: Path, suffix: str, damage: Callable[[Path], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = f"damaged_{damage.__name__}"
    shutil.copytree(place / "whole", place / run)
    damage(place / run / f"model.ckpt-12{suffix}")
    assert train(place, run, "--dry-run") == 0
    assert (place / run / "model.ckpt-12.index").exists()
    capsys.readouterr()
    assert train(place, run, "--steps", "11") == 0
    opening = capsys.readouterr().err
    assert f"going on with {place / run} from step 10" in opening
    (line,) = [line for line in opening.splitlines() if "damaged: " in line]
    assert said in line
    assert f"`{place / run / 'model.ckpt-12'}`" in line
    assert (place / run / "damaged-model.ckpt-12.index").exists()
    assert tf.train.latest_checkpoint(str(place / run)) == str(place / run / "model.ckpt-11")
    assert rows(place / run) == rows(place / "whole")[:11]
    assert train(place, run) == 0
    assert "damaged: " not in capsys.readouterr().err
    assert rows(place / run) == rows(place / "whole")
    whole, found = weights(place / "whole"), weights(place / run)
    for name, value in whole.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert train(place, run, "--fresh", "--steps", "1") == 0
    assert not [path for path in (place / run).iterdir() if path.name.startswith("damaged-")]


def test_a_run_without_a_whole_checkpoint_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(place / "whole", place / "hopeless")
    for path in (place / "hopeless").glob("model.ckpt-*.index"):
        emptied(path)
    assert train(place, "hopeless") == 2
    assert "no checkpoint of " in capsys.readouterr().err
    assert train(place, "hopeless", "--fresh", "--steps", "1") == 0


def test_what_cannot_begin_removes_and_leaves_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.RandomState(0)
    for number in range(60):
        path = place / "pictures" / str(number % 3) / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_png(random.randint(0, 255, (8, 8, 1)).astype(np.uint8)).numpy())
    command = ["train", str(place / "small.slim"), "--data", str(place / "pictures"), "--batch", "40", "--steps", "1"]
    command += ["--logdir", str(place / "of_pictures")]
    assert main(command) == 0
    before = {path.name: path.read_bytes() for path in (place / "of_pictures").iterdir()}
    for path in (place / "pictures" / "2").iterdir():
        if int(path.stem) > 40:
            # Beyond those that are looked at before each training.
            path.write_bytes(path.read_bytes()[:40])
    assert main([*command, "--fresh"]) == 1
    assert ".png`" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (place / "of_pictures").iterdir()} == before
    assert main([*command, "--logdir", str(place / "never")]) == 1
    assert not (place / "never").exists()


def test_data_are_what_is_in_them(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here, run = tmp_path / "here", tmp_path / "run"
    (here / "d").mkdir(parents=True)
    shutil.copy(place / "data.npz", here / "d" / "a.npz")
    monkeypatch.chdir(here)
    command = ["train", str(place / "small.slim"), "--logdir", str(run)]
    assert main([*command, "--data", "d/a.npz", "--steps", "2"]) == 0
    assert main([*command, "--data", "./d/a.npz", "--steps", "3"]) == 0
    shutil.copy(place / "data.npz", tmp_path / "copied.npz")
    assert main([*command, "--data", str(tmp_path / "copied.npz"), "--steps", "4"]) == 0
    assert main([*command, "--data", "d/a.npz", "--steps", "5"]) == 0
    # Found again from another folder.
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["evaluate", str(place / "small.slim"), "--logdir", str(run)]) == 0
    assert "30 examples" in capsys.readouterr().err
    monkeypatch.chdir(here)
    archive = dict(np.load(place / "data.npz"))
    np.savez("d/a.npz", images=archive["images"], labels=archive["labels"][::-1])
    assert main([*command, "--data", "d/a.npz", "--steps", "6"]) == 2
    assert "holds another run: `d/a.npz` has other data than it had" in capsys.readouterr().err
    # An older version recorded the name alone.
    older(run, [["data", "path"], ["data", "fingerprint"]])
    assert main([*command, "--data", "./d/a.npz", "--steps", "6"]) == 0
    older(run, [["data", "path"], ["data", "fingerprint"]])
    assert main([*command, "--data", str(tmp_path / "copied.npz"), "--steps", "7"]) == 2
    assert '`data.spec` was "d/a.npz" and is' in capsys.readouterr().err


def test_a_dry_run_finds_a_loss_that_is_not_finite(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "log.slim").write_text(NET.replace("  flatten\n", "  scale(-1.0)\n  sqrt\n  flatten\n"))
    command = ["train", str(place / "log.slim"), "--data", str(place / "data.npz"), "--logdir", str(place / "dry")]
    assert main([*command, "--dry-run"]) == 1
    said = capsys.readouterr()
    assert "all is well" not in said.out
    assert "the loss of step 1 is NaN; the first of it is in the layer " in said.err
    assert not (place / "dry").exists()


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_values_that_are_not_finite_are_found_on_loading(
    place: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    values = {name: value for name, value in weights(place / "whole").items() if name.startswith("small/")}
    values["small/logits/weights"][3, 1] = np.inf
    np.savez(place / "bad_values.npz", **values)
    assert train(place, "dry", "--init", str(place / "bad_values.npz"), *options) == 1
    said = capsys.readouterr().err
    assert "bad_values.npz` cannot be read: its array `small/logits/weights` has NaN or infinite values" in said
    assert not (place / "dry").exists()
    assert train(place, "excepted", "--init", str(place / "bad_values.npz"), "--except", "small/logits") == 0


@pytest.mark.parametrize("name", [".lock", "metrics.jsonl", "recipe.slim"])
def test_what_cannot_be_written_is_named(place: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = f"unwritable{name}"
    assert train(place, run, "--steps", "1") == 0
    (place / run / name).unlink()
    (place / run / name).mkdir()
    assert train(place, run, "--steps", "2") == 2
    assert f"cannot write `{place / run / name}`: i" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--fresh"]])
def test_files_of_other_tools_stay(place: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (place / "other").mkdir(exist_ok=True)
    (place / "other" / "metrics.jsonl").write_text("precious")
    assert train(place, "other", *options) == 2
    assert "holds `metrics.jsonl` and no recipe.json" in capsys.readouterr().err
    assert (place / "other" / "metrics.jsonl").read_text() == "precious"


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="there is a GPU")
def test_a_gpu_that_is_not_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(place, "gpu", "--device", "gpu") == 2
    assert "--device gpu: TensorFlow lists no GPU: " in capsys.readouterr().err
    assert not (place / "gpu").exists()


def test_eager_steps_are_those_of_the_graph_and_go_without_xla_and_replicas(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(place, "eager", "--eager") == 0
    for found, expected in zip(rows(place / "eager"), rows(place / "whole"), strict=True):
        assert found == pytest.approx(expected, rel=1e-4)
    assert ", eager\n" in capsys.readouterr().err
    for other in (["--xla"], ["--strategy", "mirrored"]):
        assert train(place, "refused", "--eager", *other) == 2
        assert f"and {' '.join(other)} needs the step as a whole" in capsys.readouterr().err
    assert not (place / "refused").exists()


def test_several_steps_a_call_are_the_same_steps(place: Path) -> None:
    assert train(place, "calls", "--set", "train.steps_per_call=3", "--set", "train.log_every=6") == 0
    expected = {row["step"]: row for row in rows(place / "whole")}
    for row in rows(place / "calls"):
        assert row == pytest.approx(expected[row["step"]], rel=1e-5)
    for name, given in weights(place / "whole").items():
        np.testing.assert_allclose(weights(place / "calls")[name], given, rtol=1e-4, atol=1e-6, err_msg=name)
