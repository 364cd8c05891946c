"""Bad data are found without training, with the file and the record."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow as tf

from slimdsl.runtime.data import surveying
from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.data.image_headers import too_large
from slimdsl.runtime.data.opening import open_data
from slimdsl.runtime.data.pipeline import batches
from slimdsl.runtime.data.surveying import explain_failure, require_usable, survey

from .conftest import picture


def example(**features: Any) -> bytes:
    """A record with some of TF-Slim's keys."""
    made = {}
    for name, content in features.items():
        key = {"encoded": "image/encoded", "label": "image/class/label"}[name]
        made[key] = (
            tf.train.Feature(bytes_list=tf.train.BytesList(value=[content]))
            if isinstance(content, bytes)
            else tf.train.Feature(int64_list=tf.train.Int64List(value=[content]))
        )
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def write_records(path: Path, *records: bytes) -> Path:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.fixture
def good() -> bytes:
    return example(encoded=picture(np.random.RandomState(0), 20, 20), label=0)


@pytest.fixture
def broken_folder(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "broken"
    shutil.copytree(folder, path)
    whole = (path / "bee" / "3.jpg").read_bytes()
    (path / "bee" / "3.jpg").write_bytes(whole[: len(whole) // 2])
    (path / "cat" / "7.png").write_bytes((path / "cat" / "7.png").read_bytes()[:60])
    (path / "ant" / "1.jpg").write_bytes(b"")
    (path / "ant" / "2.jpg").write_text("no image", encoding="utf-8")
    return path


def test_damaged_images_are_named(broken_folder: Path) -> None:
    problems = open_data(str(broken_folder), "all").problems()
    assert problems == (
        f"`{broken_folder}/ant/1.jpg` is empty",
        f"`{broken_folder}/ant/2.jpg` is no image that can be read",
        f"`{broken_folder}/bee/3.jpg` is a damaged image",
        f"`{broken_folder}/cat/7.png` is a damaged image",
    )
    source = open_data(str(broken_folder), "all")
    with pytest.raises(DataError, match=r"ant/1.jpg` is empty \(and 3 more; `slimdsl data inspect` lists them\)"):
        require_usable(source, batch=4, classes=3, channels=3, thorough=True)


def test_a_failure_of_the_pipeline_is_explained(broken_folder: Path) -> None:
    source = open_data(str(broken_folder), "all")
    made = batches(source, preprocessing="inception", size=(8, 8), channels=3, batch=8, training=True)
    with pytest.raises(tf.errors.OpError) as caught:
        list(made.take(3))
    assert "ant/1.jpg" in str(explain_failure(source, caught.value))


def test_a_failure_that_is_not_the_datas_keeps_its_words(folder: Path) -> None:
    error = ValueError("something else\nand more")
    assert str(explain_failure(open_data(str(folder)), error)) == "the data cannot be read: something else"


@pytest.mark.parametrize("cut", [1, 4, 20, 5])
def test_a_record_file_that_is_cut_off(good: bytes, tmp_path: Path, cut: int) -> None:
    path = write_records(tmp_path / "a.tfrecord", good, good)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + cut] if cut == 5 else whole[:-cut])
    source = open_data(str(path), "all")
    assert source.count == 1
    (problem,) = source.problems()
    what = "the head of record 1, at byte" if cut == 5 else "record 1, which begins at byte"
    assert problem.startswith(f"`{path}` is cut off in {what} {len(whole) // 2}")
    assert str(path.stat().st_size) in problem
    with pytest.raises(DataError, match="is cut off"):
        require_usable(source)


def test_damaged_records(good: bytes, tmp_path: Path) -> None:
    path = write_records(tmp_path / "a.tfrecord", good, good)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 + 2] ^= 1
    path.write_bytes(content)
    (problem,) = open_data(str(path), "all").problems()
    assert f"at byte {len(content) // 2}: the checksum of the length of record 1 is wrong" in problem
    content[len(content) // 2 + 2] ^= 1
    content[40] ^= 1
    path.write_bytes(content)
    (problem,) = open_data(str(path), "all").problems()
    assert problem == f"record 0 of `{path}`, at byte 0, is damaged: its checksum is wrong"


def test_damaged_records_are_found_without_the_library_too(
    good: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_records(tmp_path / "a.tfrecord", good, good)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 + 200] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(surveying, "library", lambda: None)
    monkeypatch.setattr("slimdsl.runtime.data.records.library", lambda: None)
    problems = open_data(str(path), "all").problems()
    # Where the flipped byte falls differs from process to process, as the order of a message's map does: it may make
    # the image one that cannot be decoded besides.
    assert f"record 1 of `{path}`, at byte {len(content) // 2}, is damaged: its checksum is wrong" in problems


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"label": 0}, "record 1 of `{path}`, at byte {at}, has no `image/encoded`"),
        ({"encoded": b"good"}, "record 1 of `{path}`, at byte {at}, has no `image/class/label`"),
        (
            {"encoded": b"good", "label": 7},
            "record 1 of `{path}`, at byte {at}, has the label 7, outside the 3 classes",
        ),
        ({"encoded": b"good", "label": -1}, "record 1 of `{path}`, at byte {at}, has the label -1, outside"),
        ({"encoded": b"\xff\xd8\xff\xe0", "label": 1}, "record 1 of `{path}`, at byte {at}, is a damaged image"),
        ({"encoded": b"text", "label": 1}, "record 1 of `{path}`, at byte {at}, is no image that can be read"),
    ],
)
def test_bad_examples_in_records(good: bytes, tmp_path: Path, record: dict[str, Any], problem: str) -> None:
    if record.get("encoded") == b"good":
        record = {**record, "encoded": picture(np.random.RandomState(1), 9, 9)}
    path = write_records(tmp_path / "a.tfrecord", good, example(**record))
    at = len(good) + 16
    (found,) = open_data(str(path), "all").problems(classes=3)
    assert found.startswith(problem.format(path=path, at=at))


def test_an_image_that_says_it_is_huge_is_never_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the head alone, of every format; the pixels need not even be there."""
    pixels = np.zeros((5, 7, 3), np.uint8)
    heads = {}
    for name in ("png", "jpg", "bmp"):
        whole = bytearray(cv2.imencode(f".{name}", pixels)[1].tobytes())
        assert not too_large(bytes(whole))
        heads[name] = whole
    heads["png"][16:24] = (20_000).to_bytes(4, "big") * 2
    heads["bmp"][18:26] = (20_000).to_bytes(4, "little") + (-20_000).to_bytes(4, "little", signed=True)
    frame = heads["jpg"].index(b"\xff\xc0")
    heads["jpg"][frame + 5 : frame + 9] = (20_000).to_bytes(2, "big") * 2
    heads["gif"] = bytearray(b"GIF89a" + (20_000).to_bytes(2, "little") * 2 + bytes(30))
    (tmp_path / "a").mkdir()
    for name, head in heads.items():
        (tmp_path / "a" / f"huge.{name}").write_bytes(head)
    monkeypatch.setattr(surveying, "decode", lambda *_: pytest.fail("it was decoded"))
    assert [problem.partition("` ")[2] for problem in open_data(str(tmp_path), "all").problems()] == [
        "has 20000 x 20000 pixels, more than the 268,435,456 that are decoded"
    ] * 4


def test_no_examples_of_tf_slim(tmp_path: Path) -> None:
    path = write_records(tmp_path / "a.tfrecord", b"text")
    (problem,) = open_data(str(path), "all").problems()
    assert "is no tf.train.Example" in problem


def test_what_is_no_record_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"a text that is long enough to be read as a head")
    with pytest.raises(DataError, match="is no TFRecord file, or a compressed one, at byte 0"):
        open_data(str(path))
    path.write_bytes(b"")
    with pytest.raises(DataError, match="has no records"):
        open_data(str(path))


def test_missing_shards_are_named(records: Path, tmp_path: Path) -> None:
    for number in (0, 1):
        name = f"zoo_train-0000{number}-of-00004.tfrecord"
        shutil.copy(records / f"zoo_train-0000{number}-of-00002.tfrecord", tmp_path / name)
    (problem,) = open_data(str(tmp_path)).found
    assert problem.startswith("2 of 4 files")
    assert problem.endswith("such as number 2")


def test_empty_folders(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match="or is empty"):
        open_data(str(tmp_path))
    shutil.copy(folder / "ant" / "0.jpg", tmp_path)
    with pytest.raises(DataError, match="images without labels"):
        open_data(str(tmp_path))
    for name in ("full", "empty"):
        (tmp_path / name).mkdir()
    shutil.copy(folder / "ant" / "0.jpg", tmp_path / "full")
    (problem,) = open_data(str(tmp_path)).problems()
    assert problem == f"the class folder `{tmp_path}/empty` has no images"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((4, 2, 2, 3)), "labels": np.zeros(3, int)}, "has 4 images and 3 labels"),
        ({"images": np.zeros((4, 2)), "labels": np.zeros(4, int)}, "has the shape 4x2"),
        ({"images": np.full((4, 2, 2, 3), np.nan), "labels": np.zeros(4, int)}, "example 0 of .* not a number"),
        ({"images": np.full((4, 2, 2, 3), 300), "labels": np.zeros(4, int)}, "from 300 to 300: pixels are from 0"),
        ({"images": np.array(["a"]), "labels": np.zeros(1, int)}, "has the shape 1"),
        ({"images": np.zeros((1, 2, 2, 3)), "labels": np.array(["a"])}, "labels are numbers"),
        ({"images": np.zeros((1, 2, 2, 3)), "labels": np.array([None])}, "cannot read"),
    ],
)
def test_wrong_archives(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message):
        open_data(str(path))


def test_an_archive_that_is_none(tmp_path: Path, archive: Path) -> None:
    path = tmp_path / "a.npz"
    for content in (b"", b"text", archive.read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot read .* as an archive of arrays"):
            open_data(str(path))
    damaged = bytearray(archive.read_bytes())
    damaged[2000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="Bad CRC-32"):
        open_data(str(path))


def test_a_damaged_archive_names_the_array(tmp_path: Path, archive: Path) -> None:
    """Whatever zipfile, zlib and numpy raise: each of these raised something else, or was taken for our bug."""
    path = tmp_path / "a.npz"
    given = dict(np.load(archive))
    np.savez_compressed(path, **given)
    whole = path.read_bytes()
    # From the first byte of what is compressed, behind the head of the member, its name and its two sizes.
    begin = 30 + len("images.npy") + int.from_bytes(whole[28:30], "little")
    path.write_bytes(whole[:begin] + b"\xff" * 100 + whole[begin + 100 :])
    with pytest.raises(DataError, match=rf"cannot read the array `images` of `{path}`: it is damaged: Error -"):
        open_data(str(path))
    # Offsets of the first central entry: its flags, and how it is compressed.
    central = whole.index(b"PK\x01\x02")
    for place, content, message in ((8, 1, "it is encrypted"), (10, 97, "compression")):
        altered = bytearray(whole)
        altered[central + place] = altered[place - 2] = content
        path.write_bytes(altered)
        with pytest.raises(DataError, match=f"cannot read the array `images` of .*{message}"):
            open_data(str(path))
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("images.npy", b"no array")
        made.writestr("labels.npy", b"")
    with pytest.raises(DataError, match=r"cannot read the array `(images|labels)` of"):
        open_data(str(path))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "it does not fit into the memory$"),
        (EOFError(), "it is cut off$"),
        (KeyError(), "it is damaged$"),
        (NotImplementedError("strong encryption (flag bit 6)"), "strong encryption"),
    ],
)
def test_an_error_without_a_text_is_a_line_too(
    monkeypatch: pytest.MonkeyPatch, archive: Path, error: Exception, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(np.lib.format, "read_array", fail)
    with pytest.raises(DataError, match=f"cannot read the array `images` of .*: {message}"):
        open_data(str(archive))


def test_floating_labels_are_no_class_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    images = np.zeros((3, 2, 2, 1), np.uint8)
    for labels, said in (
        ([0.0, 1.7, 2.0], r", such as 1\.7 of example 1 of"),
        ([0.0, 1.0, np.nan], ", such as nan of example 2 of"),
        ([0.0, 1.0, 2.0], ": class numbers are integers"),
    ):
        np.savez(path, images=images, labels=np.array(labels))
        source = open_data(str(path))
        message = f"the labels of `{path}` are float32{said}"
        assert re.match(message, survey(source, classes=3).problems[0])
        with pytest.raises(DataError, match=message):
            batches(source, preprocessing="lenet", size=(2, 2), channels=1, batch=3, training=True)
    # Shares of the classes are others.
    np.savez(path, images=images, labels=np.eye(3))
    assert survey(open_data(str(path)), classes=3).problems == ()


def test_labels_and_channels_of_an_archive(archive: Path) -> None:
    source = open_data(str(archive))
    assert survey(source, classes=3, channels=3).problems == ()
    found = survey(source, classes=2, channels=1).problems
    assert found[0] == f"example 2 of `{archive}` has the label 2, outside the 2 classes, 0 to 1"
    assert found[-1] == f"the images of `{archive}` have 3 channels, and the network takes 1"
    with pytest.raises(DataError, match="outside the 2 classes"):
        require_usable(source, classes=2)


def test_labels_of_files_are_checked_before_a_training(folder: Path) -> None:
    source = open_data(str(folder))
    require_usable(source, batch=21, classes=3, channels=1)
    with pytest.raises(DataError, match="has the label 2, outside the 2 classes, 0 to 1"):
        require_usable(source, classes=2)
    with pytest.raises(DataError, match="21 examples for training, fewer than the batch of 22"):
        require_usable(source, batch=22)
    with pytest.raises(DataError, match="takes 7"):
        require_usable(source, channels=7)


@pytest.mark.parametrize(
    ("text", "message"), [("0 cat\n", "line 1: it should read"), ("0:a\n0:b\n", "line 2: class 0 has a name already")]
)
def test_wrong_names_of_classes(records: Path, tmp_path: Path, text: str, message: str) -> None:
    shutil.copytree(records, tmp_path, dirs_exist_ok=True)
    (tmp_path / "labels.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        open_data(str(tmp_path))


def test_channels_that_cannot_be_converted_are_named(tmp_path: Path) -> None:
    # The smallest BMP: one pixel of three channels.
    head = b"BM" + (58).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    size = (1).to_bytes(4, "little") * 2 + (1).to_bytes(2, "little") + (24).to_bytes(2, "little") + bytes(24)
    (tmp_path / "dot").mkdir()
    (tmp_path / "dot" / "one.bmp").write_bytes(head + size + bytes((1, 2, 3, 0)))
    source = open_data(str(tmp_path), "all")
    assert source.image_shape == (1, 1, 3)
    assert source.problems(channels=3) == ()
    (problem,) = source.problems(channels=1)
    assert problem == f"`{tmp_path}/dot/one.bmp` has 3 channels, and the network takes 1: make it a PNG"
