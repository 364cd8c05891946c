"""Image folders as TFRecords: TF-Slim's format, read back by TensorFlow alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.files import FileWriteError
from slimdsl.runtime.data.conversion import convert
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.opening import open_data

KEYS = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/format": tf.io.FixedLenFeature([], tf.string),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64),
    "image/height": tf.io.FixedLenFeature([], tf.int64),
    "image/width": tf.io.FixedLenFeature([], tf.int64),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_tensorflow_reads_what_the_files_hold(folder: Path, records: Path) -> None:
    assert list(contents(records)) == [
        "labels.txt",
        *(f"zoo_{part}-0000{n}-of-00002.tfrecord" for part in ("train", "validation") for n in range(2)),
    ]
    assert (records / "labels.txt").read_text(encoding="utf-8") == "0:ant\n1:bee\n2:cat\n"
    names = sorted(str(path) for path in records.glob("*.tfrecord"))
    read = set()
    for record in tf.data.TFRecordDataset(names):
        example = tf.io.parse_single_example(record, KEYS)
        image = tf.io.decode_image(example["image/encoded"])
        assert tuple(image.shape[:2]) == (int(example["image/height"]), int(example["image/width"]))
        assert example["image/format"].numpy() in (b"jpg", b"png")
        read.add((int(example["image/class/label"]), example["image/encoded"].numpy()))
    given = {
        (label, path.read_bytes())
        for label, name in enumerate(("ant", "bee", "cat"))
        for path in (folder / name).iterdir()
    }
    assert read == given


def test_the_same_images_give_the_same_files(folder: Path, records: Path, tmp_path: Path) -> None:
    copy = tmp_path / "zoo"
    shutil.copytree(folder, copy)
    done: list[int] = []
    written = convert(str(copy), str(tmp_path / "out"), shards=2, holdout=0.25, advance=done.append)
    assert contents(tmp_path / "out") == contents(records)
    assert (written.examples, written.files, written.classes) == ({"train": 18, "validation": 6}, 4, 3)
    assert sum(done) == sum(path.stat().st_size for path in copy.rglob("*.*"))


def test_both_ways_give_the_same_images(folder: Path, records: Path) -> None:
    by_file, by_record = open_data(str(folder), "train", holdout=0.25), open_data(str(records))
    assert by_file.count == by_record.count
    read = {source.read(index) for source in (by_file, by_record) for index in range(18)}  # type: ignore[attr-defined]
    assert len(read) == 18


def test_shards_are_shuffled_and_full(records: Path) -> None:
    labels = [int(open_data(str(records)).read(index)[1]) for index in range(18)]  # type: ignore[attr-defined]
    assert labels != sorted(labels)
    assert np.bincount(labels).tolist() == [6, 6, 6]


def test_nothing_is_written_where_an_image_is_damaged(folder: Path, tmp_path: Path) -> None:
    broken, out = tmp_path / "broken", tmp_path / "out"
    shutil.copytree(folder, broken)
    (broken / "bee" / "3.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=r"bee/3.jpg` is a damaged image"):
        convert(str(broken), str(out))
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_a_part_without_images_has_no_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"{folder}/ant/0.jpg,ant\n{folder}/bee/0.jpg,bee\n", encoding="utf-8")
    written = convert(str(tmp_path / "list.csv"), str(tmp_path / "out"))
    assert (written.examples, written.files) == ({"train": 2}, 2)
    assert written.split_note == "nothing could be held out: single examples stay for training"
    assert all(content for content in contents(tmp_path / "out").values())
    assert not open_data(str(tmp_path / "out"), "all").found


def test_other_folders_are_left_alone(folder: Path, records: Path, tmp_path: Path) -> None:
    copy = tmp_path / "zoo"
    shutil.copytree(folder, copy)
    (copy / "labels.txt").write_text("0:ant\n1:bee\n2:cat\n", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    for output in (copy, tmp_path, copy / "ant"):
        with pytest.raises(FileWriteError):
            convert(str(copy), str(output))
    assert sorted(tmp_path.rglob("*")) == before
    # What was converted before is replaced.
    out = tmp_path / "out"
    shutil.copytree(records, out)
    convert(str(copy), str(out), shards=1, holdout=0.0, name="zoo")
    assert list(contents(out)) == ["labels.txt", "zoo_train-00000-of-00001.tfrecord"]


def test_records_of_other_data_are_left_alone(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    convert(str(folder), str(output), name="birds")
    before = sorted(path.name for path in output.iterdir())
    with pytest.raises(FileWriteError, match=r"the folder holds other things, such as `birds_train-00000-of-00005"):
        convert(str(folder), str(output))
    assert sorted(path.name for path in output.iterdir()) == before
    convert(str(folder), str(output), name="birds", shards=1)
    assert len(list(output.iterdir())) == 3


def test_what_is_no_images_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no image folder"):
        convert(str(archive), str(tmp_path / "out"))
    with pytest.raises(MissingDataError, match="there is no file or folder"):
        convert(str(tmp_path / "no"), str(tmp_path / "out"))
