"""Checkpoints of version 2: what TensorFlow writes is read bit by bit, and no damage gets through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from slimdsl.weights import table_file
from slimdsl.weights.bundle import BundleFile, read_bundle
from slimdsl.weights.checkpoints import open_checkpoint
from slimdsl.weights.checksums import library
from slimdsl.weights.file_bytes import DamagedError, FileBytes
from slimdsl.weights.source import WeightsError
from slimdsl.weights.table_file import NeedsTensorFlowError, TableFile
from slimdsl.weights.table_writer import MAGIC, table_bytes
from slimdsl.weights.wire import varint
from tests.weights.checkpoint_files import (
    ARRAYS,
    BFLOAT16,
    FOREIGN,
    all_numbers,
    block,
    entry,
    flipped,
    messages,
    outcome,
    range_bytes,
    require_equal,
    save_v2,
    save_v2_shards,
    table,
)

EXTEND: Any = library()
HEADER = bytes([8, 1, 26, 2, 8, 1])
FEW = {name: ARRAYS[name] for name in ("net/conv1/weights", "net/conv1/biases", "global_step")}


def opened(prefix: str | Path) -> BundleFile:
    return read_bundle(str(prefix), "W", EXTEND)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    return Path(save_v2(tmp_path / "few", FEW))


def data_of(prefix: Path, shard: int = 0, shards: int = 1) -> Path:
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")


def index_of(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def refusal(prefix: Path) -> list[str]:
    """What is said of a checkpoint that cannot be opened or read."""
    with pytest.raises(WeightsError) as caught, opened(prefix) as file:
        all_numbers(file)
    return messages(caught.value)


def test_every_type_is_read_bit_by_bit(tmp_path: Path) -> None:
    prefix = save_v2(tmp_path / "all", {**ARRAYS, **BFLOAT16, **FOREIGN})
    with opened(prefix) as file:
        require_equal(file, {**ARRAYS, **BFLOAT16})
        assert file.digest_file() == prefix + ".index"
        foreign = {name: (file.tensors[name].dtype, file.tensors[name].type_text) for name in FOREIGN}
        assert foreign == {"a text": (None, "string"), "int16": (None, "int16")}
        assert list(file.tensors) == sorted(file.tensors)
    reader = tf.train.load_checkpoint(prefix)
    assert set(file.tensors) == set(reader.get_variable_to_shape_map())


def test_what_a_saver_writes(tmp_path: Path) -> None:
    tf1 = tf.compat.v1
    with tf.Graph().as_default(), tf1.Session() as session:
        for name, array in FEW.items():
            tf1.get_variable(name, initializer=array)
        session.run(tf1.global_variables_initializer())
        path = tf1.train.Saver().save(session, str(tmp_path / "model.ckpt"), global_step=7)
    found = open_checkpoint(str(tmp_path))
    assert path.endswith("model.ckpt-7")
    assert found is not None
    with found:
        require_equal(found, FEW)
        assert (found.kind, found.path) == ("TensorFlow checkpoint", str(tmp_path))


def test_what_tensorflow_2_writes(tmp_path: Path) -> None:
    array = ARRAYS["net/conv1/weights"]
    prefix = tf.train.Checkpoint(layer=tf.Variable(array)).write(str(tmp_path / "objects"))
    with opened(prefix) as file:
        require_equal(file, {"layer/.ATTRIBUTES/VARIABLE_VALUE": array})
        assert b"VARIABLE_VALUE" in file.text("_CHECKPOINTABLE_OBJECT_GRAPH")
        assert file.text("_CHECKPOINTABLE_OBJECT_GRAPH") == tf.train.load_checkpoint(prefix).get_tensor(
            "_CHECKPOINTABLE_OBJECT_GRAPH"
        )
        with pytest.raises(WeightsError, match="not a scalar of type string"):
            file.text("layer/.ATTRIBUTES/VARIABLE_VALUE")


def test_several_data_files(tmp_path: Path) -> None:
    halves = [dict(list(ARRAYS.items())[start::3]) for start in range(3)]
    prefix = Path(save_v2_shards(tmp_path / "sharded", halves))
    with opened(prefix) as file:
        require_equal(file, ARRAYS)
    data_of(prefix, 1, 3).unlink()
    assert refusal(prefix) == ["`W` cannot be read: its data file `sharded.data-00001-of-00003` is missing"]


def test_an_index_of_several_blocks(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    arrays = {random.bytes(40).hex(): np.int32(number) for number in range(4000)}
    prefix = Path(save_v2(tmp_path / "many", arrays))
    assert index_of(prefix).stat().st_size > 300_000
    with opened(prefix) as file:
        assert list(file.tensors) == sorted(arrays)
        assert all_numbers(file) == {name: array.tobytes() for name, array in arrays.items()}


def test_large_tensors_are_passed_on_in_pieces(tmp_path: Path) -> None:
    array = np.arange(1_000_001, dtype="float32")
    with opened(save_v2(tmp_path / "large", {"w": array})) as file:
        pieces: list[bytes] = []
        file.write("w", lambda piece: pieces.append(bytes(piece)))
        assert b"".join(pieces) == array.tobytes()
        assert max(map(len, pieces)) <= 2**20
        assert range_bytes(file, "w") == array.tobytes()


def test_no_flipped_bit_of_the_index_gets_through(few: Path) -> None:
    right = {name: array.tobytes() for name, array in FEW.items()}
    path = index_of(few)
    unseen = []
    for position in flipped(path, range(path.stat().st_size)):
        found = outcome(lambda: opened(few))
        if found == right:
            unseen.append(position)
        else:
            assert isinstance(found, list)
            assert found[0].startswith("`W` cannot be read: its index `few.index`: ")
    # The footer has bytes that mean nothing.
    assert all(position >= path.stat().st_size - 48 for position in unseen)


def test_no_flipped_bit_of_the_data_gets_through(few: Path) -> None:
    path = data_of(few)
    for position in flipped(path, range(path.stat().st_size)):
        with opened(few) as file:
            refused = []
            for name in FEW:
                for read in (lambda name: file.write(name, bytearray().extend), file.file_range):
                    try:
                        read(name)
                    except WeightsError as error:
                        refused += messages(error)
        assert len(refused) == 2, position
        assert refused[0].endswith("in `few.data-00000-of-00001`: its checksum is wrong")


def test_no_index_that_is_cut_off_gets_through(few: Path) -> None:
    content = index_of(few).read_bytes()
    for length in range(len(content)):
        index_of(few).write_bytes(content[:length])
        assert refusal(few)[0].startswith("`W` cannot be read: its index `few.index`: ")


def test_data_that_are_cut_off_are_found_when_they_are_opened(few: Path) -> None:
    content = data_of(few).read_bytes()
    for length in range(len(content)):
        data_of(few).write_bytes(content[:length])
        with pytest.raises(WeightsError) as caught:
            opened(few)
        assert f"ends at byte {len(content)}, and `few.data-00000-of-00001` has {length}" in messages(caught.value)[0]


def test_data_that_become_shorter_later(few: Path) -> None:
    with opened(few) as file:
        os.truncate(data_of(few), 10)
        with pytest.raises(WeightsError, match="it is cut off before byte 3"):
            all_numbers(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"PK\3\4" * 100, "it has 400 bytes and does not end as such a file does: it is cut off, or something else"),
        (bytes(40) + MAGIC, "a block would end at byte 5, behind the end of all"),
        (b"\xff" * 40 + MAGIC, "the place of a block is malformed: a number is cut off or too large"),
        (table([]), "it has no header"),
        (
            table([(b"a", block(entry(b"a", b"")))]),
            "it does not begin with a header; it is the table of something else",
        ),
        (table([(b"", block(entry(b"", HEADER)))], kind=7), "its bytes from 0 on are compressed in the unknown way 7"),
        (table([(b"a", block(entry(b"", HEADER) * 2))]), "the keys are not in ascending order"),
        (table([(b"a", block(b"\0\1\x7fa"))]), "an entry is longer than its block"),
        (table([(b"a", block(b"\5\1\0a"))]), "an entry is longer than its block"),
        (table([(b"a", b"\0\0")]), "the block is too short"),
        (table([(b"a", b"\xff\xff\xff\xff")]), "the block is too short"),
        (table([(b"", block(entry(b"", b"\x0b\xff")))]), "a field has the wire type 3"),
    ],
)
def test_foreign_and_malformed_indices(few: Path, content: bytes, said: str) -> None:
    index_of(few).write_bytes(content)
    (message,) = refusal(few)
    assert message.startswith("`W` cannot be read: its index `few.index`: ")
    assert message.endswith(said)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (b"w", b"\x08\x01\x18\x05\x28\x04", "it would be in the data file 5, and there are 1"),
        (b"w", b"\x08\x01\x28\x05", "it has 5 bytes, and its type and shape make 4"),
        (b"w", b"\x08\x01\x12\x02\x18\x01", "the shape is not known"),
        (b"w", b"\x08\x01\x12\x0d\x12\x0b\x08" + b"\xff" * 9 + b"\1", "the shape is none"),
        (b"w", b"\x08\x01\x28" + b"\xff" * 9 + b"\1", "a place or a size is negative"),
        (b"w", b"\x08\x01\x30\x05", "a checksum is none"),
        (b"w", b"\x0a\x00", "the field 1 is no number"),
        (b"w", b"\x10\x00", "the field 2 is no message"),
        (b"w", b"\x08", "a number is cut off or too large"),
        (b"\xff", b"", "its name is not Unicode"),
    ],
)
def test_entries_that_make_no_sense_are_named_and_left_out(few: Path, key: bytes, value: bytes, said: str) -> None:
    index_of(few).write_bytes(table([(key, block(entry(b"", HEADER) + entry(key, value)))]))
    with opened(few) as file:
        assert not file.tensors
        ((name, problem),) = file.problems.items()
    assert problem.message == f"`W` cannot be read: the entry `{name}` of its index: {said}"
    assert problem.code == "E0505"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (table([(b"", block(entry(b"", HEADER)))], kind=1), "it is compressed"),
        (table([(b"", block(entry(b"", b"\x08\x01\x10\x01")))]), "its numbers are big-endian"),
        (table([(b"", block(entry(b"", b"\x08\x01\x1a\x02\x10\x02")))]), "it is written in version 2 of the format"),
        (table([(b"w", block(entry(b"", HEADER) + entry(b"w", b"\x3a\x00")))]), "its variable `w` stands in parts"),
    ],
)
def test_what_is_left_to_tensorflow(few: Path, content: bytes, said: str) -> None:
    index_of(few).write_bytes(content)
    with pytest.raises(NeedsTensorFlowError) as caught:
        opened(few)
    assert str(caught.value) == said


@contextmanager
def open_table(path: Path, content: bytes) -> Iterator[TableFile]:
    path.write_bytes(content)
    file = FileBytes(str(path))
    try:
        yield TableFile(file, EXTEND)
    finally:
        file.close()


def test_small_files_cannot_hold_endless_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_LARGEST_KEYS", 100_000)
    key = b"k" * 1000
    entries = entry(key, b"") + b"".join(entry(bytes([number]), b"", shared=1000) for number in range(1, 200))
    with open_table(tmp_path / "t", table([(key + b"\xff", block(entries))])) as found:
        names = found.entries(found.blocks[0])
        assert len([next(names) for _ in range(98)]) == 98
        with pytest.raises(DamagedError, match="more than 100,000 bytes of names"):
            list(names)


def test_overlapping_blocks(tmp_path: Path) -> None:
    place = varint(0) + varint(8)
    content = table([(b"a", block(b""))], index=entry(b"a", place) + entry(b"b", place))
    with pytest.raises(DamagedError, match="two blocks overlap"), open_table(tmp_path / "t", content):
        pass


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_what_is_no_file(few: Path, what: str) -> None:
    data_of(few).unlink()
    (os.mkdir if what == "folder" else os.mkfifo)(data_of(few))
    assert refusal(few) == ["`W` cannot be read: its data file `few.data-00000-of-00001` is not a regular file"]
    index_of(few).unlink()
    (os.mkdir if what == "folder" else os.mkfifo)(index_of(few))
    assert refusal(few) == ["`W` cannot be read: its index `few.index`: it is not a regular file"]


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=50, deadline=None)
def test_random_bytes_before_a_footer(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, at: int, size: int
) -> None:
    prefix = tmp_path_factory.mktemp("random") / "r"
    footer = varint(at) + varint(size) + varint(size) + varint(at)
    index_of(prefix).write_bytes(body + footer.ljust(40, b"\0") + MAGIC)
    assert refusal(prefix)


@given(st.dictionaries(st.binary(max_size=8), st.binary(max_size=40), max_size=6))
@settings(max_examples=100, deadline=None)
def test_random_entries(tmp_path_factory: pytest.TempPathFactory, entries: dict[bytes, bytes]) -> None:
    prefix = tmp_path_factory.mktemp("random") / "r"
    given_entries = {b"": HEADER, **entries}
    index_of(prefix).write_bytes(table_bytes(sorted(given_entries.items()), EXTEND))
    data_of(prefix).write_bytes(bytes(100))
    found = outcome(lambda: opened(prefix))
    assert found != []
    if isinstance(found, dict):
        assert len(found) <= len(given_entries) - 1
