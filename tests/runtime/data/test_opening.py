"""What `--data` names: kinds, parts and classes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.image_files import FileSource
from slimdsl.runtime.data.opening import open_data, part_of_file
from slimdsl.runtime.data.pipeline import batches
from slimdsl.runtime.data.surveying import require_usable


def paths(spec: Path, split: str, holdout: float | None = None) -> set[str]:
    source = open_data(str(spec), split, holdout=holdout)
    assert isinstance(source, FileSource)
    return set(source.paths)


def test_the_digits_have_a_fixed_part_for_evaluation() -> None:
    train, held, whole = (open_data("", split) for split in ("train", "validation", "all"))
    assert (train.count, held.count, whole.count) == (1438, 359, 1797)
    assert whole.classes == tuple("0123456789")
    assert whole.image_shape == (8, 8, 1)
    labels = held.known_labels()
    assert labels is not None
    assert np.bincount(labels).tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]


def test_a_folder_of_class_folders(folder: Path) -> None:
    source = open_data(str(folder), "all")
    assert (source.kind, source.count, source.classes) == ("image folder", 24, ("ant", "bee", "cat"))
    assert source.image_shape is not None
    assert source.image_shape[2] == 3
    train, held = paths(folder, "train"), paths(folder, "validation")
    # One of each class is a tenth at least.
    assert len(held) == 3
    assert train | held == paths(folder, "all")
    assert not train & held
    assert len(paths(folder, "validation", 0.5)) == 12
    assert paths(folder, "train", 0.0) == paths(folder, "validation", 0.0)


def test_what_is_held_out_stays_so_when_the_folder_moves(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    moved = {Path(path).relative_to(tmp_path / "copy") for path in paths(tmp_path / "copy", "validation")}
    assert moved == {Path(path).relative_to(folder) for path in paths(folder, "validation")}


@pytest.mark.parametrize("name", ["validation", "val", "test"])
def test_a_folder_of_parts(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(folder, tmp_path / "train")
    shutil.copytree(folder, tmp_path / name)
    (tmp_path / name / "ant" / "0.jpg").unlink()
    source = open_data(str(tmp_path))
    assert (source.count, source.classes) == (24, ("ant", "bee", "cat"))
    assert source.split_note == f"by the folders `train` and `{name}`"
    assert open_data(str(tmp_path), "validation").count == 23
    assert open_data(str(tmp_path), "all").count == 47


def test_labels_txt_gives_the_numbers(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "labels.txt").write_text("0:cat\n1:ant\n2:bee\n", encoding="utf-8")
    source = open_data(str(tmp_path), "all")
    assert source.classes == ("cat", "ant", "bee")
    assert isinstance(source, FileSource)
    assert all(("cat", "ant", "bee")[label] in path for path, label in zip(source.paths, source.labels, strict=True))


def test_files_of_windows_begin_with_a_mark_and_end_lines_twice(folder: Path, tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    (tmp_path / "labels.txt").write_bytes(mark + b"0:cat\r\n1:ant\r\n2:bee\r\n")
    (tmp_path / "list.csv").write_bytes(mark + f"path,label\r\n{folder}/bee/0.jpg,bee\r\n".encode())
    source = open_data(str(tmp_path / "list.csv"), "all")
    labels = source.known_labels()
    assert source.classes == ("cat", "ant", "bee")
    assert labels is not None
    assert labels.tolist() == [2]


def test_names_of_files_need_not_be_utf8(folder: Path, tmp_path: Path) -> None:
    for name in ("ant", "bee"):
        below = os.path.join(os.fsencode(tmp_path), name.encode() + b"\xe9")
        os.mkdir(below)
        shutil.copy(os.fsencode(folder / name / "0.jpg"), os.path.join(below, b"\xe9.jpg"))
    source = open_data(str(tmp_path), "all")
    assert [os.fsencode(name) for name in source.classes] == [b"ant\xe9", b"bee\xe9"]
    given = {"preprocessing": "lenet", "size": (16, 16), "channels": 3, "batch": 2, "seed": 0, "training": False}
    (batch,) = batches(source, **given).as_numpy_iterator()  # type: ignore[arg-type]
    assert batch["labels"].tolist() == [0, 1]


def test_records_by_folder_pattern_and_file(records: Path) -> None:
    assert open_data(str(records)).count == 18
    held = open_data(str(records), "validation")
    assert (held.count, held.classes) == (6, ("ant", "bee", "cat"))
    assert held.split_note == "by the names of the files"
    assert open_data(f"{records}/*train*.tfrecord", "all").count == 18
    one = open_data(str(records / "zoo_train-00001-of-00002.tfrecord"))
    assert (one.count, one.found) == (8, ())
    assert one.split_note == "10% of the records held out, by a hash of their numbers"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("flowers_train_00000-of-00005.tfrecord", "train"), ("train-00000-of-01024", "train"),
        ("validation-00000-of-00128", "validation"), ("mnist_test.tfrecord", "validation"),
        ("zoo_validation-00001-of-00002.tfrecord", "validation"), ("trainers.tfrecord", ""), ("data.tfrecord", ""),
    ],
)  # fmt: skip
def test_names_of_record_files_say_their_part(name: str, part: str) -> None:
    assert part_of_file(f"/train/{name}") == part


def test_a_list_of_images(listing: Path, folder: Path, tmp_path: Path) -> None:
    source = open_data(str(listing), "all")
    assert (source.kind, source.count, source.classes) == ("list of images", 18, ("ant", "bee", "cat"))
    other = tmp_path / "list.csv"
    other.write_text(f"{folder}/ant/0.jpg,4,train\n{folder}/bee/0.jpg,2,test\n", encoding="utf-8")
    held = open_data(str(other), "validation")
    labels = held.known_labels()
    assert labels is not None
    assert (held.count, labels.tolist()) == (1, [2])
    assert held.split_note == "by the third column of the list"


def test_single_examples_stay_for_training(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"{folder}/ant/0.jpg,ant\n{folder}/bee/0.jpg,bee\n", encoding="utf-8")
    kept, held = (open_data(str(tmp_path / "list.csv"), split) for split in ("train", "validation"))
    assert (kept.count, held.count) == (2, 0)
    assert kept.split_note == "nothing could be held out: single examples stay for training"
    with pytest.raises(DataError, match=r"for validation in .* could be held out: .* `--split all` takes all"):
        require_usable(held)
    held.split = "train"
    with pytest.raises(DataError, match=r"there are no examples for train in `[^`]*`$"):
        require_usable(held)


def test_an_archive_is_whole_unless_asked(archive: Path, tmp_path: Path) -> None:
    assert open_data(str(archive)).count == open_data(str(archive), "validation").count == 20
    assert open_data(str(archive), "validation", holdout=0.2).count == 3
    given = np.load(archive)
    own = tmp_path / "own.npz"
    np.savez(
        own, images=given["images"], labels=given["labels"], validation_images=given["images"][:3],
        validation_labels=given["labels"][:3],
    )  # fmt: skip
    assert (open_data(str(own)).count, open_data(str(own), "validation").count) == (20, 3)


def test_synthetic_examples_have_noise_of_their_own() -> None:
    train, again, held = (open_data("synthetic:50", split, classes=4) for split in ("train", "train", "validation"))
    assert (train.count, len(train.classes)) == (50, 4)
    images = [source.images for source in (train, again, held)]  # type: ignore[attr-defined]
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("/no/such/place", "there is no file or folder `/no/such/place`"),
        ("/no/such/*.tfrecord", "no file matches `/no/such/\\*.tfrecord`"),
        ("synthetic:none", "write synthetic:COUNT"),
        ("synthetic:0", "write synthetic:COUNT"),
        (__file__, "is of no kind that is known"),
        ("a\0b", "zero byte"),
    ],
)
def test_what_is_not_there_is_wrong_usage(spec: str, message: str) -> None:
    with pytest.raises(MissingDataError, match=message):
        open_data(spec)


def test_parts_and_shares_are_checked() -> None:
    with pytest.raises(MissingDataError, match="no part `test`"):
        open_data("", "test")
    with pytest.raises(MissingDataError, match=r"below 1, not 1\.5"):
        open_data("", holdout=1.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no images"),
        ("path,label\n", "lists no images"),
        ("a.jpg\n", "line 1: it should read `path,label`"),
        ("a.jpg,\n", "line 1: `a.jpg` has no label"),
        ("path,label\na.jpg,3\n", "line 2: there is no file `[^`]*a.jpg`$"),
        ("file,class\na.jpg,ant\n", "line 1: there is no file `[^`]*file`; a heading has to read `path,label`$"),
        ("file,class\na.jpg,3\n", "line 1: the label `class` is no number.*; a heading has to read `path,label`$"),
    ],
)
def test_wrong_lists_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        open_data(str(path))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("0,train", "1,tset"), r"line 2: the third cell `tset` is no part: write train or training, or one of val"),
        (("0,train", "1"), "line 2: it has no third cell, and other lines have one: write train"),
        (("0,", "1,val"), "line 1: it has no third cell"),
        (("0", "1", "-1"), r"line 3: the label `-1` is no number, and 2 of 3 labels are: write class numbers from 0"),
        (("cat", "7", "dog"), r"line 2: the label `7` is a number, and 2 of 3 labels are none: write class numbers"),
        (("0", "1.0"), "line 2: the label `1.0` is no number"),
    ],
)
def test_one_odd_cell_does_not_change_what_a_list_means(
    folder: Path, tmp_path: Path, cells: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_text("".join(f"{folder}/ant/0.jpg,{cell}\n" for cell in cells), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        open_data(str(path))


def test_numbers_and_names_go_together_where_labels_txt_has_both(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("".join(f"{folder}/ant/0.jpg,{cell}\n" for cell in ("bee,", "1,", "0,")), encoding="utf-8")
    (tmp_path / "labels.txt").write_text("0:ant\n1:bee\n", encoding="utf-8")
    labels = open_data(str(path), "all").known_labels()
    assert labels is not None
    assert labels.tolist() == [1, 1, 0]


def test_arrays_that_are_fed_as_they_are_have_no_offset(tmp_path: Path) -> None:
    np.savez(tmp_path / "pairs.npz", left=np.zeros([3, 2], np.float32), right=np.zeros([3, 2], np.float32))
    with pytest.raises(MissingDataError, match=r"--labels-offset is for images .* `.*pairs.npz` are fed as they are"):
        open_data(str(tmp_path / "pairs.npz"), labels_offset=1)
