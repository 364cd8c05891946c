"""Small data of every kind, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.runtime.data.conversion import convert

CLASSES = ("ant", "bee", "cat")
EACH = 8


def picture(random: np.random.RandomState, height: int, width: int) -> bytes:
    """A JPEG with shapes large enough to survive the compression."""
    coarse = random.randint(0, 256, (4, 4, 3), dtype=np.uint8)
    pixels = tf.cast(tf.image.resize(coarse, [height, width]), tf.uint8)
    return tf.io.encode_jpeg(pixels).numpy()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEGs of several sizes in class folders, one PNG among them."""
    path = tmp_path_factory.mktemp("images") / "zoo"
    random = np.random.RandomState(0)
    for name in CLASSES:
        (path / name).mkdir(parents=True)
        for number in range(EACH):
            height, width = random.randint(20, 48, 2)
            (path / name / f"{number}.jpg").write_bytes(picture(random, height, width))
    grey = random.randint(0, 256, (24, 30, 1), dtype=np.uint8)
    (path / "cat" / "7.jpg").unlink()
    (path / "cat" / "7.png").write_bytes(tf.io.encode_png(grey).numpy())
    return path


@pytest.fixture(scope="session")
def records(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images as TFRecords, a quarter of each class held out."""
    path = tmp_path_factory.mktemp("records") / "zoo"
    convert(str(folder), str(path), shards=2, holdout=0.25)
    return path


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PNGs of one size, which are kept in memory."""
    path = tmp_path_factory.mktemp("small")
    random = np.random.RandomState(1)
    for name in ("no", "yes"):
        (path / name).mkdir()
        for number in range(10):
            pixels = random.randint(0, 256, (12, 12, 3), dtype=np.uint8)
            (path / name / f"{number}.png").write_bytes(tf.io.encode_png(pixels).numpy())
    return path


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz with numbers of a network's size."""
    path = tmp_path_factory.mktemp("archive") / "numbers.npz"
    random = np.random.RandomState(2)
    images = random.standard_normal((20, 16, 16, 3)).astype("float32")
    np.savez(path, images=images, labels=np.arange(20) % 3)
    return path


@pytest.fixture(scope="session")
def listing(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV list of some of the images."""
    path = tmp_path_factory.mktemp("list") / "zoo.csv"
    lines = [f"{folder}/{name}/{number}.jpg,{name}" for number in range(6) for name in CLASSES]
    path.write_text("\n".join(["path,label", *lines]) + "\n", encoding="utf-8")
    return path
