"""Batches: what is resumed goes on where it would have been, for every kind of source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.runtime.data import memory
from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.opening import open_data
from slimdsl.runtime.data.order import Order
from slimdsl.runtime.data.pipeline import VALID, batches, default_preprocessing, steps_per_epoch
from slimdsl.runtime.data.source import DataSource
from slimdsl.runtime.data.surveying import survey

KINDS = ("", "synthetic:30", "folder", "records", "small_folder", "archive", "listing")


def source_of(kind: str, request: pytest.FixtureRequest, split: str = "train") -> DataSource:
    spec = kind if not kind or ":" in kind else str(request.getfixturevalue(kind))
    return open_data(spec, split)


def some(source: DataSource, count: int, **changed: Any) -> list[dict[str, Any]]:
    """The first batches, as numpy has them."""
    given: dict[str, Any] = {
        "preprocessing": "inception", "size": (16, 16), "channels": 3, "batch": 4, "seed": 5, "training": True,
    }  # fmt: skip
    return list(batches(source, **{**given, **changed}).take(count).as_numpy_iterator())


def equal(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> bool:
    assert len(left) == len(right)
    return all(np.array_equal(a[key], b[key]) for a, b in zip(left, right, strict=True) for key in a)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind or "digits")
def test_a_start_further_on_is_the_tail_of_the_whole(kind: str, request: pytest.FixtureRequest) -> None:
    source = source_of(kind, request)
    whole = some(source, 9)
    assert {key: (value.shape, value.dtype.name) for key, value in whole[0].items()} == {
        "images": ((4, 16, 16, 3), "float32"),
        "labels": ((4,), "int64"),
    }
    # A source that is opened anew, as after a restart.
    assert equal(whole[5:], some(source_of(kind, request), 4, start_step=5))
    assert not equal(whole, some(source, 9, seed=6))


@pytest.mark.parametrize("name", ["cifarnet", "vgg", "lenet", "none"])
def test_so_it_is_for_every_preprocessing(name: str, folder: Path) -> None:
    source = open_data(str(folder))
    assert equal(some(source, 4, preprocessing=name)[2:], some(source, 2, preprocessing=name, start_step=2))


def test_an_image_is_drawn_anew_in_each_pass(small_folder: Path) -> None:
    source = open_data(str(small_folder), holdout=0.0)
    first, second = (some(source, 5, shuffle=False, start_step=step) for step in (0, 5))
    assert [list(one["labels"]) for one in first] == [list(one["labels"]) for one in second]
    assert not equal(first, second)


def test_without_shuffling_an_archive_is_fed_as_it_stands(archive: Path) -> None:
    source = open_data(str(archive))
    assert default_preprocessing("lenet", source, (16, 16)) == "none"
    given = np.load(archive)
    made = some(source, 5, preprocessing="none", shuffle=False, label_dtype="int32", image_name="x", label_name="y")
    assert np.array_equal(np.concatenate([one["x"] for one in made]), given["images"])
    assert np.array_equal(np.concatenate([one["y"] for one in made]), given["labels"])
    assert made[0]["y"].dtype == np.int32
    again = some(source, 1, preprocessing="none", shuffle=False, start_step=5)
    assert np.array_equal(again[0]["images"], given["images"][:4])


@pytest.mark.parametrize("kind", ["folder", "records", "archive"])
def test_every_pass_has_each_example_once(kind: str, request: pytest.FixtureRequest) -> None:
    source = source_of(kind, request, "all")
    order = Order(source.count, 3, shuffle=True)
    passes = [order.at(np.arange(source.count) + start * source.count) for start in range(3)]
    assert all(sorted(one) == list(range(source.count)) for one in passes)
    assert len({one.tobytes() for one in passes}) == 3
    assert steps_per_epoch(source, 5) == source.count / 5


def test_the_order_is_the_same_everywhere() -> None:
    # Recorded: who changes this breaks the resuming of every run.
    expected = [5, 7, 3, 2, 4, 9, 6, 1, 8, 0, 7, 1, 2, 4, 8, 5, 6, 0, 9, 3]
    assert Order(10, 7, shuffle=True).at(np.arange(20)).tolist() == expected


def test_evaluation_fills_the_last_batch_and_says_so(folder: Path) -> None:
    source = open_data(str(folder), "all")
    made = some(source, 99, training=False, batch=7, preprocessing="lenet")
    assert [one[VALID].sum() for one in made] == [7, 7, 7, 3]
    labels = np.concatenate([one["labels"][one[VALID]] for one in made])
    assert labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert len(some(source, 99, training=False, batch=7, preprocessing="lenet", drop_remainder=True)) == 3


def test_workers_share_a_batch(folder: Path) -> None:
    source = open_data(str(folder))
    whole = some(source, 3)
    parts = [some(source, 3, shard=(number, 2)) for number in range(2)]
    for number, one in enumerate(whole):
        joined = np.concatenate([part[number]["images"] for part in parts])
        assert np.array_equal(joined, one["images"])
    with pytest.raises(DataError, match="among 3 workers"):
        some(source, 1, shard=(0, 3))


def test_small_images_are_decoded_once(small_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_data(str(small_folder))
    held = some(source, 4, preprocessing="lenet")
    assert source.decoded[3] is not None  # type: ignore[attr-defined]
    monkeypatch.setattr(memory, "LARGEST", 0)
    other = open_data(str(small_folder))
    assert equal(held, some(other, 4, preprocessing="lenet"))
    assert other.decoded[3] is None  # type: ignore[attr-defined]


def test_of_many_files_none_stays_open(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = some(open_data(str(records)), 4)
    monkeypatch.setattr("slimdsl.runtime.data.records.MOST_OPEN", 1)
    source = open_data(str(records))
    assert equal(held, some(source, 4))
    assert source._descriptors == {}  # type: ignore[attr-defined]  # noqa: SLF001


def test_digits_get_the_networks_size_and_channels() -> None:
    source = open_data()
    assert default_preprocessing("vgg_16", source, (224, 224)) == "lenet"
    made = some(source, 1, preprocessing="lenet", size=(28, 28), channels=1)[0]["images"]
    assert made.shape == (4, 28, 28, 1)
    assert made.min() == -1.0
    assert 0.5 < made.max() < 1.0


def test_the_offset_of_labels_is_taken_off(archive: Path) -> None:
    source = open_data(str(archive))
    plain, moved = (
        some(source, 1, preprocessing="none", labels_offset=offset, shuffle=False)[0]["labels"] for offset in (0, 1)
    )
    assert (plain - 1 == moved).all()


@pytest.mark.parametrize("kind", ["folder", "records", "archive"])
@pytest.mark.parametrize("offset", [1, -2])
def test_a_source_may_have_the_offset(kind: str, offset: int, request: pytest.FixtureRequest) -> None:
    path = str(request.getfixturevalue(kind))
    source, moved = open_data(path), open_data(path, labels_offset=offset)
    given, found = (some(each, 2, preprocessing="none", size=(12, 12), shuffle=False) for each in (source, moved))
    for left, right in zip(given, found, strict=True):
        assert (left["labels"] - offset == right["labels"]).all()
    usual = survey(source, classes=100)
    counted = survey(moved, classes=100)
    assert counted.per_class == {label - offset: number for label, number in usual.per_class.items()}
    assert len(counted.problems) == (0 if offset < 0 else usual.per_class.get(0, 0))
    assert all("has the label 0 less an offset of 1, outside the 100 classes" in line for line in counted.problems)
    assert len(moved.classes) == (len(source.classes) - offset if source.classes else 0)


def test_a_label_outside_the_classes_stops_the_pipeline(records: Path) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="outside the 2 classes"):
        some(open_data(str(records)), 20, classes=2)


def test_too_few_examples_and_wrong_channels_are_refused(folder: Path, archive: Path) -> None:
    with pytest.raises(DataError, match="20 examples for training, fewer than the batch of 21"):
        some(open_data(str(archive)), 1, batch=21)
    with pytest.raises(DataError, match="have 3 channels, and the network takes 1"):
        some(open_data(str(archive)), 1, preprocessing="none", channels=1)
    with pytest.raises(DataError, match="takes 5"):
        some(open_data(str(folder)), 1, preprocessing="none", channels=5)
