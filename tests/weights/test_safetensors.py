"""The safetensors format: what its own library writes is read, what it refuses is refused, and the other way round."""

from __future__ import annotations

import json
import os
import random
import tracemalloc
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors
from safetensors.numpy import load_file, save_file

from slimdsl.types import DType
from slimdsl.weights import safetensors as reader
from slimdsl.weights.outgoing import Outgoing
from slimdsl.weights.safetensors import open_safetensors
from slimdsl.weights.safetensors_writer import safetensors_problem, write_safetensors
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import StoredTensor

NUMPY_TYPES = ("float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool")
RANDOM = np.random.default_rng(7)
ARRAYS: dict[str, Any] = {
    **{f"net/{name}": (RANDOM.standard_normal((3, 2, 4)) * 9).astype(name) for name in NUMPY_TYPES},
    "scalar": np.array(2.5, "float32"),
    "empty": np.zeros((0, 5), "float32"),
    'a "quoted" \\ name\n\x01': np.arange(3, dtype="int64"),
    "gewicht/größe/重み": np.arange(4, dtype="float32"),
}


def outgoing(name: str, array: Any) -> Outgoing:
    dtype = DType(array.dtype.name)
    content = array.tobytes()
    return StoredTensor(name=name, dtype=dtype, shape=array.shape), lambda sink: sink(content)


def file_of(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def refusal(path: Path) -> str:
    """Why a file is refused, without its path."""
    with pytest.raises(WeightsError) as raised:
        open_safetensors(str(path))
    (finding,) = raised.value.diagnostics
    assert finding.code == "E0505"
    return finding.message.replace(f"`{path}` cannot be read: ", "")


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(ARRAYS, path, metadata={"format": "tf"})
    content = path.read_bytes()
    with open_safetensors(str(path)) as file:
        assert file.kind == "safetensors"
        assert set(file.tensors) == set(ARRAYS)
        for name, array in ARRAYS.items():
            tensor = file.tensors[name]
            assert (tensor.shape, tensor.type_text, tensor.size) == (array.shape, array.dtype.name, array.nbytes)
            assert tensor.dtype is DType(array.dtype.name)
            given = bytearray()
            file.write(name, given.extend)
            assert bytes(given) == array.tobytes()
            place = file.file_range(name)
            assert place is not None
            assert os.pread(place.descriptor, place.size, place.offset) == array.tobytes()
    assert path.read_bytes() == content


def test_what_is_written_is_what_the_library_writes(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    size = write_safetensors(str(ours), [outgoing(name, array) for name, array in reversed(ARRAYS.items())])
    save_file(ARRAYS, theirs)
    assert ours.read_bytes() == theirs.read_bytes()
    assert size == ours.stat().st_size
    loaded = load_file(ours)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_bfloat16_goes_both_ways(tmp_path: Path) -> None:
    ours = tmp_path / "ours.safetensors"
    array = RANDOM.standard_normal((4, 3)).astype(ml_dtypes.bfloat16)
    write_safetensors(str(ours), [outgoing("x", array), outgoing("y", array.astype("float16"))])
    found = dict(safetensors.deserialize(ours.read_bytes()))
    assert (found["x"]["dtype"], found["x"]["shape"], bytes(found["x"]["data"])) == ("BF16", [4, 3], array.tobytes())
    with open_safetensors(str(ours)) as file:
        assert file.tensors["x"].dtype is DType.BFLOAT16
        assert list(file.tensors) == ["x", "y"]


def test_no_tensors_are_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_safetensors(str(path), [])
    assert load_file(path) == {}
    with open_safetensors(str(path)) as file:
        assert file.tensors == {}


@pytest.mark.parametrize(
    ("spelling", "words", "size"),
    [("I16", "int16", 4), ("U64", "uint64", 16), ("F8_E4M3", "float8_e4m3", 2), ("F4", "float4", 1)],
)
def test_types_that_no_variable_has_are_named(tmp_path: Path, spelling: str, words: str, size: int) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(file_of({"x": entry(spelling, [2], [0, size])}, bytes(size)))
    if spelling != "F4":
        # Which older releases of the library do not know.
        safetensors.deserialize(path.read_bytes())
    with open_safetensors(str(path)) as file:
        assert (file.tensors["x"].dtype, file.tensors["x"].type_text) == (None, words)
    assert words in safetensors_problem(file.tensors["x"])


def test_a_type_of_the_future_leaves_the_others_readable(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(file_of({"x": entry("F128", [1], [0, 16]), "y": entry(offsets=[16, 24])}, bytes(16) + b"12345678"))
    with open_safetensors(str(path)) as file:
        assert (file.tensors["x"].dtype, file.tensors["x"].type_text) == (None, "F128")
        given = bytearray()
        file.write("y", given.extend)
    assert given == b"12345678"


TWO = {"a": entry(), "b": entry(offsets=[8, 16])}
# What is in the file -> why it is refused. The library refuses every one of them.
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it has 0 bytes, and the length of the header alone takes 8"),
    "cut in the length": (bytes(7), "it has 7 bytes"),
    "cut in the header": (file_of(TWO, bytes(16))[:40], "its header would end at byte"),
    "a header of 2^63 bytes": (b"\xff" * 8 + b"{}", "its header would have 18,446,744,073,709,551,615 bytes"),
    "a header above the limit": ((100_000_001).to_bytes(8, "little") + b"{}", "at most 100,000,000 are allowed"),
    "no UTF-8": (file_of(b'{"\xff": 1}'), "its header is not UTF-8"),
    "no JSON": (file_of(b"weights!"), "its header is not JSON"),
    "half a JSON": (file_of(b'{"a": '), "its header is not JSON"),
    "a JSON of brackets": (file_of(b"[" * 100_000), "its header is not JSON"),
    "an endless number": (file_of(b'{"a": ' + b"1" * 1_000_000 + b"}"), "its header is not JSON"),
    "no number": (file_of(b'{"a": NaN}'), "its header is not JSON"),
    "a list": (file_of([]), "its header is not a JSON object"),
    "metadata of numbers": (
        file_of({"__metadata__": {"a": 1}}),
        "`__metadata__` in its header is not an object of str",
    ),
    "metadata that is a text": (file_of({"__metadata__": "a"}), "`__metadata__` in its header is not an object of str"),
    "half a character": (file_of(b'{"\\ud800": 1}'), "a name in its header is not Unicode"),
    "an entry that is a number": (file_of({"a": 1}), "the tensor `a` is not described by an object"),
    "no type": (file_of({"a": {"shape": [], "data_offsets": [0, 0]}}), "the tensor `a` has no `dtype`"),
    "a type that is a number": (file_of({"a": entry(dtype=32)}, bytes(8)), "the tensor `a` has no `dtype`"),
    "a shape that is a number": (file_of({"a": entry(shape=2)}, bytes(8)), "the tensor `a` has no `shape` of sizes"),
    "a negative size": (file_of({"a": entry(shape=[-2])}, bytes(8)), "the tensor `a` has no `shape` of sizes"),
    "a size that is true": (file_of({"a": entry(shape=[True, 2])}, bytes(8)), "has no `shape` of sizes"),
    "a broken size": (file_of({"a": entry(shape=[2.0])}, bytes(8)), "the tensor `a` has no `shape` of sizes"),
    "one offset": (file_of({"a": entry(offsets=[8])}, bytes(8)), "the tensor `a` has no `data_offsets` of two places"),
    "three offsets": (file_of({"a": entry(offsets=[0, 8, 8])}, bytes(8)), "has no `data_offsets` of two places"),
    "an offset that is a text": (file_of({"a": entry(offsets=[0, "8"])}, bytes(8)), "has no `data_offsets`"),
    "too many bytes for the type": (file_of({"a": entry(offsets=[0, 12])}, bytes(12)), "has 12 bytes, and its type"),
    "too few bytes for the shape": (file_of({"a": entry(shape=[3])}, bytes(8)), "and its type and shape make 12"),
    "more than there is": (file_of({"a": entry(shape=[2**40, 2**40])}, bytes(8)), "`a` is larger than any file"),
    "a half byte": (file_of({"a": entry("F4", [3], [0, 1])}, bytes(1)), "the tensor `a` does not end at a whole byte"),
    "a hole": (file_of({"a": entry(), "b": entry(offsets=[12, 20])}, bytes(20)), "`b` stands at 12 to 20, and the one"),
    "a hole at the beginning": (file_of({"a": entry(offsets=[4, 12])}, bytes(12)), "the one before it ends at 0"),
    "an overlap": (file_of({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)), "the one before it ends at 8"),
    "backwards": (file_of({"a": entry(shape=[0], offsets=[0, -0])} | {"b": entry(offsets=[8, 0])}, bytes(8)), "`b`"),
    "a byte too few": (file_of(TWO, bytes(15)), "and the file has"),
    "a byte too many": (file_of(TWO, bytes(17)), "its tensors end at byte"),
    "no data": (file_of(TWO), "its tensors end at byte"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_breaks_a_rule_is_one_sentence(tmp_path: Path, case: str) -> None:
    content, reason = BAD[case]
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    assert reason in refusal(path)
    with pytest.raises(safetensors.SafetensorError):
        safetensors.deserialize(content)


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """The format forbids it; the library takes one of the two in silence."""
    path = tmp_path / "w.safetensors"
    one = json.dumps(entry())
    path.write_bytes(file_of(f'{{"a":{one},"a":{one}}}'.encode(), bytes(8)))
    assert refusal(path) == "its header has `a` twice"


def test_damage_is_judged_as_the_library_judges_it(tmp_path: Path) -> None:
    """Single bytes of a header are changed: both read the file, or both refuse it."""
    path = tmp_path / "w.safetensors"
    save_file({"conv/weights": np.zeros((2, 3), "float32"), "n": np.zeros((2,), "int64")}, path)
    content = path.read_bytes()
    header = int.from_bytes(content[:8], "little")
    draw = random.Random(7)
    accepted = 0
    for _ in range(3000):
        changed = bytearray(content)
        changed[draw.randrange(8 + header)] = draw.choice(b'{}[]",:0123456789FIUB8axA\\ \t\x00\x7f\xff')
        path.write_bytes(changed)
        try:
            safetensors.deserialize(bytes(changed))
            taken = True
        except safetensors.SafetensorError:
            taken = False
        try:
            open_safetensors(str(path)).close()
            ours = True
        except WeightsError:
            ours = False
        if ours != taken:
            # The type is an unknown one, of which the library reads nothing: the other tensors are of use here.
            assert ours, bytes(changed)
            assert any(f'"{known}"'.encode() not in changed for known in ("F32", "I64")), bytes(changed)
        accepted += taken
    assert 200 < accepted < 2800


def test_large_tensors_are_passed_on_in_pieces(tmp_path: Path) -> None:
    path, pieces = tmp_path / "w.safetensors", []
    array = np.arange(3_000_000, dtype="float32")
    save_file({"x": array}, path)
    tracemalloc.start()
    with open_safetensors(str(path)) as file:
        file.write("x", lambda piece: pieces.append((len(piece), piece[-1])))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(size for size, _ in pieces) == array.nbytes
    assert max(size for size, _ in pieces) <= 2**20
    assert peak < 2_500_000


def test_a_file_that_shrinks_while_it_is_read_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"x": np.zeros(100, "float32")}, path)
    with open_safetensors(str(path)) as file:
        os.truncate(path, 200)
        with pytest.raises(WeightsError, match="it has become shorter while it was read"):
            file.write("x", lambda _: None)


@pytest.mark.parametrize("error", [OSError(28, "no space"), ValueError("closed"), BrokenPipeError()])
def test_what_the_reader_of_the_bytes_raises_is_its_own(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"x": np.zeros(100, "float32")}, path)

    def fail(_: object) -> None:
        raise error

    with open_safetensors(str(path)) as file, pytest.raises(type(error)) as raised:
        file.write("x", fail)
    assert raised.value is error


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "it is not a regular file"
    with pytest.raises(IsADirectoryError):
        open_safetensors(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        open_safetensors(str(tmp_path / "missing"))


def test_a_source_that_gives_less_than_it_says_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    short: Outgoing = (StoredTensor(name="x", dtype=DType.FLOAT32, shape=(2,)), lambda sink: sink(b"1234"))
    with pytest.raises(RuntimeError, match="`x` has 8 bytes, and its source gave 4"):
        write_safetensors(str(path), [short])
    assert list(tmp_path.iterdir()) == []


def test_every_type_of_a_variable_but_texts_has_a_spelling() -> None:
    assert {dtype for dtype in DType if dtype is not DType.STRING} == set(reader.TYPE_NAMES)
    assert "keeps this name" in safetensors_problem(StoredTensor(name="__metadata__", dtype=DType.BOOL, shape=()))
