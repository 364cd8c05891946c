"""What the tests of checkpoints share: arrays of every type, what TensorFlow writes of them, ways to damage it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import tensorflow as tf

from slimdsl.weights.checksums import library, masked
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile
from slimdsl.weights.table_file import NeedsTensorFlowError
from slimdsl.weights.table_writer import FOOTER_SIZE, MAGIC
from slimdsl.weights.wire import varint

Arrays = Mapping[str, Any]
_RANDOM = np.random.default_rng(11)

ARRAYS: Arrays = {
    "net/conv1/weights": _RANDOM.standard_normal((3, 3, 2, 4)).astype("float32"),
    "net/conv1/biases": _RANDOM.standard_normal(4).astype("float32"),
    "net/conv10": np.float32(-0.0),
    "net/empty": np.zeros((0, 4), "float32"),
    "double": np.array([1.5, np.inf, np.nan]),
    "half": np.array([[1, -2.5, 65504]], "float16"),
    "int8": np.array([-128, -1, 0, 127], "int8"),
    "uint8": np.array([0, 127, 128, 255], "uint8"),
    "int32": np.array([0, 1, -1, 2**31 - 1, -(2**31)], "int32"),
    "global_step": np.int64(1_234_567_890_123),
    "int64": np.array([0, -1, 127, 128, 2**63 - 1, -(2**63)], "int64"),
    "flag": np.array([True, False, True]),
}
"""Of every type that both versions can have."""

BFLOAT16: Arrays = {"bfloat16": np.arange(5).astype(ml_dtypes.bfloat16)}
"""What only version 2 can have."""

FOREIGN: Arrays = {"a text": np.array(b"abc"), "int16": np.array([1, 2], "int16")}
"""Types that no variable has."""


def save_v2(prefix: Path, arrays: Arrays) -> str:
    names = list(arrays)
    tensors = [tf.constant(array) for array in arrays.values()]
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors)
    return str(prefix)


def save_v2_shards(prefix: Path, shards: Iterable[Arrays]) -> str:
    parts = [save_v2(prefix.parent / f"part{number}", arrays) for number, arrays in enumerate(shards)]
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(prefix))
    return str(prefix)


def save_v1(path: Path, arrays: Arrays) -> str:
    tf.raw_ops.Save(filename=str(path), tensor_names=list(arrays), data=[tf.constant(a) for a in arrays.values()])
    return str(path)


def save_in_parts(path: Path, version: int, name: str, array: Any) -> str:
    """Two halves of a variable under one name."""
    rows, columns = array.shape
    parts = [f"{rows} {columns} 0,{rows // 2}:-", f"{rows} {columns} {rows // 2},{rows - rows // 2}:-"]
    halves = [tf.constant(array[: rows // 2]), tf.constant(array[rows // 2 :])]
    if version == 2:
        tf.raw_ops.SaveV2(prefix=str(path), tensor_names=[name] * 2, shape_and_slices=parts, tensors=halves)
    else:
        tf.raw_ops.SaveSlices(filename=str(path), tensor_names=[name] * 2, shapes_and_slices=parts, data=halves)
    return str(path)


def numbers(file: WeightsFile, name: str) -> bytes:
    content = bytearray()
    file.write(name, content.extend)
    return bytes(content)


def all_numbers(file: WeightsFile) -> dict[str, bytes]:
    return {name: numbers(file, name) for name, tensor in file.tensors.items() if tensor.dtype}


def range_bytes(file: WeightsFile, name: str) -> bytes | None:
    """What `file_range` points at."""
    found = file.file_range(name)
    if found is None:
        return None
    with open(f"/dev/fd/{found.descriptor}", "rb") as again:
        again.seek(found.offset)
        return again.read(found.size)


def require_equal(file: WeightsFile, arrays: Arrays) -> None:
    """The file has these arrays, and no others of a type that a variable can have."""
    assert not file.problems
    assert {name for name, tensor in file.tensors.items() if tensor.dtype} == set(arrays)
    for name, array in arrays.items():
        tensor = file.tensors[name]
        assert (tensor.type_text, tensor.shape) == (array.dtype.name, array.shape), name
        assert numbers(file, name) == array.tobytes(), name
        assert range_bytes(file, name) in (None, array.tobytes()), name


def messages(error: WeightsError) -> list[str]:
    assert all(diagnostic.code == "E0505" and diagnostic.span is None for diagnostic in error.diagnostics)
    return [diagnostic.message for diagnostic in error.diagnostics]


def outcome(read: Callable[[], WeightsFile]) -> dict[str, bytes] | list[str] | None:
    """What comes of a file: its numbers, or what is said of it, or None where it is left to TensorFlow."""
    try:
        with read() as file:
            return all_numbers(file) if not file.problems else [found.message for found in file.problems.values()]
    except WeightsError as error:
        return messages(error)
    except NeedsTensorFlowError:
        return None


def flipped(path: Path, positions: Iterable[int]) -> Iterator[int]:
    """The file with one bit turned round at one position after another, and in the end as it was."""
    content = path.read_bytes()
    for position in positions:
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        yield position
    path.write_bytes(content)


def table(blocks: Iterable[tuple[bytes, bytes]], kind: int = 0, index: bytes = b"") -> bytes:
    """A table of blocks as they are given, each with a last key, checksums right.

    Args:
        blocks: last keys and contents.
        kind: the mark for how they are compressed.
        index: entries of the list of blocks in the place of the right ones.
    """
    extend = library()
    assert extend is not None
    content = b""

    def put(body: bytes, mark: int = 0) -> bytes:
        nonlocal content
        handle = varint(len(content)) + varint(len(body))
        marked = body + bytes([mark])
        content += marked + masked(extend(0, marked)).to_bytes(4, "little")
        return handle

    listed = b""
    for last_key, body in blocks:
        handle = put(body, kind)
        listed += entry(last_key, handle)
    footer = put(block(b"")) + put(block(index or listed))
    return content + footer.ljust(FOOTER_SIZE - len(MAGIC), b"\0") + MAGIC


def block(entries: bytes) -> bytes:
    """A block of entries as they are given, with one point to start reading at."""
    return entries + bytes(4) + (1).to_bytes(4, "little")


def entry(key: bytes, value: bytes, shared: int = 0) -> bytes:
    return varint(shared) + varint(len(key)) + varint(len(value)) + key + value


def snappy(content: bytes) -> bytes:
    """Compressed by Snappy, without making it smaller: all of it as literals of up to 256 bytes."""
    pieces = [content[start : start + 256] for start in range(0, len(content), 256)]
    return varint(len(content)) + b"".join(bytes([60 << 2, len(piece) - 1]) + piece for piece in pieces)
