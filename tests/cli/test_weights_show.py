"""`slimdsl weights show`: what a file holds, and what its numbers are like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from slimdsl.types import DType
from slimdsl.weights.convert import convert
from slimdsl.weights.opening import open_weights
from slimdsl.weights.statistics import statistics
from slimdsl.weights.stored import StoredTensor, WeightsFile
from tests.cli.conftest import Run

ARRAYS: dict[str, Any] = {
    "net/conv/weights": np.linspace(-1, 2, 216, dtype="float32").reshape(3, 3, 3, 8),
    "net/conv/biases": np.zeros(8, "float32"),
    "net/conv/weights/Momentum": np.ones((3, 3, 3, 8), "float32"),
    "net/bad": np.array([np.nan, 1, np.inf, -3], "float32"),
    "net/worse": np.full(2, np.nan, "float16"),
    "net/odd": np.zeros(2, "complex64"),
    "global_step": np.array(1000, "int64"),
}

TABLE = """\
w.npz: archive of numpy arrays

name                       type       shape          size  state of training
----------------------------------------------------------------------------
net/conv/weights           float32    [3, 3, 3, 8]  864 B
net/conv/biases            float32    [8]            32 B
net/conv/weights/Momentum  float32    [3, 3, 3, 8]  864 B  optimizer slot
net/bad                    float32    [4]            16 B
net/worse                  float16    [2]             4 B
net/odd                    complex64  [2]               ?
global_step                int64      []              8 B  step counter
----------------------------------------------------------------------------
5 arrays, 232 numbers, 916 B
2 arrays of the state of training, 217 numbers, 872 B
"""

FIGURES = """\
name                       type       shape          size    min    max  mean  not finite  state of training
------------------------------------------------------------------------------------------------------------
net/conv/weights           float32    [3, 3, 3, 8]  864 B     -1      2   0.5
net/conv/biases            float32    [8]            32 B      0      0     0
net/conv/weights/Momentum  float32    [3, 3, 3, 8]  864 B      1      1     1              optimizer slot
net/bad                    float32    [4]            16 B     -3      1    -1           2
net/worse                  float16    [2]             4 B                               2
net/odd                    complex64  [2]               ?      ?      ?     ?           ?
global_step                int64      []              8 B  1,000  1,000  1000              step counter
------------------------------------------------------------------------------------------------------------
"""


@pytest.fixture
def weights(project: Path) -> Path:
    """The arrays, in the current folder."""
    np.savez(project / "w.npz", **ARRAYS)
    return project / "w.npz"


def test_the_table(run: Run, weights: Path) -> None:
    outcome = run("weights", "show", "w.npz")
    assert (outcome.code, outcome.out, outcome.err) == (0, TABLE, "")


def test_the_table_with_figures(run: Run, weights: Path) -> None:
    outcome = run("weights", "show", "w.npz", "--stats")
    assert outcome.code == 0
    assert FIGURES in outcome.out
    assert outcome.out.endswith("numbers that are not finite in 2 arrays, such as net/bad\n")


def test_the_json_has_the_same(run: Run, weights: Path) -> None:
    plain = json.loads(run("weights", "show", "w.npz", "--json").out)
    assert plain["totals"] == {"tensors": 7, "numbers": 449, "bytes": 1788, "bytes_of_state": 872}
    assert (plain["weights"], plain["kind"], plain["problems"]) == ("w.npz", "archive of numpy arrays", [])
    assert plain["tensors"][2] == {
        "name": "net/conv/weights/Momentum",
        "dtype": "float32",
        "shape": [3, 3, 3, 8],
        "bytes": 864,
        "state_of_training": "optimizer slot",
    }
    read = run("weights", "show", "w.npz", "--json", "--stats").out
    assert "NaN" not in read
    figures = {tensor["name"]: tensor["statistics"] for tensor in json.loads(read)["tensors"]}
    assert figures["net/bad"] == {"min": -3.0, "max": 1.0, "mean": -1.0, "not_finite": 2}
    assert figures["net/worse"] == {"min": None, "max": None, "mean": None, "not_finite": 2}
    assert figures["net/odd"] is None


@pytest.mark.parametrize("name", ["w.safetensors", "model.ckpt"])
def test_every_format_is_shown(run: Run, weights: Path, name: str) -> None:
    with open_weights(str(weights)) as file:
        kind = convert(file, name, {n: n for n in ARRAYS if n != "net/odd"}).kind
    outcome = run("weights", "show", name, "--stats")
    assert outcome.code == 0
    assert outcome.out.startswith(f"{name}: {kind}\n")
    assert "net/bad                    float32  [4]            16 B     -3      1    -1           2" in outcome.out


def test_a_damaged_tensor_is_named_and_the_others_are_shown(run: Run, weights: Path) -> None:
    with open_weights(str(weights)) as file:
        convert(file, "model.ckpt", {n: n for n in ARRAYS if n != "net/odd"})
    data = weights.parent / "model.ckpt.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[content.index(ARRAYS["net/conv/weights"].tobytes()) + 100] ^= 1
    data.write_bytes(content)
    assert run("weights", "show", "model.ckpt").code == 0
    outcome = run("weights", "show", "model.ckpt", "--stats")
    assert outcome.code == 1
    assert "net/conv/weights           float32  [3, 3, 3, 8]  864 B      ?      ?     ?           ?" in outcome.out
    assert "net/bad                    float32  [4]            16 B     -3" in outcome.out
    assert "the tensor `net/conv/weights` in `model.ckpt.data-00000-of-00001`: its checksum is wrong" in outcome.err


def test_an_entry_that_cannot_be_read_is_told(run: Run, weights: Path) -> None:
    content = weights.read_bytes()
    place = content.index(b"\x93NUMPY")
    weights.write_bytes(content[:place] + b"\x94NUMPY" + content[place + 6 :])
    outcome = run("weights", "show", "w.npz")
    assert outcome.code == 1
    assert "net/conv/biases" in outcome.out
    assert "net/conv/weights " not in outcome.out
    assert "the member `net/conv/weights`: " in outcome.err


def test_a_file_without_tensors_is_shown(run: Run, project: Path) -> None:
    np.savez(project / "w.npz")
    outcome = run("weights", "show", "w.npz", "--stats")
    assert (outcome.code, outcome.out.splitlines()[-1]) == (0, "0 arrays, 0 numbers, 0 B")


def test_names_cannot_move_the_cursor(run: Run, project: Path) -> None:
    np.savez(project / "w.npz", **{"a\x1b[2J\nb": np.zeros(1)})  # type: ignore[arg-type]
    outcome = run("weights", "show", "w.npz")
    assert r"a\x1b[2J\nb" in outcome.out
    assert "\x1b" not in outcome.out


def test_what_is_no_file_of_weights_is_told(run: Run, project: Path) -> None:
    assert run("weights", "show", "missing.npz").code == 2
    outcome = run("weights", "show", "tiny.slim")
    assert outcome.code == 1
    assert "error[E0505]" in outcome.err


class Pieces(WeightsFile):
    """One tensor, passed on in pieces that end anywhere."""

    kind = "pieces"

    def __init__(self, array: Any, length: int) -> None:
        self.content, self.length = array.tobytes(), length
        super().__init__("memory", {"x": StoredTensor(name="x", dtype=DType(array.dtype.name), shape=array.shape)})

    def write(self, name: str, sink: Any) -> None:
        for start in range(0, len(self.content), self.length):
            sink(memoryview(self.content)[start : start + self.length])


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", ml_dtypes.bfloat16, "int8", "uint8", "int32", "int64", "bool"],
)
@pytest.mark.parametrize("length", [3, 4096, 10**7])
def test_figures_are_those_of_numpy(dtype: Any, length: int) -> None:
    array = (np.random.default_rng(7).standard_normal(3000) * 50).astype(dtype)
    found = statistics(Pieces(array, length), "x")
    exact = array.astype("float64")
    assert (found.minimum, found.maximum, found.not_finite) == (exact.min(), exact.max(), 0)
    assert found.mean == pytest.approx(exact.mean(), rel=1e-12, abs=1e-12)


def test_figures_of_extreme_numbers() -> None:
    large = statistics(Pieces(np.array([2**63 - 1] * 4 + [-(2**63)], "int64"), 8), "x")
    assert (large.minimum, large.maximum) == (-(2**63), 2**63 - 1)
    assert large.mean == pytest.approx((4 * (2**63 - 1) - 2**63) / 5)
    huge = statistics(Pieces(np.full(4, 1.7e308), 32), "x")
    assert (huge.maximum, huge.mean, huge.not_finite) == (1.7e308, None, 0)
