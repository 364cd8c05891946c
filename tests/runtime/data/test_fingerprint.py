"""The fingerprint of data: that of a copy is the same, and that of other data another, for every kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.runtime.data.fingerprint import fingerprint
from slimdsl.runtime.data.opening import open_data


def _png(number: int) -> bytes:
    image: bytes = tf.io.encode_png(np.full((4, 4, 1), number, np.uint8)).numpy()
    return image


def _example(content: bytes, label: int) -> bytes:
    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[content])),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    text: bytes = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    return text


def _folder(path: Path, more: int) -> str:
    for number in range(6):
        image = path / str(number % 2) / f"{number}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(_png(number) + b"x" * more)
    return str(path)


def _csv(path: Path, more: int) -> str:
    _folder(path, 0)
    lines = [f"{number % 2}/{number}.png,{number % 2 if number else more}" for number in range(6)]
    (path / "list.csv").write_text("\n".join(lines))
    return str(path / "list.csv")


def _records(path: Path, more: int) -> str:
    path.mkdir()
    with tf.io.TFRecordWriter(str(path / "some.tfrecord")) as writer:
        for number in range(6):
            writer.write(_example(_png(number) + b"x" * more, number))
    return str(path / "some.tfrecord")


def _archive(path: Path, more: int) -> str:
    path.mkdir()
    np.savez(path / "some.npz", images=np.zeros((6, 4, 4, 1), np.uint8), labels=np.array([more, 1, 0, 1, 0, 1]))
    return str(path / "some.npz")


@pytest.mark.parametrize("make", [_folder, _csv, _records, _archive])
def test_a_copy_is_the_same_and_other_data_are_others(tmp_path: Path, make: Callable[[Path, int], str]) -> None:
    own = fingerprint(open_data(make(tmp_path / "own", 0)))
    again = make(tmp_path / "again", 0)
    for folder, _, names in os.walk(tmp_path / "again"):
        for name in names:
            os.utime(os.path.join(folder, name), (1, 1))
    assert len(own) == 16
    assert fingerprint(open_data(again)) == own
    assert fingerprint(open_data(make(tmp_path / "other", 1))) != own


def test_data_that_are_made_up_have_none() -> None:
    assert fingerprint(open_data("synthetic:10")) == ""
