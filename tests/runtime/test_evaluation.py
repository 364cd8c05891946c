"""`slimdsl evaluate`: metrics against numpy's, each example once, moving averages, and runs that are followed."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from slimdsl.cli.main import main
from slimdsl.runtime.checkpoints import checkpoint_path, write_state
from slimdsl.runtime.following import EvaluationLog, Found, found_checkpoints, new_checkpoints
from slimdsl.runtime.run_record import read_run_record
from slimdsl.types import DType
from slimdsl.weights.bundle_writer import write_bundle
from slimdsl.weights.stored import StoredTensor
from slimdsl.weights.training_state import SHADOW

Array = npt.NDArray[Any]
Run = Callable[..., tuple[int, str, str]]

NET = """slim 1

net flat(classes = 3) {
  input images: float32[N, 2, 2, 1]
  flatten
  fc(classes, activation=none) as logits
  output logits
}
"""

TRAIN = """
train {
  input labels: int32[N]
  loss softmax_cross_entropy(logits, labels)
  metric accuracy(logits, labels)
  metric top_k(logits, labels, k=2)
  batch = 8
  steps = 30
  AVERAGES
}
"""

NO_METRICS = """
train {
  input labels: float32[N, 3]
  loss mean_squared_error(logits, labels)
}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks, data, and weights of two kinds: values, and other values as their averages."""
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "flat.slim").write_text(NET + TRAIN.replace("AVERAGES", ""))
    (folder / "averaged.slim").write_text(NET + TRAIN.replace("AVERAGES", "averages = 0.99"))
    (folder / "regression.slim").write_text(NET + NO_METRICS)
    random = np.random.default_rng(0)
    np.savez(folder / "data.npz", images=images_of(random, 45), labels=random.integers(0, 3, 45))
    save(folder / "w", values(0))
    save(folder / "both", {**values(0), **{name + SHADOW: array for name, array in values(1).items()}}, step=7)
    (folder / "pictures" / "a").mkdir(parents=True)
    (folder / "pictures" / "b").mkdir()
    for number in range(8):
        cv2.imwrite(str(folder / "pictures" / "ab"[number % 2] / f"{number}.png"), np.full((2, 2), 9, np.uint8))
    return folder


def images_of(random: np.random.Generator, count: int) -> Array:
    return random.standard_normal((count, 2, 2, 1)).astype(np.float32)


def values(seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {
        "flat/logits/weights": random.standard_normal((4, 3)).astype(np.float32),
        "flat/logits/biases": random.standard_normal(3).astype(np.float32),
    }


def save(prefix: Path, arrays: Mapping[str, Array], step: int | None = None) -> None:
    """Write a checkpoint."""
    steps = {} if step is None else {"global_step": np.array(step, np.int64)}

    def written(name: str, array: Array) -> tuple[StoredTensor, Callable[[Any], None]]:
        stored = StoredTensor(name=name, dtype=DType(array.dtype.name), shape=array.shape)
        return stored, lambda sink: sink(np.ascontiguousarray(array).tobytes())

    everything = {**arrays, **steps}
    write_bundle(str(prefix), [written(name, everything[name]) for name in sorted(everything)])


def expected(place: Path, seed: int) -> dict[str, float]:
    with np.load(place / "data.npz") as data:
        images, labels = data["images"], data["labels"]
    scores = images.reshape(len(images), -1) @ values(seed)["flat/logits/weights"] + values(seed)["flat/logits/biases"]
    order = np.argsort(-scores, axis=1)
    hits = order == labels[:, np.newaxis]
    return {"accuracy": hits[:, 0].mean(), "top_2": hits[:, :2].any(axis=1).mean()}


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Evaluate in that folder, on all of its data."""
    monkeypatch.chdir(place)

    def run_line(net: str, *arguments: str, own_data: bool = False) -> tuple[int, str, str]:
        data = [] if "--data" in arguments or own_data else ["--data", "data.npz", "--split", "all"]
        capsys.readouterr()
        code = main(["evaluate", f"{net}.slim", *data, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_line


@pytest.mark.parametrize("batch", ["1", "7", "45", "1000"])
def test_every_example_counts_once_whatever_the_batch(run: Run, place: Path, batch: str) -> None:
    code, out, err = run("flat", "--weights", "w", "--batch", batch, "--json")
    assert code == 0
    found = json.loads(out)
    assert found == {
        **{name: pytest.approx(number, abs=1e-6) for name, number in expected(place, 0).items()},
        "step": None,
        "examples": 45,
    }
    assert err.splitlines()[1].startswith("  45 examples of ")
    assert err.splitlines()[1].endswith("; preprocessing none")


@pytest.mark.parametrize(
    ("net", "weights", "options", "seed", "said"),
    [
        ("flat", "both", [], 0, ", without its moving averages (--ema takes them)"),
        ("flat", "both", ["--ema"], 1, ", 2 moving averages (--no-ema takes the values themselves)"),
        ("flat", "both", ["--set", "train.averages=0.9"], 1, ", 2 moving averages"),
        ("averaged", "both", [], 1, ", 2 moving averages"),
        ("averaged", "both", ["--no-ema"], 0, ", without its moving averages"),
        ("averaged", "w", [], 0, "the recipe keeps them, and the file has none"),
    ],
)
def test_moving_averages_are_taken_where_the_recipe_keeps_them(
    run: Run, place: Path, net: str, weights: str, options: list[str], seed: int, said: str
) -> None:
    code, out, err = run(net, "--weights", weights, *options, "--json")
    assert code == 0
    assert said in err.splitlines()[0]
    assert json.loads(out)["accuracy"] == pytest.approx(expected(place, seed)["accuracy"], abs=1e-6)
    assert json.loads(out)["step"] == (7 if weights == "both" else None)


def test_some_examples_evenly_spread(run: Run, place: Path) -> None:
    with np.load(place / "data.npz") as data:
        chosen = [number * 45 // 20 for number in range(20)]
        np.savez(place / "some.npz", images=data["images"][chosen], labels=data["labels"][chosen])
    code, out, err = run("flat", "--weights", "w", "--examples", "20", "--json")
    assert code == 0
    assert err.splitlines()[1].startswith(
        "  20 examples of archive of arrays, evenly spread over 45; nothing is held out"
    )
    _, expected_out, _ = run("flat", "--weights", "w", "--data", "some.npz", "--split", "all", "--json")
    assert json.loads(out) == json.loads(expected_out)
    assert run("flat", "--weights", "w", "--examples", "46", "--json")[1] == run("flat", "--weights", "w", "--json")[1]
    assert run("flat", "--weights", "w", "--examples", "0")[0] == 2
    code, out, _ = run("flat", "--weights", "w", "--data", "pictures", "--split", "all", "--examples", "3", "--json")
    assert (code, json.loads(out)["examples"]) == (0, 3)


def test_a_line_for_people(run: Run, place: Path) -> None:
    code, out, _ = run("flat", "--weights", "both")
    accuracy, top = expected(place, 0).values()
    assert (code, out) == (0, f"step 7: accuracy {accuracy:.6g}, top_2 {top:.6g}\n")


@pytest.mark.parametrize(
    ("net", "arguments", "code", "said"),
    [
        ("flat", ["--weights", "missing"], 2, "cannot read `missing`"),
        ("flat", ["--logdir", "missing"], 2, "there is no folder `missing`"),
        ("flat", ["--logdir", "pictures"], 1, "the folder has no `checkpoint`"),
        ("flat", ["--weights", "w", "--ema", "--no-ema"], 2, "cannot both be"),
        ("flat", ["--weights", "w", "--ema"], 1, "has no moving averages"),
        ("flat", ["--weights", "w", "--follow"], 2, "--follow needs"),
        ("flat", ["--weights", "w", "--set", "train.nothing=1"], 2, "nothing"),
        ("flat", ["--weights", "w", "--set", "batch"], 2, "write --set train.key=value"),
        ("flat", ["--weights", "w", "--set", "train.batch=1", "--set", "batch=2"], 2, "is given twice"),
        ("flat", ["--weights", "w", "--data", "nowhere"], 2, "there is no file or folder `nowhere`"),
        ("flat", ["--weights", "w", "--preprocessing", "other"], 2, "there is no preprocessing `other`"),
        ("flat", ["--weights", "w", "-D", "classes=4"], 1, "flat/logits/weights"),
        ("flat", ["--weights", "w", "--batch", "0"], 2, "at least 1"),
        ("flat", [], 2, "one of the arguments --weights --logdir is required"),
        ("regression", ["--weights", "w"], 2, "names no metric"),
    ],
)
def test_what_cannot_be_evaluated(run: Run, net: str, arguments: list[str], code: int, said: str) -> None:
    found, out, err = run(net, *arguments)
    assert (found, out) == (code, "")
    assert said in err


def test_a_damaged_image_and_labels_outside_are_named(run: Run, place: Path) -> None:
    code, out, _ = run("flat", "--weights", "w", "--data", "pictures", "--split", "all", "--json")
    assert (code, json.loads(out)["examples"]) == (0, 8)
    bad = place / "pictures" / "b" / "3.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:40])
    code, out, err = run("flat", "--weights", "w", "--data", "pictures", "--split", "all")
    bad.write_bytes(whole)
    assert (code, out) == (1, "")
    assert "3.png`" in err.splitlines()[-1]
    with np.load(place / "data.npz") as data:
        np.savez(place / "outside.npz", images=data["images"], labels=data["labels"] + 1)
    code, out, err = run("flat", "--weights", "w", "--data", "outside.npz")
    assert (code, out) == (1, "")
    assert "label 3" in err


def add_checkpoint(folder: Path, step: int, seed: int) -> None:
    """Write what `slimdsl train` writes for a step."""
    save(Path(checkpoint_path(str(folder), step)), values(seed), step=step)
    write_state(str(folder), [found.step for found in found_checkpoints(str(folder))])


def record(folder: Path, **recipe: Any) -> None:
    data = {"spec": "data.npz", "examples": 36, "preprocessing": "none"}
    (folder / "recipe.json").write_text(json.dumps({"recipe": recipe, "data": data}))


def test_a_run_is_evaluated_with_its_own_data(run: Run, place: Path) -> None:
    folder = place / "own"
    folder.mkdir()
    record(folder, steps=30)
    add_checkpoint(folder, 10, seed=0)
    code, out, err = run("flat", "--logdir", "own", "--split", "all", "--json", own_data=True)
    assert code == 0
    assert err.splitlines()[1].endswith("; preprocessing none")
    assert (json.loads(out)["examples"], json.loads(out)["step"]) == (45, 10)


def test_data_of_a_run_that_have_moved_are_asked_for(run: Run, tmp_path: Path) -> None:
    data = {"spec": "gone.npz", "path": str(tmp_path / "gone.npz"), "preprocessing": "none"}
    (tmp_path / "recipe.json").write_text(json.dumps({"recipe": {"steps": 30}, "data": data}))
    add_checkpoint(tmp_path, 10, seed=0)
    code, _, err = run("flat", "--logdir", str(tmp_path), own_data=True)
    assert code == 2
    assert f"data of the run `{tmp_path}` are not at `{tmp_path}/gone.npz` any more: --data says where they are" in err
    assert run("flat", "--logdir", str(tmp_path))[0] == 0
    # What is wrong for another reason is said as ever.
    _, _, err = run("flat", "--logdir", str(tmp_path), "--data", "nowhere", own_data=True)
    assert "there is no file or folder `nowhere`" in err


@pytest.mark.parametrize("named", ["model.ckpt-10", "model.ckpt-10.index", "checkpoint"])
def test_a_checkpoint_of_a_run_is_evaluated_as_the_run(run: Run, place: Path, tmp_path: Path, named: str) -> None:
    record(tmp_path, steps=30, averages=0.9)
    averages = {name + SHADOW: array for name, array in values(1).items()}
    save(tmp_path / "model.ckpt-10", {**values(0), **averages}, step=10)
    write_state(str(tmp_path), [10])
    weights = str(tmp_path / named)
    code, out, err = run("flat", "--weights", weights, "--split", "all", "--json", own_data=True)
    assert code == 0
    assert json.loads(out)["accuracy"] == pytest.approx(expected(place, 1)["accuracy"], abs=1e-6)
    assert json.loads(out)["examples"] == 45
    assert err.splitlines()[0].endswith(
        f", 2 moving averages (--no-ema takes the values themselves), data and preprocessing of the run `{tmp_path}`"
    )


def test_what_lies_in_the_folder_of_a_run_is_not_of_that_run(run: Run, tmp_path: Path) -> None:
    record(tmp_path, steps=30)
    add_checkpoint(tmp_path, 10, seed=0)
    save(tmp_path / "other", values(0))
    code, _, err = run("flat", "--weights", str(tmp_path / "other"))
    assert (code, "of the run" in err) == (0, False)


def test_a_step_of_a_run_can_be_chosen(run: Run, place: Path, tmp_path: Path) -> None:
    record(tmp_path, steps=30)
    for step, seed in ((10, 0), (20, 1), (30, 2)):
        add_checkpoint(tmp_path, step, seed)
    (tmp_path / "best.json").write_text('{"step": 20, "total_loss": 0.5}')
    for chosen, step, seed in (("10", 10, 0), ("best", 20, 1), ("30", 30, 2)):
        code, out, _ = run("flat", "--logdir", str(tmp_path), "--step", chosen, "--json")
        assert code == 0
        assert json.loads(out)["step"] == step
        assert json.loads(out)["accuracy"] == pytest.approx(expected(place, seed)["accuracy"], abs=1e-6)
    (tmp_path / "best.json").unlink()
    for options, said in (
        (["--logdir", str(tmp_path), "--step", "11"], "has no checkpoint of that step, but of 10, 20, 30"),
        (["--logdir", str(tmp_path), "--step", "best"], "does not say which of its checkpoints is the best"),
        (["--logdir", str(tmp_path), "--step", "last"], "must be the number of a step, or best"),
        (["--logdir", str(tmp_path), "--step", "10", "--follow"], "leave one out"),
        (["--weights", "w", "--step", "10"], "chooses a checkpoint of a run's folder, and `w` is none"),
    ):
        code, out, err = run("flat", *options)
        assert (code, out) == (2, "")
        assert said in err


def test_a_run_is_followed_to_its_last_step(run: Run, place: Path) -> None:
    folder = place / "followed"
    folder.mkdir()
    record(folder, steps=30)
    add_checkpoint(folder, 10, seed=0)

    def train() -> None:
        for step, seed in ((20, 1), (30, 2)):
            time.sleep(0.5)
            add_checkpoint(folder, step, seed)

    trainer = threading.Thread(target=train)
    trainer.start()
    code, out, _ = run("flat", "--logdir", "followed", "--follow", "--json")
    trainer.join()
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["step"] for row in rows] == [10, 20, 30]
    for row, seed in zip(rows, (0, 1, 2), strict=True):
        assert row["accuracy"] == pytest.approx(expected(place, seed)["accuracy"], abs=1e-6)
    logged = [json.loads(line) for line in (folder / "eval.jsonl").read_text().splitlines()]
    assert [{**row, "saved": None} for row in logged] == [{**row, "saved": None} for row in rows]
    events = EventAccumulator(str(folder / "eval"))
    events.Reload()
    assert [event.step for event in events.Scalars("metrics/accuracy")] == [10, 20, 30]

    # Once more: nothing is computed again, but a checkpoint that another run has written since.
    add_checkpoint(folder, 20, seed=0)
    os.utime(checkpoint_path(str(folder), 20) + ".index", (1, 1))
    code, out, _ = run("flat", "--logdir", "followed", "--follow", "--json")
    again = {row["step"]: row["accuracy"] for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert again == {10: rows[0]["accuracy"], 20: pytest.approx(rows[0]["accuracy"]), 30: rows[2]["accuracy"]}
    assert len((folder / "eval.jsonl").read_text().splitlines()) == 4


def test_a_damaged_checkpoint_of_a_run_that_is_followed_is_left_out(run: Run, place: Path) -> None:
    folder = place / "damaged"
    folder.mkdir()
    record(folder, steps=30)
    for step in (10, 20, 30):
        add_checkpoint(folder, step, seed=step)
    for step, suffix in ((10, ".index"), (20, ".data-00000-of-00001")):
        path = Path(checkpoint_path(str(folder), step) + suffix)
        content = bytearray(path.read_bytes())
        content[5] ^= 1
        path.write_bytes(content)
    code, out, err = run("flat", "--logdir", "damaged", "--follow", "--json")
    assert code == 1
    assert [json.loads(line)["step"] for line in out.splitlines()] == [30]
    left_out = [line for line in err.splitlines() if line.endswith("; it is left out")]
    assert [step for line in left_out for step in (10, 20, 30) if f"model.ckpt-{step}" in line] == [10, 20]


def test_following_goes_on_until_the_last_step(tmp_path: Path) -> None:
    found = new_checkpoints(str(tmp_path), (), 20, poll=0.01)
    add_checkpoint(tmp_path, 10, 0)
    assert next(found).step == 10
    add_checkpoint(tmp_path, 20, 0)
    assert [each.step for each in found] == [20]
    (first, second) = found_checkpoints(str(tmp_path))
    assert list(new_checkpoints(str(tmp_path), [second], 20)) == [first]
    assert list(new_checkpoints(str(tmp_path), [first, second], 15)) == []
    assert isinstance(first, Found)


def test_a_run_that_is_removed_ends_its_following(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place / "removed"
    folder.mkdir()
    record(folder, steps=30)
    add_checkpoint(folder, 10, seed=0)

    def remove(seconds: float) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    monkeypatch.setattr(time, "sleep", remove)
    code, out, err = run("flat", "--logdir", "removed", "--follow", "--json")
    assert (code, [json.loads(line)["step"] for line in out.splitlines()]) == (1, [10])
    assert err.splitlines()[-1] == "slimdsl: `removed` has been removed, so nothing is left to follow"


def test_wrong_data_are_found_before_a_checkpoint_is_waited_for(run: Run, place: Path) -> None:
    (place / "not_begun").mkdir()
    code, _, err = run("flat", "--logdir", "not_begun", "--follow", "--data", "nowhere.npz")
    assert code == 2
    assert "there is no file or folder `nowhere.npz`" in err
    assert "waiting" not in err


def test_a_checkpoint_that_nothing_names_yet_is_the_last(run: Run, place: Path) -> None:
    folder = place / "unnamed"
    folder.mkdir()
    record(folder, steps=30)
    add_checkpoint(folder, 10, seed=0)
    # As a kill between the checkpoint and the file that names it leaves it.
    save(Path(checkpoint_path(str(folder), 20)), values(1), step=20)
    code, out, _ = run("flat", "--logdir", "unnamed", "--json")
    assert (code, json.loads(out)["step"]) == (0, 20)


def test_a_log_of_a_run_that_began_anew_begins_anew(tmp_path: Path) -> None:
    add_checkpoint(tmp_path, 10, 0)
    log = EvaluationLog(str(tmp_path))
    (found,) = found_checkpoints(str(tmp_path))
    log.add(found, {"accuracy": 0.5}, 9)
    (tmp_path / "eval.jsonl").unlink()
    shutil.rmtree(tmp_path / "eval")
    log.add(found, {"accuracy": 0.25}, 9)
    log.close()
    assert [json.loads(line)["accuracy"] for line in (tmp_path / "eval.jsonl").read_text().splitlines()] == [0.25]
    assert os.listdir(tmp_path / "eval")


def test_a_metric_that_is_no_number_is_null(tmp_path: Path) -> None:
    add_checkpoint(tmp_path, 10, 0)
    log = EvaluationLog(str(tmp_path))
    (found,) = found_checkpoints(str(tmp_path))
    log.add(found, {"perplexity": np.inf}, 9)
    (row,) = (tmp_path / "eval.jsonl").read_text().splitlines()
    assert '"perplexity": null' in row
    assert np.isnan(log.done(["perplexity"], 9)[found]["perplexity"])
    log.close()


def test_rows_that_were_cut_off_or_are_of_an_earlier_run_go(place: Path, tmp_path: Path) -> None:
    add_checkpoint(tmp_path, 10, 0)
    rows = ['{"step": 5, "accuracy": 1.0, "saved": 1}', '{"step": 11, "accuracy": 1.0}', '"text"', '{"step": 3, "acc']
    (tmp_path / "eval.jsonl").write_text("\n".join(rows))
    log = EvaluationLog(str(tmp_path))
    assert log.done(["accuracy"], 9) == {}
    (found,) = found_checkpoints(str(tmp_path))
    log.add(found, {"accuracy": 0.5}, 9)
    assert list(log.done(["accuracy"], 9)) == [found]
    assert log.done(["accuracy", "top_5"], 9) == log.done(["accuracy"], 10) == {}
    log.close()
    assert [json.loads(line)["step"] for line in (tmp_path / "eval.jsonl").read_text().splitlines()] == [5, 10]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"recipe": 3, "data": [1]}', '{"recipe": {"steps": "x", "batch": 0}}']
)
def test_a_record_of_another_making_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    found = read_run_record(str(tmp_path))
    assert found is None or (found.data, found.preprocessing, found.averages, found.last) == ("", "", False, None)
    assert read_run_record(str(tmp_path / "nowhere")) is None


def test_a_record_says_when_the_run_ends(tmp_path: Path) -> None:
    for recipe, last in (({"steps": 5}, 5), ({"epochs": 2.5, "batch": 8}, 10), ({"epochs": 1, "batch": 100}, 1)):
        record(tmp_path, **recipe)
        found = read_run_record(str(tmp_path))
        assert found is not None
        assert found.last == last


def test_a_record_that_says_its_length_ends_there(tmp_path: Path) -> None:
    record(tmp_path, epochs=2.5, batch=8)
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "length": 11}))
    found = read_run_record(str(tmp_path))
    assert found is not None
    assert found.last == 11
