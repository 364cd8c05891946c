"""What our own readers leave to TensorFlow is read by it; where it is not installed, what would help is said."""

from __future__ import annotations

import importlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl.weights import checkpoints, through_tensorflow
from slimdsl.weights.checkpoints import open_checkpoint
from slimdsl.weights.checksums import library
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile
from slimdsl.weights.table_writer import table_bytes
from slimdsl.weights.wire import bytes_field, varint_field
from slimdsl.workers import Request, WorkerError, one_line
from tests.weights.checkpoint_files import (
    ARRAYS,
    BFLOAT16,
    FOREIGN,
    block,
    entry,
    messages,
    require_equal,
    save_in_parts,
    save_v1,
    save_v2,
    snappy,
    table,
)

HALVES = np.arange(12, dtype="float32").reshape(4, 3)
EXTEND: Any = library()


@pytest.fixture(autouse=True)
def _no_copies_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Copies are made in a folder of their own, which is empty again in the end."""
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    yield
    assert not list(copies.iterdir())


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's function is called here, where TensorFlow is loaded already."""
    worker = importlib.import_module("slimdsl.weights.worker")

    def ask(module: str, request: Request) -> Any:
        assert module == worker.__name__
        try:
            return worker.read(request)
        except Exception as error:
            raise WorkerError(one_line(error)) from None

    monkeypatch.setattr(through_tensorflow, "ask", ask)


def opened(path: str | Path) -> WeightsFile:
    found = open_checkpoint(str(path))
    assert found is not None
    return found


def test_a_process_reads_it(tmp_path: Path) -> None:
    path = save_in_parts(tmp_path / "parts", 2, "embedding", HALVES)
    with opened(path) as file:
        require_equal(file, {"embedding": HALVES})
        assert file.kind == "TensorFlow checkpoint, read by TensorFlow"
        assert (file.path, file.digest_file()) == (path, path + ".index")
        assert len(list((tmp_path / "copies").iterdir())) == 1


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("version", [1, 2])
def test_variables_in_parts(tmp_path: Path, version: int) -> None:
    with opened(save_in_parts(tmp_path / "parts", version, "embedding", HALVES)) as file:
        require_equal(file, {"embedding": HALVES})


@pytest.mark.usefixtures("in_process")
def test_variables_in_parts_in_several_files(tmp_path: Path) -> None:
    save_in_parts(tmp_path / "s-00000-of-00002", 1, "embedding", HALVES)
    save_v1(tmp_path / "s-00001-of-00002", ARRAYS)
    with opened(tmp_path / "s") as file:
        require_equal(file, {"embedding": HALVES, **ARRAYS})
        assert file.digest_file() == str(tmp_path / "s-00000-of-00002")


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("save", [save_v1, save_v2])
def test_without_the_library_of_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[..., str]
) -> None:
    monkeypatch.setattr(checkpoints, "library", lambda: None)
    arrays = {**ARRAYS, **(BFLOAT16 if save is save_v2 else {})}
    with opened(save(tmp_path / "all", {**arrays, **FOREIGN})) as file:
        require_equal(file, arrays)
        assert {name: file.tensors[name].type_text for name in FOREIGN} == {"a text": "string", "int16": "int16"}


def rewritten(prefix: str, changed: Callable[[dict[bytes, bytes]], bytes]) -> str:
    """The checkpoint with another index, made of the entries of its own."""
    entries: dict[bytes, bytes] = {}
    with open(prefix + ".index", "rb") as file:
        content = file.read()
    # The entries of one small block; the keys here share nothing.
    position = 0
    while content[position : position + 2] and content[position] == 0 and content[position + 2]:
        unshared, size = content[position + 1], content[position + 2]
        key = content[position + 3 : position + 3 + unshared]
        position += 3 + unshared
        entries[key] = content[position : position + size]
        position += size
    with open(prefix + ".index", "wb") as file:
        file.write(changed(entries))
    return prefix


@pytest.mark.usefixtures("in_process")
def test_a_compressed_index(tmp_path: Path) -> None:
    def compressed(entries: dict[bytes, bytes]) -> bytes:
        content = block(b"".join(entry(key, value) for key, value in entries.items()))
        return table([(b"z", snappy(content))], kind=1)

    arrays = {"a": HALVES, "b": ARRAYS["int64"]}
    with opened(rewritten(save_v2(tmp_path / "t", arrays), compressed)) as file:
        require_equal(file, arrays)


@pytest.mark.usefixtures("in_process")
def test_big_endian_numbers(tmp_path: Path) -> None:
    prefix = save_v2(tmp_path / "t", {"a": HALVES.byteswap(), "b": ARRAYS["int64"].byteswap()})

    def big(entries: dict[bytes, bytes]) -> bytes:
        entries[b""] = varint_field(1, 1) + varint_field(2, 1) + bytes_field(3, varint_field(1, 1))
        return table_bytes(sorted(entries.items()), EXTEND)

    with opened(rewritten(prefix, big)) as file:
        require_equal(file, {"a": HALVES, "b": ARRAYS["int64"]})


@pytest.mark.usefixtures("in_process")
def test_damage_is_found_there_too(tmp_path: Path) -> None:
    prefix = save_in_parts(tmp_path / "parts", 2, "embedding", HALVES)
    data = Path(prefix + ".data-00000-of-00001")
    data.write_bytes(b"!" + data.read_bytes()[1:])
    with pytest.raises(WeightsError) as caught:
        opened(prefix)
    (message,) = messages(caught.value)
    start = "its variable `embedding` stands in parts, and TensorFlow could not read it either: "
    assert message.startswith(f"`{prefix}` cannot be read: {start}")


@pytest.mark.parametrize(
    ("has_library", "said", "help"),
    [
        (True, "its variable `embedding` stands in parts", "pip install 'slimdsl[tf]'"),
        (
            False,
            "its checksums cannot be compared without google-crc32c, which is not installed",
            "pip install 'slimdsl[checkpoints]'",
        ),
    ],
)
def test_without_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_library: bool, said: str, help: str
) -> None:
    prefix = save_in_parts(tmp_path / "parts", 2, "embedding", HALVES)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    if not has_library:
        monkeypatch.setattr(checkpoints, "library", lambda: None)
    with pytest.raises(WeightsError) as caught:
        opened(prefix)
    expected = f"`{prefix}` cannot be read: {said}; TensorFlow could read it, and is not installed"
    assert messages(caught.value) == [expected]
    assert caught.value.diagnostics[0].help == help


@pytest.mark.usefixtures("in_process")
def test_a_copy_that_is_lost(tmp_path: Path) -> None:
    with opened(save_in_parts(tmp_path / "parts", 2, "embedding", HALVES)) as file:
        (copy,) = (tmp_path / "copies").glob("*/values")
        os.truncate(copy, 5)
        with pytest.raises(WeightsError, match="TensorFlow's copy of it: it is cut off before byte"):
            file.write("embedding", bytearray().extend)


def test_no_place_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(WeightsError, match="there is no place for a copy"):
        opened(save_in_parts(tmp_path / "parts", 2, "embedding", HALVES))
