"""The Python interface: what it refuses, and how Python's values become the language's."""

from __future__ import annotations

import enum
import fractions
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl
from slimdsl.model import literal
from slimdsl.weights.npz import NpzWeights

NET = """\
slim 1
net t(classes = 3) {
  input x: float32[N, 4]
  fc(classes, activation=none) as logits
  output logits
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a network."""
    path = tmp_path / "t.slim"
    path.write_text(NET, encoding="utf-8")
    return path


def test_what_the_network_is_made_of_is_not_overwritten(path: Path) -> None:
    weights = path.with_suffix(".npz")
    arrays: dict[str, Any] = {"t/logits/weights": np.zeros((4, 3), "f4"), "t/logits/biases": np.zeros(3, "f4")}
    np.savez(weights, **arrays)
    before = weights.read_bytes()
    model = slimdsl.load(path)
    for target in (path, weights):
        with pytest.raises(slimdsl.UsageError, match="which the network is made of"):
            model.save(target, weights=weights)
    assert (path.read_text("utf-8"), weights.read_bytes()) == (NET, before)
    model.save(path.with_suffix(".pb"), weights=weights)
    model.save(path.with_suffix(".pb"), weights=weights)


TEXT = "slim 1\nnet t(p) {\n  input x: float32[N, 4]\n  assert p == EXPECTED\n  relu\n  output y\n}\n"


class Level(enum.IntEnum):
    """An enumeration of integers."""

    HIGH = 7


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "none"),
        (True, "true"),
        (-3, "-3"),
        (1e-9, "1e-09"),
        (1e300, "1e+300"),
        (Level.HIGH, "7"),
        (np.int64(5), "5"),
        (np.uint8(255), "255"),
        (np.float64(0.25), "0.25"),
        (np.float32(0.5), "0.5"),
        (fractions.Fraction(1, 4), "0.25"),
        ((1, "a", [None]), '[1, "a", [none]]'),
        ("a\nb\tc", r'"a\nb\tc"'),
        ('"\\', r'"\"\\"'),
        ("{x} and }{", r'"\{x\} and \}\{"'),
        ("größe", '"größe"'),
    ],
)
def test_values_become_those_of_the_language(given: object, text: str) -> None:
    assert literal(given) == text
    assert slimdsl.loads(TEXT.replace("EXPECTED", text), p=given).diagnostics == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [float("nan"), float("inf"), -float("inf"), np.float32("nan"), [1.0, float("inf")], 1j, b"x", {}, 10**5000,
     fractions.Fraction(10**400)],
    ids=lambda given: repr(type(given)),
)  # fmt: skip
def test_what_the_language_has_no_value_for_is_refused(given: object) -> None:
    with pytest.raises(slimdsl.UsageError):
        literal(given)


@pytest.mark.parametrize("form", ["bogus", "", "Frozen", None])
def test_an_unknown_form_is_refused(path: Path, form: Any) -> None:
    model = slimdsl.load(path)
    with pytest.raises(slimdsl.UsageError, match="there are frozen, graphdef"):
        model.to_bytes(form)
    with pytest.raises(slimdsl.UsageError):
        model.save(path.with_suffix(".pb"), form)
    assert not path.with_suffix(".pb").exists()


@pytest.mark.parametrize("form", ["frozen", "graphdef"])
@pytest.mark.parametrize("seed", [-1, 2**64, 10**5000, 1.5, "1", None], ids=lambda seed: type(seed).__name__)
def test_a_seed_is_an_integer_within_64_bits(path: Path, form: Any, seed: Any) -> None:
    with pytest.raises(slimdsl.UsageError, match="from 0 to 2"):
        slimdsl.load(path).to_bytes(form, seed=seed)


@pytest.mark.parametrize("form", ["frozen", "graphdef"])
def test_a_seed_may_be_of_numpy(path: Path, form: Any) -> None:
    model = slimdsl.load(path)
    assert model.to_bytes(form, seed=np.uint64(2**64 - 1)) == model.to_bytes(form, seed=2**64 - 1)


@pytest.mark.parametrize("fitting", [True, False])
def test_the_weights_file_is_closed(path: Path, fitting: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = path.with_suffix(".npz")
    arrays: dict[str, Any] = {"t/logits/weights": np.zeros((4, 3 if fitting else 2), "f4")}
    arrays["t/logits/biases"] = np.zeros(3, "f4")
    np.savez(weights, **arrays)
    model = slimdsl.load(path)
    close, closed = NpzWeights.close, []

    def noted(archive: NpzWeights) -> None:
        closed.append(archive.path)
        close(archive)

    monkeypatch.setattr(NpzWeights, "close", noted)
    if fitting:
        model.to_bytes(weights=weights)
    else:
        with pytest.raises(slimdsl.CompileError):
            model.to_bytes(weights=weights)
    assert closed == [str(weights)]


def test_weights_that_cannot_be_read_are_a_compile_error(path: Path) -> None:
    weights = path.with_suffix(".npz")
    weights.write_bytes(b"no archive")
    with pytest.raises(slimdsl.CompileError) as raised:
        slimdsl.load(path).to_bytes(weights=weights)
    assert [finding.code for finding in raised.value.diagnostics] == ["E0505"]


def test_a_compile_error_prints_its_diagnostics() -> None:
    with pytest.raises(slimdsl.CompileError) as raised:
        _ = slimdsl.loads(NET.replace("fc(", "fcc(")).graph
    assert "did you mean `fc`?" in str(raised.value)


def test_the_renderer_is_loaded_when_a_compile_error_is_printed() -> None:
    script = "import sys, slimdsl; slimdsl.load; print('slimdsl.diagnostics.render_text' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
