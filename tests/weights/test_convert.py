"""From every format into every other: no bit changes, nothing is left out, and no input is lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from slimdsl.types import DType
from slimdsl.weights.convert import TARGETS, TargetError, checkpoint_problem, convert, files_of, target_for
from slimdsl.weights.opening import open_weights
from slimdsl.weights.outgoing import Outgoing
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile

RANDOM = np.random.default_rng(7)
ARRAYS: dict[str, Any] = {
    "net/conv1/weights": RANDOM.standard_normal((3, 3, 2, 4)).astype("float32"),
    "net/conv1/biases": RANDOM.standard_normal(4).astype("float32"),
    "net/half": RANDOM.standard_normal((2, 5)).astype("float16"),
    "net/brain": RANDOM.standard_normal((5, 2)).astype(ml_dtypes.bfloat16),
    "net/double": RANDOM.standard_normal(3),
    "net/bytes": RANDOM.integers(0, 255, (4, 4), "uint8"),
    "net/signed": RANDOM.integers(-9, 9, 7, "int8"),
    "net/small": RANDOM.integers(-9, 9, (2, 2), "int32"),
    "net/truth": np.array([True, False, True]),
    "net/none": np.zeros((0, 3), "float32"),
    "global_step": np.array(12345, "int64"),
}
ENDINGS = (".npz", ".safetensors", ".ckpt")


class Arrays(WeightsFile):
    """Arrays in memory, as a file of weights."""

    kind = "arrays"

    def __init__(self, path: str, arrays: dict[str, Any]) -> None:
        self.arrays = arrays
        super().__init__(path, {name: stored(name, array) for name, array in arrays.items()})

    def write(self, name: str, sink: Any) -> None:
        sink(self.arrays[name].tobytes())


def stored(name: str, array: Any) -> StoredTensor:
    text = array.dtype.name
    known = {dtype.value: dtype for dtype in DType}
    return StoredTensor(name=name, dtype=known.get(text), shape=array.shape, type_text=text)


def contents(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Everything that a file holds."""
    found = {}
    with open_weights(str(path)) as file:
        for name, tensor in file.tensors.items():
            content = bytearray()
            file.write(name, content.extend)
            found[name] = (tensor.type_text, tensor.shape, bytes(content))
    return found


EXPECTED = {name: (array.dtype.name, array.shape, array.tobytes()) for name, array in ARRAYS.items()}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the arrays in every format."""
    folder = tmp_path_factory.mktemp("sources")
    for ending in ENDINGS:
        convert(Arrays("memory", ARRAYS), str(folder / f"in{ending}"), {name: name for name in ARRAYS})
    return folder


@pytest.mark.parametrize("source", ENDINGS)
@pytest.mark.parametrize("target", ENDINGS)
def test_no_bit_changes(sources: Path, tmp_path: Path, source: str, target: str) -> None:
    path = tmp_path / f"out{target}"
    with open_weights(str(sources / f"in{source}")) as file:
        written = convert(file, str(path), {name: name for name in file.tensors})
    assert contents(path) == EXPECTED
    assert written.tensors == len(ARRAYS)
    assert written.size == sum(found.stat().st_size for found in tmp_path.iterdir())
    assert written.path == str(path)
    # Whichever way they came, the same tensors in the same order are the same bytes.
    with open_weights(str(sources / f"in{source}")) as file:
        again = convert(file, str(tmp_path / f"again{target}"), {name: name for name in file.tensors})
    assert again.size == written.size
    for found in tmp_path.glob("out*"):
        assert found.read_bytes() == (tmp_path / found.name.replace("out", "again", 1)).read_bytes()


def test_tensors_get_the_names_that_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    convert(Arrays("memory", ARRAYS), str(path), {"b": "net/conv1/biases", "a/b": "net/double"})
    assert contents(path) == {"b": EXPECTED["net/conv1/biases"], "a/b": EXPECTED["net/double"]}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("w.npz", "archive of numpy arrays"), ("W.NPZ", "archive of numpy arrays"),
        ("a.b/w.safetensors", "safetensors"),
        ("model.ckpt", "TensorFlow checkpoint"), ("model.ckpt-1000", "TensorFlow checkpoint"),
        ("model", "TensorFlow checkpoint"), ("a.npz/model", "TensorFlow checkpoint"),
    ],
)  # fmt: skip
def test_the_name_says_the_format(name: str, kind: str) -> None:
    assert target_for(name).kind == kind


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("w.h5", "weights are not written as `.h5`; name a `.npz`"), ("w.pth", "not written as `.pth`"),
        ("W.PB", "not written as `.pb`"), ("w.onnx", "not written as `.onnx`"), ("w.bin", "not written as `.bin`"),
        ("m.ckpt.index", "name a checkpoint by its prefix, `m.ckpt`"),
        ("m.data-00000-of-00001", "name a checkpoint by its prefix, `m`"),
        ("folder/", "`folder/` is a folder"), (".", "`.` is a folder"), ("", "`` is a folder"),
        ("-", "weights are not written to standard output"),
    ],
)  # fmt: skip
def test_a_name_that_stands_for_no_format_is_refused(name: str, reason: str) -> None:
    with pytest.raises(TargetError) as raised:
        target_for(name)
    assert reason in str(raised.value)


def everything(file: WeightsFile) -> dict[str, str]:
    return {name: name for name in file.tensors}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_input_is_never_overwritten(sources: Path, tmp_path: Path, ending: str) -> None:
    convert(Arrays("memory", ARRAYS), str(tmp_path / f"in{ending}"), {name: name for name in ARRAYS})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in before:
        (tmp_path / name.replace("in", "link", 1)).symlink_to(name)
    with open_weights(str(tmp_path / f"in{ending}")) as file:
        for name in (f"in{ending}", f"link{ending}"):
            with pytest.raises(TargetError, match="would replace"):
                convert(file, str(tmp_path / name), everything(file))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_the_data_of_a_checkpoint_are_its_input_too(sources: Path, tmp_path: Path) -> None:
    with open_weights(str(sources / "in.ckpt")) as file:
        names = {os.path.basename(name) for name in files_of(file)}
    assert names == {"in.ckpt", "in.ckpt.index", "in.ckpt.data-00000-of-00001"}


# What is in a file -> the target -> why it is refused.
UNHELD = [
    ({"c": np.zeros(2, "complex64")}, ".npz", "it is of the type complex64, and only the types of variables"),
    ({"s": np.array("text")}, ".ckpt", "the tensor `s`: it is of the type str"),
    ({"": np.zeros(2, "float32")}, ".ckpt", "the tensor ``: it has no name"),
    ({"x\0y": np.zeros(2, "float32")}, ".npz", "its name cannot be that of a file"),
    ({"__metadata__": np.zeros(2, "float32")}, ".safetensors", "safetensors keeps this name for itself"),
    ({"x": np.zeros((1,) * 33, "float32")}, ".npz", "it has 33 axes, and numpy's arrays have at most 32"),
]


@pytest.mark.parametrize(("arrays", "ending", "reason"), UNHELD, ids=range(len(UNHELD)))
def test_what_a_format_cannot_hold_is_named(tmp_path: Path, arrays: dict[str, Any], ending: str, reason: str) -> None:
    path = tmp_path / f"w{ending}"
    with pytest.raises(WeightsError) as raised:
        convert(Arrays("memory", {**arrays, "good": np.zeros(1, "float32")}), str(path), {n: n for n in arrays})
    (finding,) = raised.value.diagnostics
    assert finding.code == "E0505"
    assert finding.message.startswith(f"`{path}` cannot hold the tensor `")
    assert reason in finding.message
    assert list(tmp_path.iterdir()) == []


def test_axes_of_tensorflow_are_counted() -> None:
    assert checkpoint_problem(StoredTensor(name="x", dtype=DType.BOOL, shape=(1,) * 254)) == ""
    assert "it has 255 axes" in checkpoint_problem(StoredTensor(name="x", dtype=DType.BOOL, shape=(1,) * 255))


@pytest.mark.parametrize("ending", ENDINGS)
def test_damage_on_the_way_leaves_the_old_file(tmp_path: Path, ending: str) -> None:
    """The source breaks at its last tensor, as one with a wrong checksum does."""
    names = {name: name for name in ARRAYS}
    convert(Arrays("memory", ARRAYS), str(tmp_path / f"out{ending}"), names)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    class Damaged(Arrays):
        def write(self, name: str, sink: Any) -> None:
            if name == "net/conv1/biases":
                raise WeightsError(())
            super().write(name, sink)

    with pytest.raises(WeightsError):
        convert(Damaged("memory", ARRAYS), str(tmp_path / f"out{ending}"), names)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_every_target_takes_every_type_of_a_variable() -> None:
    for target in TARGETS:
        for dtype in set(DType) - {DType.STRING}:
            outgoing: Outgoing = (StoredTensor(name="x", dtype=dtype, shape=(2,)), lambda _: None)
            assert target.problem(outgoing[0]) == "", (target.kind, dtype)
