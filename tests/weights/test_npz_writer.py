"""Archives of arrays that are written: numpy reads them, our reader does, and the same tensors give the same bytes."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from slimdsl.types import DType
from slimdsl.weights.npz import DESCRIPTIONS, NpzFile
from slimdsl.weights.npz_writer import array_head, npz_problem, write_npz
from slimdsl.weights.outgoing import Outgoing
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import StoredTensor

RANDOM = np.random.default_rng(7)
ARRAYS: dict[str, Any] = {
    **{f"net/{dtype.value}": (RANDOM.standard_normal((3, 2)) * 9).astype(dtype.value)
       for dtype in DESCRIPTIONS if dtype is not DType.BFLOAT16},
    "scalar": np.array(2.5, "float32"),
    "vector": np.arange(5, dtype="int64"),
    "empty": np.zeros((0, 5), "float32"),
    "gewicht/größe": np.ones((1, 2, 3, 4), "float32"),
    "a.npy": np.ones(2, "float32"),
}  # fmt: skip


def outgoing(name: str, array: Any) -> Outgoing:
    content = array.tobytes()
    tensor = StoredTensor(name=name, dtype=DType(array.dtype.name), shape=array.shape)
    return tensor, lambda sink: sink(memoryview(content))


def test_numpy_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    size = write_npz(str(path), [outgoing(name, array) for name, array in ARRAYS.items()])
    assert size == path.stat().st_size
    with np.load(path, allow_pickle=False) as archive:
        assert archive.files == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert archive[name].dtype == array.dtype
            np.testing.assert_array_equal(archive[name], array)


def test_the_reader_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    write_npz(str(path), [outgoing(name, array) for name, array in ARRAYS.items()])
    with NpzFile.open(str(path)) as file:
        assert list(file.tensors) == list(ARRAYS)
        for name, array in ARRAYS.items():
            given = bytearray()
            file.write(name, given.extend)
            assert bytes(given) == array.tobytes()


def test_bfloat16_is_saved_as_ml_dtypes_saves_it(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.npz", tmp_path / "theirs.npz"
    array = RANDOM.standard_normal((4, 3)).astype(ml_dtypes.bfloat16)
    write_npz(str(ours), [outgoing("x", array)])
    np.savez(theirs, x=array)
    with np.load(ours) as archive, np.load(theirs) as reference:
        assert archive["x"].dtype == reference["x"].dtype
        np.testing.assert_array_equal(archive["x"].view(ml_dtypes.bfloat16), array)


@pytest.mark.parametrize("shape", [(), (0,), (7,), (1, 2, 3), (2**40, 2**20), (1,) * 32])
def test_the_numbers_begin_where_numpy_lets_them_begin(shape: tuple[int, ...]) -> None:
    head = array_head(StoredTensor(name="x", dtype=DType.FLOAT32, shape=shape))
    assert len(head) % 64 == 0
    file = io.BytesIO(head)
    assert np.lib.format.read_magic(file) == (1, 0)
    assert np.lib.format.read_array_header_1_0(file) == (shape, False, np.dtype("float32"))
    assert file.tell() == len(head)


def test_the_bytes_depend_on_the_tensors_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    tensors = [outgoing(name, array) for name, array in ARRAYS.items()]
    write_npz(str(first), tensors)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    write_npz(str(second), tensors)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_bytes_are_the_same_in_every_release_of_python(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    tensors = {"net/conv/weights": np.arange(24, dtype="<f4").reshape(2, 3, 4), "step": np.array(7, "<i8")}
    write_npz(str(path), [outgoing(name, array) for name, array in tensors.items()])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == "58aa45f0efbb534aadd4ad47fe46b9c813bab662b5e2e93c22e8278a5dca5fa2"


def test_large_members_have_sizes_of_64_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.npz"
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    write_npz(str(path), [outgoing("small", np.zeros(3, "float32")), outgoing("large", np.zeros(3000, "float32"))])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert [info.extract_version for info in archive.infolist()] == [20, 45]
    with np.load(path) as arrays:
        assert arrays["large"].shape == (3000,)


def test_a_member_of_more_than_four_gigabytes_is_announced_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the first byte: the size of the tensor alone decides."""
    forced = []

    def note(self: zipfile.ZipFile, info: zipfile.ZipInfo, mode: str, *, force_zip64: bool) -> None:
        forced.append(force_zip64)
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "open", note)
    for count in (2**28, 2**29 - 2**5, 2**29 - 2**4, 2**31):
        tensor = StoredTensor(name="x", dtype=DType.FLOAT32, shape=(count,))
        with pytest.raises(KeyboardInterrupt):
            write_npz(os.devnull, [(tensor, lambda _: None)])
    assert forced == [False, True, True, True]


def test_a_pipe_takes_an_archive(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        write_npz(f"/dev/fd/{writing}", [outgoing("x", np.arange(6, dtype="float32"))])
        os.close(writing)
        content = io.BytesIO(pipe.read())
    with np.load(content) as archive:
        np.testing.assert_array_equal(archive["x"], np.arange(6))


@pytest.mark.parametrize("error", [WeightsError(()), OSError(28, "no space"), KeyboardInterrupt()])
def test_what_breaks_on_the_way_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(b"old")

    def fail(sink: object) -> None:
        raise error

    tensors = [outgoing("x", np.zeros(4, "float32")), (StoredTensor(name="y", dtype=DType.BOOL, shape=(9,)), fail)]
    with pytest.raises((type(error), OSError)):
        write_npz(str(path), tensors)
    assert [file.name for file in tmp_path.iterdir()] == ["w.npz"]
    assert path.read_bytes() == b"old"


# What an archive cannot hold -> why.
PROBLEMS = [
    (
        StoredTensor(name="x", dtype=None, shape=(), type_text="complex64"),
        "it is of the type complex64, and only the types of",
    ),
    (
        StoredTensor(name="x", dtype=DType.STRING, shape=(), type_text="string"),
        "it is of the type string, and only the types of",
    ),
    (StoredTensor(name="x", dtype=DType.BOOL, shape=(1,) * 33), "it has 33 axes, and numpy's arrays have at most 32"),
    (StoredTensor(name="x\0y", dtype=DType.BOOL, shape=()), "its name cannot be that of a file in an archive"),
    (StoredTensor(name="ß" * 33_000, dtype=DType.BOOL, shape=()), "its name cannot be that of a file in an archive"),
]


@pytest.mark.parametrize(("tensor", "reason"), PROBLEMS)
def test_what_an_archive_cannot_hold_is_told(tensor: StoredTensor, reason: str) -> None:
    assert reason in npz_problem(tensor)


def test_a_source_that_gives_more_than_it_says_leaves_no_file(tmp_path: Path) -> None:
    wrong: Outgoing = (StoredTensor(name="x", dtype=DType.FLOAT32, shape=(2,)), lambda sink: sink(bytes(12)))
    with pytest.raises(RuntimeError, match="`x` has 8 bytes, and its source gave 12"):
        write_npz(str(tmp_path / "w.npz"), [wrong])
    assert list(tmp_path.iterdir()) == []
