"""Archives of arrays: what fits is copied bit by bit, what does not is listed whole, damage is one sentence."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.suggest import nearest
from slimdsl.ir.graph import Tensor, Variable
from slimdsl.ops.initializers import Zeros
from slimdsl.types import DType, TensorType
from slimdsl.weights.comparison import compare
from slimdsl.weights.findings import findings as findings_of
from slimdsl.weights.npz import NpzFile
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile

Arrays = dict[str, Any]


def variable(name: str, *shape: int, dtype: DType = DType.FLOAT32) -> Variable:
    tensor = Tensor(name, 0, TensorType(dtype=dtype, shape=shape))
    return Variable(name, tensor, Zeros(), None, trainable=True, scope=name.rpartition("/")[0])


VARIABLES = (
    variable("net/conv1/weights", 3, 3, 2, 4),
    variable("net/conv1/biases", 4),
    variable("net/fc/weights", 6, 5),
)
ARRAYS: Arrays = {
    v.name: np.random.default_rng(7).standard_normal(v.shape).astype("float32") for v in VARIABLES
}  # fmt: skip


def found_in(file: WeightsFile, variables: Sequence[Variable]) -> tuple[Diagnostic, ...]:
    """All that keeps a file from being the weights of variables."""
    return findings_of(compare(variables, file))


def findings(path: Path) -> list[tuple[str, str, str]]:
    """Code, message (without the path) and help of all that is wrong with an archive for `VARIABLES`."""
    with NpzFile.open(str(path)) as weights:
        return [(d.code, d.message.replace(str(path), "W"), d.help) for d in found_in(weights, VARIABLES)]


def values(path: Path, wanted: Variable) -> bytes:
    content = bytearray()
    with NpzFile.open(str(path)) as weights:
        weights.write(wanted.name, content.extend)
    return bytes(content)


def with_arrays(**changes: Any) -> Arrays:
    """`ARRAYS` with some replaced, or left out where None; ``__`` stands for a slash."""
    changed = {name.replace("__", "/"): array for name, array in changes.items()}
    return {name: array for name, array in {**ARRAYS, **changed}.items() if array is not None}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "compressed"])
def test_what_fits_is_copied_bit_by_bit(tmp_path: Path, save: Callable[..., None]) -> None:
    path = tmp_path / "W.npz"
    save(path, **ARRAYS)
    assert findings(path) == []
    for wanted in VARIABLES:
        assert values(path, wanted) == ARRAYS[wanted.name].tobytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "compressed"])
def test_column_major_arrays_are_turned_round(tmp_path: Path, save: Callable[..., None]) -> None:
    path = tmp_path / "W.npz"
    save(path, **{name: np.asfortranarray(array) for name, array in ARRAYS.items()})
    assert findings(path) == []
    for wanted in VARIABLES:
        assert values(path, wanted) == ARRAYS[wanted.name].tobytes()


def test_large_arrays_are_passed_on_in_pieces(tmp_path: Path) -> None:
    path, wanted = tmp_path / "W.npz", variable("w", 1500, 1001)
    array = np.arange(wanted.size, dtype="float32").reshape(wanted.shape)
    for order in ("C", "F"):
        np.savez(path, w=np.asarray(array, order=order))  # type: ignore[call-overload]
        pieces: list[int] = []
        content = bytearray()

        def sink(piece: bytes | memoryview, pieces: list[int] = pieces, content: bytearray = content) -> None:
            pieces.append(memoryview(piece).nbytes)
            content.extend(memoryview(piece).cast("B"))

        with NpzFile.open(str(path)) as weights:
            weights.write(wanted.name, sink)
        assert bytes(content) == array.tobytes()
        assert max(pieces) <= 2**20


LEAVE = "`--except net/conv1` leaves that scope out"
HUGE = 'convert it with `.astype("float32")` before saving it'
# What is in the archive -> all that is found in it.
CASES: dict[str, tuple[Arrays, list[tuple[str, str, str]]]] = {
    "missing": (
        with_arrays(net__conv1__biases=None),
        [("E0501", "`W` has no array for the variable `net/conv1/biases`, [4]", "")],
    ),
    "extra": (
        with_arrays(net__conv2__biases=np.zeros(4, "float32")),
        [
            (
                "E0502",
                "`W` has an array `net/conv2/biases`, which no variable is called",
                "`--except net/conv2/biases` leaves it out",
            )
        ],
    ),
    "the state of training": (
        with_arrays(global_step=np.zeros((), "int64"), net__fc__weights__Momentum=np.zeros((6, 5), "float32")),
        [],
    ),
    "misspelt": (
        with_arrays(net__conv1__biases=None, net__conv1__bias=ARRAYS["net/conv1/biases"]),
        [
            (
                "E0501",
                "`W` has no array for the variable `net/conv1/biases`, [4]",
                "the file has `net/conv1/bias` of that shape",
            ),
            (
                "E0502",
                "`W` has an array `net/conv1/bias`, which no variable is called",
                "did you mean `net/conv1/biases`?",
            ),
        ],
    ),
    "another shape": (
        with_arrays(net__conv1__biases=np.zeros(5, "float32")),
        [("E0503", "`W`: the array `net/conv1/biases` is [5], the variable is [4]", LEAVE)],
    ),
    "PyTorch's kernel": (
        with_arrays(net__conv1__weights=ARRAYS["net/conv1/weights"].transpose(3, 2, 0, 1).copy()),
        [
            (
                "E0503",
                "`W`: the array `net/conv1/weights` is [4, 2, 3, 3], the variable is [3, 3, 2, 4]",
                "this is PyTorch's order; `.transpose(2, 3, 1, 0)` gives TensorFlow's",
            )
        ],
    ),
    "PyTorch's matrix": (
        with_arrays(net__fc__weights=ARRAYS["net/fc/weights"].T.copy()),
        [
            (
                "E0503",
                "`W`: the array `net/fc/weights` is [5, 6], the variable is [6, 5]",
                "the matrix is transposed; `.T` turns it round",
            )
        ],
    ),
    "double": (
        with_arrays(net__conv1__biases=np.zeros(4)),
        [("E0504", "`W`: the array `net/conv1/biases` is of the type float64, the variable is float32", HUGE)],
    ),
    "half": (
        with_arrays(net__conv1__biases=np.zeros(4, "float16")),
        [("E0504", "`W`: the array `net/conv1/biases` is of the type float16, the variable is float32", HUGE)],
    ),
    "bfloat16": (
        with_arrays(net__conv1__biases=np.zeros(4, ml_dtypes.bfloat16)),
        [("E0504", "`W`: the array `net/conv1/biases` is of the type bfloat16, the variable is float32", HUGE)],
    ),
    "big-endian": (
        with_arrays(net__conv1__biases=np.zeros(4, ">f4")),
        [
            (
                "E0504",
                "`W`: the array `net/conv1/biases` is of the type big-endian float32, the variable is float32",
                HUGE,
            )
        ],
    ),
    "structured": (
        with_arrays(net__conv1__biases=np.zeros(4, [("a", "<f4")])),
        [("E0504", "`W`: the array `net/conv1/biases` is of the type structured, the variable is float32", HUGE)],
    ),
    "complex of another shape": (
        with_arrays(net__conv1__biases=np.zeros((4, 1), "complex64")),
        [
            ("E0503", "`W`: the array `net/conv1/biases` is [4, 1], the variable is [4]", LEAVE),
            ("E0504", "`W`: the array `net/conv1/biases` is of the type complex64, the variable is float32", HUGE),
        ],
    ),
    "nothing": (
        {},
        [
            ("E0501", "`W` has no array for the variable `net/conv1/weights`, [3, 3, 2, 4]", ""),
            ("E0501", "`W` has no array for the variable `net/conv1/biases`, [4]", ""),
            ("E0501", "`W` has no array for the variable `net/fc/weights`, [6, 5]", ""),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_listed_whole(tmp_path: Path, case: str) -> None:
    arrays, expected = CASES[case]
    path = tmp_path / "W.npz"
    np.savez(path, **arrays)
    assert findings(path) == expected


@pytest.mark.parametrize("order", ["C", "F"])
def test_bfloat16_is_taken_as_ml_dtypes_saves_it(tmp_path: Path, order: Any) -> None:
    path, wanted = tmp_path / "W.npz", variable("w", 3, 5, dtype=DType.BFLOAT16)
    array = np.random.default_rng(7).standard_normal((3, 5)).astype(ml_dtypes.bfloat16)
    np.savez(path, w=np.asarray(array, order=order))
    with NpzFile.open(str(path)) as weights:
        assert found_in(weights, [wanted]) == ()
    assert values(path, wanted) == array.tobytes()


def test_help_for_bfloat16_names_the_package_that_has_it(tmp_path: Path) -> None:
    path, wanted = tmp_path / "W.npz", variable("w", 3, dtype=DType.BFLOAT16)
    np.savez(path, w=np.zeros(3, "float32"))
    with NpzFile.open(str(path)) as weights:
        (finding,) = found_in(weights, [wanted])
    assert finding.help == "convert it with `.astype(ml_dtypes.bfloat16)` before saving it"


def test_suggestions_are_looked_for_among_few_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many do not fit: an edit distance of names takes a millisecond."""
    measured: list[int] = []

    def counted(word: str, candidates: Sequence[str], limit: int = 1) -> list[str]:
        measured.append(len(candidates))
        return nearest(word, candidates, limit)

    monkeypatch.setattr("slimdsl.weights.guesses.nearest", counted)
    path = tmp_path / "W.npz"
    names = [f"resnet/block1/unit_{i}/bottleneck/conv1/weights" for i in range(600)]
    arrays: Arrays = {name: np.zeros((1, 1), "float32") for name in names}
    np.savez(path, **arrays)
    variables = [variable(f"other_name/block1/unit_{i}/bottleneck/conv1/weights", 1, 1) for i in range(600)]
    with NpzFile.open(str(path)) as weights:
        assert len(found_in(weights, variables)) == 1200
    assert 0 < sum(measured) <= 3 * 1200


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


class Hostile:
    """Pickles to a call; reading it would leave a trace."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("pickle_was_read"),))


GOOD = npy(ARRAYS["net/conv1/biases"])
# What the member holds -> why it cannot be read.
MEMBERS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "it is not a numpy array"),
    "text": (b"weights", "it is not a numpy array"),
    "a pickle": (pickle.dumps(Hostile()), "it is not a numpy array"),
    "the magic alone": (b"\x93NUMPY", "it is cut off"),
    "no version": (b"\x93NUMPY\x01", "it is cut off"),
    "no header": (b"\x93NUMPY\x01\x00", "it is cut off"),
    "half a length": (b"\x93NUMPY\x01\x00\x10", "it is cut off"),
    "half a header": (header("{'descr': '<f4'}")[:-3], "it is cut off"),
    "an endless size": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (0x" + "f" * 9000 + ",)}"),
        "its header is not one that numpy writes",
    ),
    "a size of 64 bits": (
        header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**63},)}}"),
        "its header is not one that numpy writes",
    ),
    "a header that never ends": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100), "its header has 4294967295 bytes"),
    "a header of code": (header("__import__('os').getcwd()"), "its header is not one that numpy writes"),
    "a header of brackets": (header("(" * 9000), "its header is not one that numpy writes"),
    "a header of minus signs": (header("-" * 9000 + "1"), "its header is not one that numpy writes"),
    "a header that is a list": (header("[1, 2]"), "its header is not one that numpy writes"),
    "a header without a shape": (header("{'descr': '<f4', 'fortran_order': False}"), "is not one that numpy writes"),
    "a negative size": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"),
        "not one that numpy writes",
    ),
    "a size that is a word": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': ('a',)}"),
        "not one that numpy",
    ),
}


@pytest.mark.parametrize("case", MEMBERS)
def test_a_member_that_is_no_array_is_one_sentence(tmp_path: Path, case: str) -> None:
    content, reason = MEMBERS[case]
    path = tmp_path / "W.npz"
    np.savez(path, **with_arrays(net__conv1__biases=None))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("net/conv1/biases.npy", content)
    ((code, message, _),) = findings(path)
    assert code == "E0505"
    assert message.startswith("`W` cannot be read: the member `net/conv1/biases`: ")
    assert reason in message


@pytest.mark.parametrize("size", ["9" * 9000, "²", "0", ""], ids=["long", "not ASCII", "zero", "none"])
def test_an_odd_type_is_named_and_not_computed(tmp_path: Path, size: str) -> None:
    path = tmp_path / "W.npz"
    np.savez(path, **with_arrays(net__conv1__biases=None))
    text = f"{{'descr': '<f{size}', 'fortran_order': False, 'shape': (4,)}}".encode("latin-1")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(
            "net/conv1/biases.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(16)
        )
    ((code, message, _),) = findings(path)
    assert code == "E0504"
    assert len(message) < 200


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("start", [0, 10])
def test_damage_in_any_compression_is_one_sentence(tmp_path: Path, method: int, start: int) -> None:
    """The decompressors of Python raise three unrelated exceptions, one of them OSError."""
    path = tmp_path / "W.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in ARRAYS.items():
            archive.writestr(f"{name}.npy", npy(array))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.infolist()[0]
    first = info.header_offset + 30 + len(info.filename) + start
    content[first : first + 40] = b"\xff" * 40
    path.write_bytes(content)
    with pytest.raises(WeightsError) as raised:
        values(path, VARIABLES[0])
    (finding,) = raised.value.diagnostics
    assert finding.message.startswith(f"`{path}` cannot be read: the member `net/conv1/weights`: ")
    assert [code for code, _, _ in findings(path)] in (["E0505"], [])


@pytest.mark.parametrize("error", [OSError(28, "no space"), ValueError("closed"), BrokenPipeError(), EOFError()])
def test_what_the_reader_of_the_bytes_raises_is_its_own(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "W.npz"
    np.savez(path, **ARRAYS)

    def fail(_: object) -> None:
        raise error

    with NpzFile.open(str(path)) as weights, pytest.raises(type(error)) as raised:
        weights.write(VARIABLES[0].name, fail)
    assert raised.value is error


def test_python_objects_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("W.npz", **with_arrays(net__conv1__biases=np.array([Hostile()] * 4, dtype=object)))
    ((code, message, _),) = findings(tmp_path / "W.npz")
    assert (code, "type Python object" in message) == ("E0504", True)
    assert not Path("pickle_was_read").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", npy(np.zeros(4, "float32")), b"PK\x05\x06", b"PK\x03\x04" + bytes(100), bytes(100_000)],
    ids=["empty", "text", "npy", "half an end", "half a beginning", "zeros"],
)
def test_a_foreign_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "W.npz"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as raised:
        NpzFile.open(str(path))
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "E0505"
    assert diagnostic.message == f"`{path}` is not an archive of numpy arrays, or it is cut off"


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        NpzFile.open(str(tmp_path / "W.npz"))


def test_a_file_cut_off_anywhere_is_never_read_as_whole(tmp_path: Path) -> None:
    path, cut = tmp_path / "W.npz", tmp_path / "cut.npz"
    np.savez(path, **ARRAYS)
    content = path.read_bytes()
    for length in range(0, len(content), 37):
        cut.write_bytes(content[:length])
        with pytest.raises(WeightsError):
            NpzFile.open(str(cut))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "compressed"])
def test_a_flipped_bit_is_never_written(tmp_path: Path, save: Callable[..., None]) -> None:
    """Every bit of a member's content is under its checksum."""
    path, flipped = tmp_path / "W.npz", tmp_path / "flipped.npz"
    save(path, **ARRAYS)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        first, second = archive.infolist()[:2]
    local = first.header_offset
    start = local + 30 + sum(int.from_bytes(content[local + at : local + at + 2], "little") for at in (26, 28))
    for position in range(start, second.header_offset, 3):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        flipped.write_bytes(damaged)
        if not findings(flipped):
            with pytest.raises(WeightsError, match="cannot be read"):
                values(flipped, VARIABLES[0])


def test_an_encrypted_member_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "W.npz"
    np.savez(path, **ARRAYS)
    content = bytearray(path.read_bytes())
    # The lowest bit of the flags, in the directory and before the member.
    content[content.index(b"PK\x03\x04") + 6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    ((code, message, _),) = findings(path)
    assert (code, message) == ("E0505", "`W` cannot be read: the member `net/conv1/weights`: it is encrypted")


def test_two_members_of_one_name_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "W.npz"
    np.savez(path, **ARRAYS)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("net/conv1/biases.npy", GOOD)
    with pytest.raises(WeightsError, match="two of its members have the same name"):
        NpzFile.open(str(path))


@pytest.mark.parametrize(("order", "reason"), [("more", "behind its last number"), ("less", "ends before")])
@pytest.mark.parametrize("fortran", [False, True])
def test_a_header_that_lies_about_the_size_is_one_sentence(
    tmp_path: Path, order: str, reason: str, fortran: bool
) -> None:
    path = tmp_path / "W.npz"
    head = header(f"{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': (6, 5)}}")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/fc/weights.npy", head + bytes(6 * 5 * 4 + (4 if order == "more" else -4)))
    with pytest.raises(WeightsError, match=reason):
        values(path, VARIABLES[2])


def test_a_zip_bomb_is_not_blown_up(tmp_path: Path) -> None:
    """400 MB of zeros that take 400 kB: no more of it is read than the variable has."""
    path = tmp_path / "W.npz"
    head = header("{'descr': '<f4', 'fortran_order': False, 'shape': (6, 5)}")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("net/fc/weights.npy", "w") as member:
        member.write(head)
        for _ in range(400):
            member.write(bytes(1_000_000))
    tracemalloc.start()
    with pytest.raises(WeightsError, match="behind its last number"):
        values(path, VARIABLES[2])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
