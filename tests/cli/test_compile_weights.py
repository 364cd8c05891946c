"""Weights of every kind of file in, and nothing of them left out in silence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from slimdsl.types import DType
from slimdsl.weights.bundle_writer import write_bundle
from slimdsl.weights.stored import StoredTensor
from tests.cli.conftest import TINY, Run

RANDOM = np.random.default_rng(3)
ARRAYS: dict[str, Any] = {
    "tiny/conv1/weights": RANDOM.standard_normal((3, 3, 3, 4)).astype("<f4"),
    "tiny/conv1/biases": RANDOM.standard_normal(4).astype("<f4"),
    "tiny/logits/weights": RANDOM.standard_normal((64, 10)).astype("<f4"),
    "tiny/logits/biases": RANDOM.standard_normal(10).astype("<f4"),
}
STATE: dict[str, Any] = {"global_step": np.array(7, "<i8"), "tiny/conv1/weights/Momentum": ARRAYS["tiny/conv1/weights"]}
TYPES = {"<f4": DType.FLOAT32, "<i8": DType.INT64}


def save_checkpoint(prefix: Path, arrays: Mapping[str, Any]) -> None:
    """A checkpoint of the second version."""
    items = []
    for name, array in arrays.items():
        stored = StoredTensor(name=name, dtype=TYPES[array.dtype.str], shape=array.shape)
        items.append((stored, lambda sink, array=array: sink(array.tobytes())))
    write_bundle(str(prefix), items)


def save(project: Path, kind: str, arrays: Mapping[str, Any]) -> str:
    """Write the arrays in one of the formats; what `--weights` is given."""
    if kind == "npz":
        np.savez(project / "w.npz", **arrays)
        return "w.npz"
    if kind == "safetensors":
        save_file(dict(arrays), project / "w.safetensors")
        return "w.safetensors"
    (project / "run").mkdir()
    save_checkpoint(project / "run" / "model.ckpt-7", arrays)
    if kind == "folder":
        (project / "run" / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-7"\n', encoding="utf-8")
        return "run"
    return "run/model.ckpt-7" + (".index" if kind == "index" else "")


KINDS = ("npz", "safetensors", "prefix", "index", "folder")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_graph(run: Run, project: Path, kind: str) -> None:
    path = save(project, kind, {**ARRAYS, **STATE})
    outcome = run("compile", "tiny.slim", "--weights", path)
    assert (outcome.code, outcome.err) == (0, "")
    content = (project / "tiny.pb").read_bytes()
    for array in ARRAYS.values():
        assert array.tobytes() in content
    assert "  left out    state of training: 1 step counter, 1 optimizer slot\n" in outcome.out


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_of_another_size_is_refused(run: Run, project: Path, kind: str) -> None:
    path = save(project, kind, {**ARRAYS, "tiny/logits/weights": np.zeros((64, 1001), "<f4")})
    outcome = run("compile", "tiny.slim", "--weights", path)
    assert (outcome.code, outcome.out) == (1, "")
    assert "`tiny/logits/weights` is [64, 1001], the variable is [64, 10]" in outcome.err
    assert not (project / "tiny.pb").exists()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "safetensors"])  # that one has no checksums
def test_one_flipped_byte_is_never_taken(run: Run, project: Path, kind: str) -> None:
    path = project / save(project, kind, ARRAYS)
    data = next(project.glob("run/*.data-*"), path)
    content = bytearray(data.read_bytes())
    content[content.index(ARRAYS["tiny/conv1/weights"].tobytes()) + 5] ^= 1
    data.write_bytes(content)
    outcome = run("compile", "tiny.slim", "--weights", str(path))
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("error[E0505]: ")
    assert not list(project.glob("*.pb"))
    assert not list(project.glob(".*tmp"))


def test_moving_averages(run: Run, project: Path) -> None:
    shadows = {f"{name}/ExponentialMovingAverage": array + 1 for name, array in ARRAYS.items()}
    path = save(project, "prefix", {**ARRAYS, **shadows})
    assert run("compile", "tiny.slim", "--weights", path).code == 0
    assert ARRAYS["tiny/logits/weights"].tobytes() in (project / "tiny.pb").read_bytes()
    outcome = run("compile", "tiny.slim", "--weights", path, "--ema")
    assert ", 4 moving averages\n" in outcome.out
    assert (ARRAYS["tiny/logits/weights"] + 1).tobytes() in (project / "tiny.pb").read_bytes()


def test_what_is_excepted_is_drawn_only_when_asked_for(run: Run, project: Path) -> None:
    path = save(project, "prefix", ARRAYS)
    line = ("compile", "tiny.slim", "-D", "classes=5", "--weights", path, "--except", "logits")
    outcome = run(*line)
    assert outcome.code == 2
    assert outcome.err == (
        "slimdsl: 2 variables, such as `tiny/logits/weights`, would not be loaded; "
        "--seed N draws first values for what is left out\n"
    )
    outcome = run(*line, "--seed", "4")
    assert outcome.code == 0
    assert "  drawn       2 variables from seed 4, as excepted\n" in outcome.out
    content = (project / "tiny.pb").read_bytes()
    assert ARRAYS["tiny/conv1/weights"].tobytes() in content
    assert run("compile", "tiny.slim", "-D", "classes=5", "--seed", "4", "-o", "drawn.pb").code == 0
    assert (project / "drawn.pb").read_bytes()[-1200:] == content[-1200:]


def test_what_only_the_file_has_can_be_excepted(run: Run, project: Path) -> None:
    path = save(project, "npz", {**ARRAYS, "tiny/AuxLogits/weights": np.zeros(3, "<f4")})
    assert run("compile", "tiny.slim", "--weights", path).code == 1
    outcome = run("compile", "tiny.slim", "--weights", path, "--except", "AuxLogits")
    assert outcome.code == 0
    assert "  left out    1 array of the file, as excepted\n" in outcome.out


def test_a_savedmodel_of_ours_is_taken_too(run: Run, project: Path) -> None:
    path = save(project, "npz", ARRAYS)
    assert run("compile", "tiny.slim", "--weights", path, "--to", "savedmodel").code == 0
    assert run("compile", "tiny.slim", "--weights", path, "-o", "first.pb").code == 0
    assert run("compile", "tiny.slim", "--weights", "tiny.savedmodel", "-o", "second.pb").code == 0
    assert (project / "first.pb").read_bytes() == (project / "second.pb").read_bytes()
    # What would be written over its own source is refused.
    assert run("compile", "tiny.slim", "--weights", "tiny.savedmodel", "--to", "savedmodel").code == 2
    assert run("compile", "tiny.slim", "--weights", path, "--to", "savedmodel", "--frozen").code == 0
    outcome = run("compile", "tiny.slim", "--weights", "tiny.savedmodel")
    assert outcome.code == 1
    assert "`tiny.savedmodel` cannot be read: the SavedModel has no variables" in outcome.err


@pytest.mark.parametrize("option", [("--ema",), ("--except", "logits"), ("--rename", "a=b")])
def test_a_selection_without_weights_is_wrong_usage(run: Run, option: tuple[str, ...]) -> None:
    outcome = run("compile", "tiny.slim", *option)
    assert outcome.code == 2
    assert outcome.err == "slimdsl: --ema, --except and --rename are about --weights, which is not given\n"


def test_a_train_block_names_its_first_values(run: Run, project: Path) -> None:
    (project / "nets").mkdir()
    block = '\ntrain {\n  init from "../run/model.ckpt-7" rename old as tiny except logits\n}\n'
    (project / "nets" / "tiny.slim").write_text(TINY + block, encoding="utf-8")
    save(project, "prefix", {name.replace("tiny", "old"): array for name, array in ARRAYS.items()})
    outcome = run("compile", "nets/tiny.slim", "--training", "--to", "graphdef", "-D", "classes=3")
    assert (outcome.code, outcome.err) == (0, "")
    assert "  weights     2 variables from nets/../run/model.ckpt-7 (TensorFlow checkpoint)\n" in outcome.out
    assert "  drawn       2 variables from seed 0, as excepted\n" in outcome.out
    assert ARRAYS["tiny/conv1/weights"].tobytes() in (project / "tiny.pb").read_bytes()
    # For inference a recipe of training says nothing.
    assert "first values, drawn from seed 0" in run("compile", "nets/tiny.slim").out


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("missing.ckpt", 2, "cannot read `missing.ckpt`: no such file or directory"),
        ("empty", 1, "`empty` cannot be read: it is empty"),
        ("tiny.slim", 1, "`tiny.slim` cannot be read: it is no file of weights"),
        (".", 1, "`.` cannot be read: the folder has no `checkpoint` and is no SavedModel"),
        ("model.h5", 1, "`model.h5` cannot be read: it is an HDF5 file, as Keras writes them"),
        ("/dev/zero", 1, "`/dev/zero` cannot be read: it is no file"),
    ],
)
def test_foreign_files_are_one_sentence(run: Run, project: Path, path: str, code: int, said: str) -> None:
    (project / "empty").touch()
    (project / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    outcome = run("compile", "tiny.slim", "--weights", path)
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err


def test_weights_are_not_overwritten_by_what_is_made_of_them(run: Run, project: Path) -> None:
    path = save(project, "npz", ARRAYS)
    assert run("compile", "tiny.slim", "--weights", path, "-o", path).code == 2
    (project / "tiny.manifest.json").write_bytes((project / path).read_bytes())
    assert run("compile", "tiny.slim", "--weights", "tiny.manifest.json").code == 2
