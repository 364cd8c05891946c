"""Checkpoints of version 1: what TensorFlow writes is read bit by bit, and no damage gets through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from slimdsl.weights.checkpoint_v1 import CheckpointV1File, read_checkpoint_v1
from slimdsl.weights.checkpoints import open_checkpoint
from slimdsl.weights.checksums import library
from slimdsl.weights.saved_slices import slice_key
from slimdsl.weights.source import WeightsError
from slimdsl.weights.table_file import NeedsTensorFlowError
from slimdsl.weights.table_writer import MAGIC, table_bytes
from slimdsl.weights.wire import bytes_field, varint, varint_field
from tests.weights.checkpoint_files import (
    ARRAYS,
    FOREIGN,
    all_numbers,
    block,
    entry,
    flipped,
    messages,
    numbers,
    outcome,
    range_bytes,
    require_equal,
    save_v1,
    save_v2,
    table,
)

EXTEND: Any = library()
FEW = {name: ARRAYS[name] for name in ("net/conv1/weights", "net/conv1/biases", "global_step", "flag")}


def opened(*paths: str | Path) -> CheckpointV1File:
    return read_checkpoint_v1([str(path) for path in paths], "W", EXTEND)


def refusal(*paths: Path) -> list[str]:
    """What is said of a checkpoint that cannot be opened or read."""
    with pytest.raises(WeightsError) as caught, opened(*paths) as file:
        all_numbers(file)
    return messages(caught.value)


def test_every_type_is_read_bit_by_bit(tmp_path: Path) -> None:
    path = save_v1(tmp_path / "all", {**ARRAYS, **FOREIGN})
    with opened(path) as file:
        require_equal(file, ARRAYS)
        assert file.digest_file() == path
        foreign = {name: (file.tensors[name].dtype, file.tensors[name].type_text) for name in FOREIGN}
        assert foreign == {"a text": (None, "string"), "int16": (None, "int16")}
        assert range_bytes(file, "net/conv1/weights") == ARRAYS["net/conv1/weights"].tobytes()
        assert range_bytes(file, "int32") is None


def test_what_a_saver_writes(tmp_path: Path) -> None:
    tf1 = tf.compat.v1
    with tf.Graph().as_default(), tf1.Session() as session:
        for name, array in FEW.items():
            tf1.get_variable(name, initializer=array)
        session.run(tf1.global_variables_initializer())
        path = tf1.train.Saver(write_version=tf1.train.SaverDef.V1).save(session, str(tmp_path / "vgg_16.ckpt"))
    for name in (path, str(tmp_path), str(tmp_path / "vgg_16.ckpt.meta")):
        found = open_checkpoint(name)
        assert found is not None
        with found:
            assert found.kind == "TensorFlow checkpoint (version 1)"
            require_equal(found, FEW)


def test_several_files(tmp_path: Path) -> None:
    for number in range(3):
        save_v1(tmp_path / f"model.ckpt-0000{number}-of-00003", dict(list(ARRAYS.items())[number::3]))
    found = open_checkpoint(str(tmp_path / "model.ckpt"))
    assert found is not None
    with found:
        require_equal(found, ARRAYS)
    path = tmp_path / "model.ckpt-00001-of-00003"
    content = path.read_bytes()
    path.write_bytes(content[:50] + b"!" + content[51:])
    (message,) = refusal(*(tmp_path / f"model.ckpt-0000{number}-of-00003" for number in range(3)))
    assert message.startswith("`W` cannot be read: `model.ckpt-00001-of-00003`: the checksum of its ")


def test_many_blocks_and_numbers_that_go_over_pieces(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    arrays = {
        **{f"net/conv{number}/weights": random.standard_normal((30, 100)).astype("float32") for number in range(100)},
        "large": random.standard_normal(1_000_001).astype("float32"),
        "net/conv5/long": random.integers(-(2**63), 2**63, 130_000),
        "half": random.standard_normal(70_001).astype("float16"),
        "rank0": np.float32(1),
        "rank8": np.zeros((1,) * 8, "float32"),
    }
    with opened(save_v1(tmp_path / "many", arrays)) as file:
        require_equal(file, arrays)
        pieces: list[int] = []
        file.write("large", lambda piece: pieces.append(len(piece)))
        assert max(pieces) <= 2**20


def test_no_flipped_bit_gets_through(tmp_path: Path) -> None:
    path = tmp_path / "few"
    save_v1(path, FEW)
    right = {name: array.tobytes() for name, array in FEW.items()}
    unseen, left = [], 0
    for position in flipped(path, range(path.stat().st_size)):
        found = outcome(lambda: opened(path))
        if found == right:
            unseen.append(position)
        elif found is None:
            # A block that is marked as compressed, or numbers that are not written as TensorFlow writes them.
            left += 1
            with pytest.raises((tf.errors.OpError, RuntimeError)):
                tf.raw_ops.RestoreV2(prefix=str(path), tensor_names=["flag"], shape_and_slices=[""], dtypes=[tf.bool])
        else:
            assert isinstance(found, list)
            assert found
    assert all(position >= path.stat().st_size - 48 for position in unseen)
    assert left < 10


def test_no_file_that_is_cut_off_gets_through(tmp_path: Path) -> None:
    path = tmp_path / "few"
    content = Path(save_v1(path, FEW)).read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert refusal(path)


def listed(name: bytes, dtype: int, dims: tuple[int, ...], slices: bytes | None = None) -> bytes:
    """An entry of the list of tensors."""
    shape = b"".join(bytes_field(2, varint_field(1, dim)) for dim in dims)
    whole = bytes_field(4, bytes_field(1, b"") * len(dims)) if slices is None else slices
    return bytes_field(1, bytes_field(1, name) + bytes_field(2, shape) + varint_field(3, dtype) + whole)


def stored(content: bytes) -> bytes:
    """A tensor's message."""
    return bytes_field(2, bytes_field(3, content))


def checkpoint(lists: bytes, tensors: dict[bytes, bytes]) -> bytes:
    return table_bytes(sorted({b"": bytes_field(1, lists), **tensors}.items()), EXTEND)


KEY = slice_key("w", 1)
FLOATS = bytes_field(5, b"\0\0\x80\x3f\0\0\0\x40")


@pytest.mark.parametrize(
    ("lists", "tensors", "said"),
    [
        (listed(b"w", 1, (2,)), {}, "it is listed, and not there"),
        (listed(b"w", 1, (2,)), {KEY: b""}, "it has no numbers"),
        (listed(b"w", 1, (3,)), {KEY: stored(FLOATS)}, "its 3 numbers would take 8 bytes"),
        (listed(b"w", 2, (2,)), {KEY: stored(FLOATS)}, "its numbers are not of the type float64"),
        (listed(b"w", 3, (2,)), {KEY: stored(bytes_field(7, b"\1"))}, "its 2 numbers would take 1 bytes"),
        (listed(b"w", 1, (2,)), {KEY: b"\x12\x09"}, "a field is cut off"),
        (listed(b"w", 1, (2,)), {KEY: b"\x10\x09"}, "the field 2 is no message"),
        (listed(b"w", 1, (2,)), {KEY: b"\x08\1" * 101}, "it has more than 100 fields"),
    ],
)
def test_tensors_that_make_no_sense_are_named_and_left_out(
    tmp_path: Path, lists: bytes, tensors: dict[bytes, bytes], said: str
) -> None:
    (tmp_path / "t").write_bytes(checkpoint(lists, tensors))
    with opened(tmp_path / "t") as file:
        assert not file.tensors
        assert file.problems["w"].message == f"`W` cannot be read: the tensor `w`: {said}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (table([]), "it does not begin with a list of tensors; it is the table of something else"),
        (checkpoint(b"\x0a\x05", {}), "a field is cut off"),
        (checkpoint(listed(b"\xff", 1, ()), {}), "a name is not Unicode"),
        (checkpoint(listed(b"w", 1, (2**63,)), {}), "the shape is none"),
        (checkpoint(b"\x08\x05", {}), "the field 1 is no message"),
    ],
)
def test_foreign_and_malformed_files(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t").write_bytes(content)
    assert refusal(tmp_path / "t") == [f"`W` cannot be read: {said}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (table([(b"", block(entry(b"", b"")))], kind=1), "it is compressed"),
        (checkpoint(listed(b"w", 1, (2,), b""), {}), "its variable `w` stands in parts"),
        (
            checkpoint(listed(b"w", 1, (2,), bytes_field(4, bytes_field(1, b"\x10\1"))), {}),
            "its variable `w` stands in parts",
        ),
        (checkpoint(listed(b"w", 1, (2,)) * 2, {KEY: stored(FLOATS)}), "its variable `w` stands in parts"),
        (checkpoint(bytes_field(2, b"\x10\2"), {}), "it is written in version 2 of the format"),
        (
            checkpoint(listed(b"w", 1, (2,)), {KEY: stored((varint(5 << 3 | 5) + bytes(4)) * 2)}),
            "its numbers are not written one after another",
        ),
    ],
)
def test_what_is_left_to_tensorflow(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(NeedsTensorFlowError) as caught:
        opened(tmp_path / "t")
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("dtype", "field", "packed", "expected"),
    [
        (1, 4, bytes(4) + b"\0\0\x80\x3f", bytes(4) + b"\0\0\x80\x3f"),
        (3, 7, b"\1" + b"\xff" * 9 + b"\1", b"\1\0\0\0\xff\xff\xff\xff"),
        (10, 11, b"\1\x80\1", b"\1\1"),
        (14, 13, b"\x80\x7f\x00", b"\x80\x3f\0\0"),
    ],
)
def test_numbers_in_all_their_forms(tmp_path: Path, dtype: int, field: int, packed: bytes, expected: bytes) -> None:
    (tmp_path / "t").write_bytes(checkpoint(listed(b"w", dtype, (2,)), {KEY: stored(bytes_field(field, packed))}))
    with opened(tmp_path / "t") as file:
        assert numbers(file, "w") == expected


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (b"\1\2\3", "its numbers are not as many as its shape says"),
        (b"\x80\1", "its numbers are not as many as its shape says"),
        (b"\1\2\x80", "its numbers are not as many as its shape says"),
        (b"\x80" * 18 + b"\1\1", "a number is too long"),
        (b"\x80" * 20, "its numbers are not as many as its shape says"),
    ],
)
def test_numbers_that_are_malformed(tmp_path: Path, packed: bytes, said: str) -> None:
    (tmp_path / "t").write_bytes(checkpoint(listed(b"w", 3, (2,)), {KEY: stored(bytes_field(7, packed))}))
    assert refusal(tmp_path / "t") == [f"`W` cannot be read: the tensor `w`: {said}"]


def test_a_checkpoint_of_the_other_version(tmp_path: Path) -> None:
    (message,) = refusal(Path(save_v2(tmp_path / "two", FEW) + ".index"))
    assert message.startswith("`W` cannot be read: ")


@given(st.dictionaries(st.binary(max_size=8), st.binary(max_size=40), max_size=4), st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_random_entries(tmp_path_factory: pytest.TempPathFactory, entries: dict[bytes, bytes], lists: bytes) -> None:
    path = tmp_path_factory.mktemp("random") / "t"
    path.write_bytes(checkpoint(lists, {**entries, b"": bytes_field(1, lists)}))
    assert outcome(lambda: opened(path)) != []


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=50, deadline=None)
def test_random_bytes_before_a_footer(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, at: int, size: int
) -> None:
    path = tmp_path_factory.mktemp("random") / "t"
    footer = varint(at) + varint(size) + varint(size) + varint(at)
    path.write_bytes(body + footer.ljust(40, b"\0") + MAGIC)
    assert refusal(path)
