"""A path stands for the checkpoint that people mean by it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.weights.checkpoint_state import Checkpoint, checkpoint_prefix, find_checkpoint
from slimdsl.weights.checkpoints import open_checkpoint
from slimdsl.weights.source import WeightsError
from slimdsl.weights.table_writer import MAGIC
from tests.weights.checkpoint_files import messages, save_v1

TABLE = bytes(40) + MAGIC
V2 = ("model.ckpt-5.index", "model.ckpt-5.data-00000-of-00001", "model.ckpt-5.meta")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with checkpoints of both versions, which is the current one."""
    for name in (*V2, "v1.ckpt", "s-00000-of-00002", "s-00001-of-00002"):
        (tmp_path / name).write_bytes(TABLE)
    (tmp_path / "v1.ckpt.meta").write_bytes(b"graph")
    (tmp_path / "other.npz").write_bytes(b"PK")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(folder: Path, text: str) -> None:
    (folder / "checkpoint").write_text(text)


SHARDS = ("s-00000-of-00002", "s-00001-of-00002")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("model.ckpt-5", Checkpoint(prefix="model.ckpt-5", version=2, files=("model.ckpt-5.index",))),
        *((name, Checkpoint(prefix="model.ckpt-5", version=2, files=("model.ckpt-5.index",))) for name in V2),
        ("v1.ckpt", Checkpoint(prefix="v1.ckpt", version=1, files=("v1.ckpt",))),
        ("v1.ckpt.meta", Checkpoint(prefix="v1.ckpt", version=1, files=("v1.ckpt",))),
        ("s", Checkpoint(prefix="s", version=1, files=SHARDS)),
        ("s-00001-of-00002", Checkpoint(prefix="s", version=1, files=SHARDS)),
        ("other.npz", None),
        ("model.ckpt", None),
        ("model.ckpt-5.inde", None),
        ("no/such/folder/model", None),
        ("", None),
        ("nul\0", None),
        (".", None),
    ],
)
def test_prefixes_and_files(here: Path, path: str, found: Checkpoint | None) -> None:
    assert find_checkpoint(path) == found
    assert checkpoint_prefix(path) == (found.prefix if found else None)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ('model_checkpoint_path: "model.ckpt-5"\nall_model_checkpoint_paths: "other"\n', "model.ckpt-5"),
        ('all_model_checkpoint_paths: "model.ckpt-5"\nmodel_checkpoint_path: "v1.ckpt"', "v1.ckpt"),
        ("model_checkpoint_path:'model.ckpt-5'", "model.ckpt-5"),
        (r'model_checkpoint_path: "model\056ckpt\x2d5"', "model.ckpt-5"),
        ('model_checkpoint_path: "/gone/train/model.ckpt-5"', "model.ckpt-5"),
        ('model_checkpoint_path: "gone/model.ckpt-5"', "model.ckpt-5"),
        ('model_checkpoint_path: "s"', "s"),
    ],
)
def test_folders(here: Path, text: str, prefix: str) -> None:
    state(here, text)
    for path in (str(here), str(here / "checkpoint")):
        assert checkpoint_prefix(path) == str(here / prefix)
    assert checkpoint_prefix("checkpoint") == prefix


def test_an_absolute_path_that_exists_is_taken(here: Path) -> None:
    folder = here / "folder"
    folder.mkdir()
    state(folder, f'model_checkpoint_path: "{here}/model.ckpt-5"')
    assert checkpoint_prefix(str(folder)) == str(here / "model.ckpt-5")


def test_names_as_tensorflow_escapes_them(tmp_path: Path) -> None:
    folder = tmp_path / "ä \"b\" 'c'"
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=tf.Variable(np.float32(1))), str(folder), 3)
    saved = manager.save()
    tf.compat.v1.train.update_checkpoint_state(str(folder), saved)
    assert checkpoint_prefix(str(folder)) == saved
    found = open_checkpoint(str(folder))
    assert found is not None
    found.close()


INDEX_MISSING = "`W` cannot be read: the checkpoint's index `model.ckpt-5.index` is missing"


@pytest.mark.parametrize(
    ("text", "missing", "path", "said"),
    [
        ("", (), ".", '`W` cannot be read: its file `checkpoint` has no line `model_checkpoint_path: "..."`'),
        (
            'model_checkpoint_path: "gone"',
            (),
            ".",
            "`W` cannot be read: its file `checkpoint` names the checkpoint `gone`, which is not there",
        ),
        (None, V2[:1], "model.ckpt-5", INDEX_MISSING),
        (None, V2[:1], "model.ckpt-5.data-00000-of-00001", INDEX_MISSING),
        (None, V2[:2], "model.ckpt-5.meta", INDEX_MISSING),
        (None, SHARDS[:1], "s", "`W` cannot be read: it has 00002 files, and not all of them are there"),
        (None, SHARDS[:1], SHARDS[1], "`W` cannot be read: it has 00002 files, and not all of them are there"),
    ],
)
def test_parts_that_are_missing(here: Path, text: str | None, missing: tuple[str, ...], path: str, said: str) -> None:
    if text is not None:
        state(here, text)
    for name in missing:
        (here / name).unlink()
    with pytest.raises(WeightsError) as caught:
        find_checkpoint(path)
    assert messages(caught.value) == [said.replace("W", path)]


def test_a_checkpoint_of_version_1_that_was_cut_off(here: Path) -> None:
    save_v1(here / "cut.ckpt", {"w": np.zeros(100, "float32")})
    for size in (500, 100, 20):
        os.truncate(here / "cut.ckpt", size)
        assert find_checkpoint("cut.ckpt") == Checkpoint(prefix="cut.ckpt", version=1, files=("cut.ckpt",))
        with pytest.raises(WeightsError) as caught:
            open_checkpoint("cut.ckpt")
        said = f"it has {size} bytes and does not end as such a file does: it is cut off, or something else"
        assert messages(caught.value) == [f"`cut.ckpt` cannot be read: {said}"]


def test_what_is_no_regular_file(here: Path) -> None:
    os.mkfifo(here / "pipe")
    os.mkfifo(here / "pipe.index")
    (here / "folder.index").mkdir()
    for path in ("pipe", "pipe.index", "folder", "folder.index"):
        assert find_checkpoint(path) is None
