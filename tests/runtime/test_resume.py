"""Going on: values come back under their names, or it is said what differs; a folder is used for its own run alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.runtime.checkpoints import Checkpoints, checkpoint_path
from slimdsl.runtime.resume import host_values, restore
from slimdsl.runtime.run_files import RunError
from slimdsl.runtime.run_folder import begin, occupied, prepare, require_unchanged
from slimdsl.weights.source import WeightsError

DOCUMENT: dict[str, Any] = {
    "slimdsl": "0.1",
    "network": {"name": "net", "variables": {"net/w": [2]}},
    "recipe": {
        "batch": 32,
        "steps": 10,
        "log_every": 5,
        "trainable": (),
        "optimizer": {"name": "sgd"},
        "losses": ({"name": "main", "operands": ("logits", "labels")}, {"name": "aux", "loss": {"weight": 0.4}}),
        "metrics": ({"name": "accuracy", "operands": ("logits", "labels")},),
    },
    "data": {"spec": "digits", "examples": 100},
    "precision": "float32",
    "machine": {"device": "the CPU"},
}


MAIN = {"name": "main", "operands": ["logits", "labels"]}
AUXILIARY = {"name": "aux", "loss": {"weight": 0.3}}


def _changed(**parts: Any) -> dict[str, object]:
    changed = json.loads(json.dumps(DOCUMENT))
    for part, entries in parts.items():
        if isinstance(entries, dict):
            changed[part].update(entries)
        else:
            changed[part] = entries
    return dict(changed)


def _variables(**given: Any) -> dict[str, tf.Variable]:
    return {name: tf.Variable(value) for name, value in given.items()}


def _saved(folder: Path, step: int, variables: dict[str, tf.Variable]) -> str:
    checkpoints = Checkpoints(str(folder), keep=5)
    checkpoints.save(step, host_values(variables))
    checkpoints.wait()
    return checkpoint_path(str(folder), step)


def test_all_values_come_back(tmp_path: Path) -> None:
    half = tf.constant([0.1, 2.0], tf.bfloat16)
    first = _variables(w=np.array([[1, 2], [3, 4]], np.float32), half=half, global_step=np.int64(7))
    prefix = _saved(tmp_path, 7, first)
    second = _variables(w=np.zeros([2, 2], np.float32), half=tf.zeros([2], tf.bfloat16), global_step=np.int64(0))
    restore(second, prefix)
    for name, variable in first.items():
        np.testing.assert_array_equal(second[name].numpy(), variable.numpy())


def test_copies_do_not_change_with_the_variable() -> None:
    variables = _variables(w=np.zeros([1000], np.float32))
    copies = host_values(variables)
    variables["w"].assign_add(np.ones([1000], np.float32))
    assert not copies["w"].any()


def test_a_checkpoint_of_another_training_is_refused_whole(tmp_path: Path) -> None:
    prefix = _saved(
        tmp_path,
        1,
        _variables(w=np.array([1, 2], np.float32), b=np.array([1], np.float32), step=np.int64(1), old=np.float32(0)),
    )
    others = _variables(w=np.zeros([3], np.float32), b=np.zeros([1], np.float32), step=np.int32(0), new=np.float32(0))
    with pytest.raises(WeightsError) as caught:
        restore(others, prefix)
    message = str(caught.value)
    assert "`w` is [2] there and [3] here" in message
    assert "`step` is int64 there and int32 here" in message
    assert "it has no `new`; and 1 more" in message
    assert others["b"].numpy() == [0]


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    variables = _variables(w=np.array([1, 2], np.float32))
    prefix = _saved(tmp_path, 1, variables)
    data = Path(f"{prefix}.data-00000-of-00001")
    data.write_bytes(b"\0" * data.stat().st_size)
    with pytest.raises(WeightsError):
        restore(variables, prefix)


def test_a_folder_that_is_new_or_has_other_files_begins(tmp_path: Path) -> None:
    assert prepare(str(tmp_path / "new"), DOCUMENT, fresh=False).start is None
    (tmp_path / "notes.txt").write_text("mine")
    assert prepare(str(tmp_path), DOCUMENT, fresh=False).start is None


def test_the_same_run_goes_on(tmp_path: Path) -> None:
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    assert prepare(str(tmp_path), DOCUMENT, fresh=False).start is None
    _saved(tmp_path, 4, _variables(w=np.float32(0)))
    assert prepare(str(tmp_path), DOCUMENT, fresh=False).start == 4
    # What changes no step may change, and so may the machine.
    metrics = [{"name": "accuracy", "operands": ["auxiliary", "labels"]}, {"name": "top_5"}]
    other = _changed(
        recipe={"steps": 99, "log_every": 1, "metrics": metrics}, machine={"device": "a GPU"}, slimdsl="0.2"
    )
    assert prepare(str(tmp_path), other, fresh=False).start == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"network": {"name": "other"}}, '`network.name` was "net" and is "other"'),
        ({"network": {"variables": {"net/w": [3]}}}, "`network.variables.net/w` was [2] and is [3]"),
        ({"recipe": {"batch": 8}}, "`recipe.batch` was 32 and is 8"),
        ({"recipe": {"optimizer": {"name": "sgd", "rate": 1}}}, "`recipe.optimizer.rate` is new: 1"),
        ({"recipe": {"losses": [MAIN]}}, '`recipe.losses.aux` is gone: it was {"name": "aux", "loss": {"weight"'),
        ({"recipe": {"losses": [MAIN, AUXILIARY]}}, "`recipe.losses.aux.loss.weight` was 0.4 and is 0.3"),
        ({"recipe": {"losses": DOCUMENT["recipe"]["losses"][::-1]}}, "`recipe.losses` was [{"),
        ({"recipe": {"losses": []}}, "`recipe.losses` was [{"),
        ({"data": {"examples": 99}}, "`data.examples` was 100 and is 99"),
        ({"precision": "bfloat16"}, '`precision` was "float32" and is "bfloat16"'),
    ],
)
def test_another_run_is_refused_with_what_differs(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    with pytest.raises(RunError) as caught:
        prepare(str(tmp_path), _changed(**change), fresh=False)
    assert said in str(caught.value)
    assert "--fresh" in str(caught.value)
    assert prepare(str(tmp_path), _changed(**change), fresh=True).start is None


def test_checkpoints_of_nobody_knows_what_are_left_alone(tmp_path: Path) -> None:
    _saved(tmp_path, 3, _variables(w=np.float32(0)))
    for fresh in (False, True):
        with pytest.raises(RunError, match=r"no run of `slimdsl train`: --logdir"):
            prepare(str(tmp_path), DOCUMENT, fresh=fresh)


@pytest.mark.parametrize("text", ["", "[]", '{"recipe": ', '{"flour": "500 g"}'])
def test_a_damaged_record_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(RunError, match=r"recipe\.json"):
        prepare(str(tmp_path), DOCUMENT, fresh=False)


@pytest.mark.parametrize("text", ["[]", '{"flour": "500 g"}'])
def test_what_is_no_record_is_not_given_up(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(RunError, match="is no record of a run"):
        prepare(str(tmp_path), DOCUMENT, fresh=True)


@pytest.mark.parametrize("text", ["", '{"recipe": '])
def test_a_run_with_a_damaged_record_can_be_given_up(tmp_path: Path, text: str) -> None:
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    _saved(tmp_path, 4, _variables(w=np.float32(0)))
    (tmp_path / "recipe.json").write_text(text)
    assert prepare(str(tmp_path), DOCUMENT, fresh=True).start is None
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    assert sorted(os.listdir(tmp_path)) == ["recipe.json", "recipe.slim"]


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "best.json", "recipe.slim", "events.out.tfevents.1.host", "model.ckpt-7.index"]
)
def test_files_of_others_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    for fresh in (False, True):
        with pytest.raises(RunError, match=f"holds `{name}` and no recipe.json"):
            prepare(str(tmp_path), DOCUMENT, fresh=fresh)
    with pytest.raises(RunError, match=f"holds `{name}`"):
        begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


def test_a_run_that_has_begun_meanwhile_is_seen(tmp_path: Path) -> None:
    found = prepare(str(tmp_path), DOCUMENT, fresh=False)
    require_unchanged(str(tmp_path), found)
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    with pytest.raises(RunError, match=r"another process has trained in `.*` since this one looked at it: the same"):
        require_unchanged(str(tmp_path), found)
    found = prepare(str(tmp_path), DOCUMENT, fresh=False)
    _saved(tmp_path, 4000, _variables(w=np.float32(0)))
    with pytest.raises(RunError, match="up to step 4,000"):
        require_unchanged(str(tmp_path), found)


def test_what_cannot_be_removed_is_told(tmp_path: Path) -> None:
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    (tmp_path / "best.json").mkdir()
    with pytest.raises(RunError, match=r"cannot remove `.*best\.json`: "):
        begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is no folder; --logdir"):
        prepare(str(tmp_path / "file"), DOCUMENT, fresh=False)


@pytest.mark.parametrize(("name", "said"), [("run\udce9", "is not UTF-8"), ("run\0", "holds a zero byte")])
def test_a_name_that_nothing_can_be_written_under_is_told(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        prepare(str(tmp_path / name), DOCUMENT, fresh=False)


def test_beginning_anew_removes_the_run_and_nothing_else(tmp_path: Path) -> None:
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    _saved(tmp_path, 3, _variables(w=np.float32(0)))
    (tmp_path / "eval").mkdir()
    evaluations = ("eval.jsonl", "eval/events.out.tfevents.1.x")
    for name in ("metrics.jsonl", "events.out.tfevents.1.x", "best.json", "notes.txt", *evaluations):
        (tmp_path / name).write_text("x")
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=True)
    assert (tmp_path / "metrics.jsonl").exists()
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    assert sorted(os.listdir(tmp_path)) == ["notes.txt", "recipe.json", "recipe.slim"]


def test_beginning_anew_leaves_what_others_put_among_evaluations(tmp_path: Path) -> None:
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    (tmp_path / "eval").mkdir()
    for name in ("events.out.tfevents.1.x", "notes.txt"):
        (tmp_path / "eval" / name).write_text("x")
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    assert os.listdir(tmp_path / "eval") == ["notes.txt"]


def test_names_of_classes_are_of_the_run_that_wrote_them(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False, labels="0:ant\n")
    assert labels.read_text() == "0:ant\n"
    before = labels.stat().st_mtime_ns
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=True, labels="0:ant\n")
    assert labels.stat().st_mtime_ns == before
    labels.unlink()
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=True, labels="0:ant\n")
    assert labels.read_text() == "0:ant\n"
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    assert not labels.exists()


@pytest.mark.parametrize("own", ["0:ant\n", "0:bee\n"])
def test_names_of_classes_that_were_there_before_stay(tmp_path: Path, own: str) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text(own)
    assert prepare(str(tmp_path), DOCUMENT, fresh=False).start is None
    if own == "0:bee\n":
        for fresh in (False, True):
            with pytest.raises(RunError, match=r"is no run and holds a labels\.txt with other names"):
                prepare(str(tmp_path), DOCUMENT, fresh=fresh, labels="0:ant\n")
    # As in a run of a version that wrote none.
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False)
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=True, labels="0:ant\n")
    begin(str(tmp_path), DOCUMENT, "train {}\n", goes_on=False, labels="0:ant\n")
    assert labels.read_text() == own


def test_one_process_at_a_time(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with occupied(str(tmp_path)), pytest.raises(RunError, match="another process"), occupied(str(tmp_path)):
        pass
    with occupied(str(tmp_path)):
        pass
