"""`slimdsl weights convert`: from one format into another, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.cli.conftest import Run

WEIGHTS = np.arange(8, dtype="float32").reshape(2, 4)
ARRAYS: dict[str, Any] = {
    "net/fc/weights": WEIGHTS,
    "net/fc/weights/ExponentialMovingAverage": WEIGHTS + 1,
    "net/fc/weights/Momentum": WEIGHTS + 2,
    "net/fc/biases": np.zeros(4, "float32"),
    "net/logits/biases": np.ones(3, "float32"),
    "global_step": np.array(1000, "int64"),
}


@pytest.fixture
def weights(project: Path) -> Path:
    """The arrays, in the current folder."""
    np.savez(project / "w.npz", **ARRAYS)
    return project / "w.npz"


def test_everything_is_written(run: Run, weights: Path) -> None:
    outcome = run("weights", "convert", "w.npz", "w.safetensors")
    size = (weights.parent / "w.safetensors").stat().st_size
    assert (outcome.code, outcome.out, outcome.err) == (
        0,
        f"wrote w.safetensors: safetensors, 6 tensors, {size} B\n",
        "",
    )
    loaded = load_file("w.safetensors")
    assert set(loaded) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_a_checkpoint_comes_back_as_it_was(run: Run, weights: Path) -> None:
    assert run("weights", "convert", "w.npz", "model.ckpt").code == 0
    assert run("weights", "convert", "model.ckpt", "again.npz").code == 0
    with np.load("again.npz") as again:
        assert set(again.files) == set(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(again[name], array)


def test_averages_names_and_what_is_left_out(run: Run, weights: Path) -> None:
    options = ("--ema", "--without-state", "--except", "logits", "--rename", "net=lenet")
    outcome = run("weights", "convert", "w.npz", "w.safetensors", *options)
    assert outcome.code == 0
    assert outcome.out.splitlines()[1:] == [
        "  1 moving average in place of the values themselves",
        "  2 tensors renamed",
        "  left out, as --except says: 1 tensor",
        "  left out, as state of training: 1 optimizer slot, 1 step counter",
    ]
    loaded = load_file("w.safetensors")
    assert set(loaded) == {"lenet/fc/weights", "lenet/fc/biases"}
    np.testing.assert_array_equal(loaded["lenet/fc/weights"], WEIGHTS + 1)


def test_without_ema_the_averages_are_state(run: Run, weights: Path) -> None:
    outcome = run("weights", "convert", "w.npz", "w.safetensors", "--without-state")
    assert outcome.out.endswith("state of training: 1 moving average, 1 optimizer slot, 1 step counter\n")
    np.testing.assert_array_equal(load_file("w.safetensors")["net/fc/weights"], WEIGHTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--except", "nothing"), "--except nothing: nothing in the network or the file is called so"),
        (("--rename", "other=net"), "--rename other=net: nothing in the file `w.npz` is called so"),
        (("--rename", "net/logits/biases=net/fc/biases"), "would both be called `net/fc/biases`"),
    ],
)
def test_what_fits_nothing_is_refused(run: Run, weights: Path, options: tuple[str, ...], message: str) -> None:
    outcome = run("weights", "convert", "w.npz", "w.safetensors", *options)
    assert outcome.code == 1
    assert message in outcome.err
    assert not Path("w.safetensors").exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("w.npz", "slimdsl: writing `w.npz` would replace `w.npz`, which is read; write to another name\n"),
        ("w.h5", "slimdsl: `w.h5`: weights are not written as `.h5`; name a `.npz`, a `.safetensors`, or the prefix"),
        ("no/such/folder/w.npz", "slimdsl: cannot write `no/such/folder/w.npz`: there is no folder `no/such/folder`\n"),
        ("models", "slimdsl: `models` is a folder"),
    ],
)
def test_where_nothing_can_be_written_is_wrong_usage(run: Run, weights: Path, output: str, message: str) -> None:
    before = weights.read_bytes()
    outcome = run("weights", "convert", "w.npz", output)
    assert outcome.code == 2
    assert outcome.err.startswith(message)
    assert weights.read_bytes() == before


def test_what_a_format_cannot_hold_is_left_out_by_name(run: Run, weights: Path) -> None:
    np.savez(weights, **ARRAYS, odd=np.zeros(2, "complex64"))
    outcome = run("weights", "convert", "w.npz", "w.safetensors")
    assert outcome.code == 1
    assert "`w.safetensors` cannot hold the tensor `odd`: it is of the type complex64" in outcome.err
    assert "help: leave it out: --except odd" in outcome.err
    assert run("weights", "convert", "w.npz", "w.safetensors", "--except", "odd").code == 0


def test_an_entry_that_cannot_be_read_is_left_out_by_name(run: Run, weights: Path) -> None:
    content = weights.read_bytes()
    place = content.index(b"\x93NUMPY")
    weights.write_bytes(content[:place] + b"\x94NUMPY" + content[place + 6 :])
    outcome = run("weights", "convert", "w.npz", "w.safetensors")
    assert outcome.code == 1
    assert "the member `net/fc/weights`: " in outcome.err
    assert not Path("w.safetensors").exists()
    assert run("weights", "convert", "w.npz", "w.safetensors", "--except", "net/fc/weights").code == 0


def test_damage_leaves_no_file(run: Run, weights: Path) -> None:
    content = bytearray(weights.read_bytes())
    content[content.index((WEIGHTS + 2).tobytes()) + 5] ^= 1
    weights.write_bytes(content)
    outcome = run("weights", "convert", "w.npz", "w.safetensors")
    assert outcome.code == 1
    assert "the member `net/fc/weights/Momentum`: its checksum or its place in the archive is wrong" in outcome.err
    assert sorted(path.name for path in weights.parent.iterdir()) == ["models", "tiny.slim", "w.npz"]


def test_a_missing_file_is_wrong_usage(run: Run) -> None:
    outcome = run("weights", "convert", "missing.ckpt", "w.npz")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "slimdsl: cannot read `missing.ckpt`: no such file or directory\n"
