"""Which checkpoint a run's folder stands for: all commands agree, and `compile` takes none but the newest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from slimdsl.cli.main import main
from slimdsl.runtime.checkpoints import checkpoint_path, write_state
from slimdsl.runtime.newest import newest, newest_that_is_whole
from slimdsl.types import DType
from slimdsl.weights.bundle_writer import DATA_SUFFIX, INDEX_SUFFIX, write_bundle
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import StoredTensor

NET = """slim 1

net flat(classes = 3) {
  input images: float32[N, 2, 2, 1]
  flatten
  fc(classes, activation=none, biases_init=none) as logits
  output logits
}
"""

Run = Callable[..., tuple[int, str, str]]


def numbers(step: int) -> bytes:
    return np.full((4, 3), step, "<f4").tobytes()


def add_checkpoint(folder: Path, step: int) -> None:
    """A checkpoint whose weights are all the step."""
    weights = StoredTensor(name="flat/logits/weights", dtype=DType.FLOAT32, shape=(4, 3))
    slot = StoredTensor(name="flat/logits/weights/Momentum", dtype=DType.FLOAT32, shape=(4, 3))
    counter = StoredTensor(name="global_step", dtype=DType.INT64, shape=())
    written = [
        (weights, lambda sink: sink(numbers(step))),
        (slot, lambda sink: sink(numbers(-step))),
        (counter, lambda sink: sink(step.to_bytes(8, "little"))),
    ]
    write_bundle(checkpoint_path(str(folder), step), written)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a network, data, and `run` with checkpoints of the steps 5, 9 and 12."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIMDSL_NO_VERIFY", "1")
    (tmp_path / "flat.slim").write_text(NET)
    np.savez(tmp_path / "data.npz", images=np.ones((6, 2, 2, 1), np.float32), labels=np.arange(6) % 3)
    np.savez(tmp_path / "x.npz", images=np.ones((1, 2, 2, 1), np.float32))
    (tmp_path / "run").mkdir()
    data = {"spec": "data.npz", "examples": 6, "preprocessing": "none"}
    (tmp_path / "run" / "recipe.json").write_text(json.dumps({"recipe": {}, "data": data}))
    for step in (5, 9, 12):
        add_checkpoint(tmp_path / "run", step)
    write_state(str(tmp_path / "run"), [5, 9, 12])
    return tmp_path


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_line(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_line


def flipped(prefix: Path) -> None:
    path = Path(f"{prefix}{DATA_SUFFIX}")
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)


def cut(prefix: Path) -> None:
    os.truncate(f"{prefix}{DATA_SUFFIX}", 7)


def emptied(prefix: Path) -> None:
    os.truncate(f"{prefix}{INDEX_SUFFIX}", 0)


def without_data(prefix: Path) -> None:
    os.unlink(f"{prefix}{DATA_SUFFIX}")


def gone(prefix: Path) -> None:
    for suffix in (DATA_SUFFIX, INDEX_SUFFIX):
        os.unlink(f"{prefix}{suffix}")


DAMAGES = [
    (flipped, "its checksum is wrong"),
    (cut, "and `model.ckpt-12.data-00000-of-00001` has 7"),
    (emptied, "it is empty"),
    (without_data, "its data file `model.ckpt-12.data-00000-of-00001` is missing"),
    (gone, "its file `checkpoint` names the checkpoint `model.ckpt-12`, which is not there"),
]

Damage = Callable[[Path], None]


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_damaged_one_is_passed_over_and_named(run: Run, place: Path, command: str, damage: Damage, said: str) -> None:
    damage(place / "run" / "model.ckpt-12")
    inputs = ["x.npz", "-o", "out.npz"] if command == "predict" else ["--split", "all"]
    code, out, err = run(command, "flat.slim", *inputs, "--weights", "run")
    assert code == 0, err
    (line,) = [line for line in err.splitlines() if line.startswith("slimdsl: ")]
    assert said in line
    assert "model.ckpt-12" in line
    assert line.endswith("; `run/model.ckpt-9` is taken, the newest checkpoint that is whole")
    assert "flat with run/model.ckpt-9 (" in (out if command == "predict" else err)
    if command == "predict":
        np.testing.assert_array_equal(np.load("out.npz")["logits"], [[36.0] * 3])
    else:
        assert out.startswith("step 9: ")


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_nothing_is_compiled_of_an_older_one_that_was_not_named(
    run: Run, place: Path, damage: Damage, said: str
) -> None:
    damage(place / "run" / "model.ckpt-12")
    code, out, err = run("compile", "flat.slim", "--weights", "run")
    assert (code, out) == (1, "")
    assert said in err
    assert "the newest checkpoint of the run that is whole is `run/model.ckpt-9`: name that" in err
    assert not list(place.glob("flat.*pb"))
    code, out, _ = run("compile", "flat.slim", "--weights", "run/model.ckpt-9")
    assert code == 0
    assert numbers(9) in (place / "flat.pb").read_bytes()


@pytest.mark.parametrize(
    "command", [("compile",), ("predict", "x.npz", "-o", "out.npz"), ("evaluate", "--split", "all")], ids=lambda c: c[0]
)
def test_a_checkpoint_that_nothing_names_yet_is_the_newest(run: Run, place: Path, command: tuple[str, ...]) -> None:
    """As a kill between the checkpoint and the file that names it leaves it."""
    add_checkpoint(place / "run", 20)
    name, *inputs = command
    code, out, err = run(name, "flat.slim", *inputs, "--weights", "run")
    assert code == 0
    assert "run/model.ckpt-20 (" in out + err
    assert "newest" not in err


@pytest.mark.parametrize("command", [("compile",), ("predict", "x.npz"), ("evaluate",)], ids=lambda c: c[0])
def test_a_run_without_a_whole_one_is_an_error(run: Run, place: Path, command: tuple[str, ...]) -> None:
    for step in (5, 9, 12):
        flipped(place / "run" / f"model.ckpt-{step}")
    name, *inputs = command
    code, out, err = run(name, "flat.slim", *inputs, "--weights", "run")
    assert (code, out) == (1, "")
    assert "error[E0505]: `run/model.ckpt-12` cannot be read: " in err
    assert "its checksum is wrong" in err
    assert ("no checkpoint of the run is whole" in err) is (name != "compile")


def test_of_several_damaged_ones_each_is_named(run: Run, place: Path) -> None:
    flipped(place / "run" / "model.ckpt-9")
    gone(place / "run" / "model.ckpt-12")
    code, _, err = run("predict", "flat.slim", "x.npz", "--weights", "run", "--json")
    assert code == 0
    first, second = err.splitlines()
    assert "`model.ckpt-12`, which is not there; `run/model.ckpt-5` is taken" in first
    assert "`run/model.ckpt-9` cannot be read: " in second


def test_what_is_named_is_taken_or_an_error(run: Run, place: Path) -> None:
    flipped(place / "run" / "model.ckpt-12")
    for given in (["--weights", "run/model.ckpt-12"], ["--weights", "run", "--step", "12"]):
        code, out, err = run("predict", "flat.slim", "x.npz", *given)
        assert (code, out) == (1, "")
        assert "its checksum is wrong" in err
        assert "newest" not in err


def test_what_no_run_has_written_goes_by_the_file_that_names_it(run: Run, place: Path) -> None:
    """TF-Slim's folder may hold checkpoints of later steps that an earlier training has left."""
    (place / "run" / "recipe.json").unlink()
    write_state(str(place / "run"), [5, 9])
    assert run("compile", "flat.slim", "--weights", "run")[0] == 0
    assert numbers(9) in (place / "flat.pb").read_bytes()
    flipped(place / "run" / "model.ckpt-9")
    code, _, err = run("compile", "flat.slim", "--weights", "run")
    assert code == 1
    assert "name that" not in err


def test_weights_that_are_none_are_left_to_those_who_read_them(place: Path) -> None:
    (place / "empty").mkdir()
    (place / "empty" / "recipe.json").write_text("{}")
    for weights in ("nowhere", "x.npz", "run/model.ckpt-9", "empty"):
        assert newest(weights) == weights
        assert newest_that_is_whole(weights).weights == weights
    (place / "empty" / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-1"\n')
    with pytest.raises(WeightsError, match="which is not there"):
        newest("empty")


def test_a_training_that_begins_with_a_run_says_the_same(run: Run, place: Path) -> None:
    train = ("train", "flat.slim", "--data", "data.npz", "--batch", "2", "--steps", "1", "--init", "run")
    flipped(place / "run" / "model.ckpt-12")
    code, _, err = run(*train, "--dry-run")
    assert code == 1
    assert "`run/model.ckpt-9`: name that" in err
    add_checkpoint(place / "run", 20)
    assert run(*train, "--dry-run")[0] == 0
