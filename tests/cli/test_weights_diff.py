"""`slimdsl weights diff`: what loading would come to, and 0 only where everything would be loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Run

SHAPES = {
    "tiny/conv1/weights": (3, 3, 3, 4),
    "tiny/conv1/biases": (4,),
    "tiny/logits/weights": (64, 10),
    "tiny/logits/biases": (10,),
}


def arrays(**changes: tuple[int, ...] | None) -> dict[str, Any]:
    """Zeros of `SHAPES` with some replaced, or left out where None; ``__`` stands for a slash."""
    changed = {name.replace("__", "/"): shape for name, shape in changes.items()}
    return {name: np.zeros(s, np.float32) for name, s in {**SHAPES, **changed}.items() if s is not None}


def save(project: Path, given: Mapping[str, Any]) -> None:
    np.savez(project / "w.npz", **given)


def test_what_loads_whole_is_0(run: Run, project: Path) -> None:
    save(project, arrays())
    outcome = run("weights", "diff", "tiny.slim", "w.npz")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "tiny: 4 variables; w.npz: 4 arrays (archive of numpy arrays)",
        "",
        "4 match",
        "compile --weights would load everything",
    ]


def test_everything_that_differs_is_listed(run: Run, project: Path) -> None:
    given = arrays(tiny__conv1__biases=None, tiny__conv1__bias=(4,), tiny__logits__weights=(64, 1001))
    given["tiny/logits/biases"] = np.zeros(10, np.float64)
    given["global_step"] = np.zeros((), np.int64)
    save(project, given)
    outcome = run("weights", "diff", "tiny.slim", "w.npz")
    assert outcome.code == 1
    assert outcome.out.splitlines()[2:] == [
        "wrong shape (1)",
        "  tiny/logits/weights  [64, 10], in the file [64, 1001]",
        "",
        "wrong dtype (1)",
        "  tiny/logits/biases  float32, in the file float64",
        "",
        "missing (1)",
        "  tiny/conv1/biases  [4], perhaps `tiny/conv1/bias`",
        "",
        "extra (1)",
        "  tiny/conv1/bias  [4]",
        "",
        "1 match, 1 of another shape, 1 of another type, 1 missing, 1 extra",
        "left in the file, as state of training: 1 step counter",
        "try --rename tiny/conv1/bias=tiny/conv1/biases",
        "compile --weights would refuse it",
    ]


def test_what_it_advises_works(run: Run, project: Path) -> None:
    save(project, {name.replace("tiny/", "big/"): array for name, array in arrays().items()})
    outcome = run("weights", "diff", "tiny.slim", "w.npz")
    assert outcome.code == 1
    assert "try --rename big=tiny" in outcome.out.splitlines()
    assert run("weights", "diff", "tiny.slim", "w.npz", "--rename", "big=tiny").code == 0
    assert run("compile", "tiny.slim", "--weights", "w.npz", "--rename", "big=tiny").code == 0


def test_exceptions_are_as_those_of_compile(run: Run, project: Path) -> None:
    save(project, arrays(tiny__logits__weights=(64, 1001)))
    assert run("weights", "diff", "tiny.slim", "w.npz").code == 1
    outcome = run("weights", "diff", "tiny.slim", "w.npz", "--except", "logits")
    assert outcome.code == 0
    said = "compile --weights would load everything but what is excepted, which it wants a --seed for\n"
    assert outcome.out.endswith(f"2 match, 2 excepted\n{said}")


def test_advice_goes_by_the_names_of_the_file(run: Run, project: Path) -> None:
    save(project, {name.replace("tiny/", "big/"): array for name, array in arrays().items()})
    outcome = run("weights", "diff", "tiny.slim", "w.npz", "--rename", "big=huge")
    assert outcome.code == 1
    assert "try --rename big=tiny" in outcome.out.splitlines()


def test_json_has_the_same(run: Run, project: Path) -> None:
    save(project, arrays(tiny__conv1__biases=None, tiny__conv1__bias=(4,)))
    outcome = run("weights", "diff", "tiny.slim", "w.npz", "--json")
    document = json.loads(outcome.out)
    assert outcome.code == 1
    assert document["loads_whole"] is False
    assert [entry["name"] for entry in document["matching"]] == [n for n in SHAPES if n != "tiny/conv1/biases"]
    assert document["missing"] == [{"name": "tiny/conv1/biases", "shape": [4], "perhaps": "tiny/conv1/bias"}]
    assert document["extra"][0]["name"] == "tiny/conv1/bias"
    assert document["renames"] == [{"old": "tiny/conv1/bias", "new": "tiny/conv1/biases"}]


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (None, 2, "slimdsl: cannot read `w.npz`: no such file or directory\n"),
        (b"", 1, "error[E0505]: `w.npz` is not an archive of numpy arrays, or it is cut off\n"),
        (b"PK\x03\x04", 1, "error[E0505]: `w.npz` is not an archive of numpy arrays, or it is cut off\n"),
    ],
    ids=["missing", "empty", "cut off"],
)
def test_what_cannot_be_read_is_said(run: Run, project: Path, content: bytes | None, code: int, said: str) -> None:
    if content is not None:
        (project / "w.npz").write_bytes(content)
    outcome = run("weights", "diff", "tiny.slim", "w.npz")
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(said)


@pytest.mark.parametrize("option", [("--rename", "a"), ("--rename", "a=b=c"), ("--rename", "a=a"), ("--except", "/")])
def test_options_that_make_no_sense_are_wrong_usage(run: Run, project: Path, option: tuple[str, str]) -> None:
    save(project, arrays())
    assert run("weights", "diff", "tiny.slim", "w.npz", *option).code == 2


def test_a_selection_that_fits_nothing_is_found(run: Run, project: Path) -> None:
    save(project, arrays())
    outcome = run("weights", "diff", "tiny.slim", "w.npz", "--except", "tiny/logit")
    assert outcome.code == 1
    assert "error[E0508]: --except tiny/logit: nothing in the network or the file is called so" in outcome.err


def test_names_cannot_move_the_cursor(run: Run, project: Path) -> None:
    save(project, {**arrays(), "a\x1b[2J\nb": np.zeros(1, np.float32)})
    outcome = run("weights", "diff", "tiny.slim", "w.npz")
    assert outcome.code == 1
    assert "\x1b" not in outcome.out
