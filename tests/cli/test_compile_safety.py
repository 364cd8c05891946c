"""Nothing that the network is made of is lost, and what was made before a failure is described and said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import TINY, Run
from tests.cli.test_compile_weights import ARRAYS, save
from tests.work import PATIENCE

ROOT = Path(__file__).parents[2]


def contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and "cache" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("name", ["model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001"])
def test_the_files_of_a_checkpoint_are_not_written_over(run: Run, project: Path, name: str) -> None:
    path = save(project, "prefix", ARRAYS)
    before = contents(project)
    outcome = run("compile", "tiny.slim", "--weights", path, "-o", f"run/{name}")
    assert outcome.code == 2
    assert "which the network is made of" in outcome.err
    assert contents(project) == before


def test_the_file_that_a_train_block_names_is_not_written_over(run: Run, project: Path) -> None:
    path = save(project, "npz", ARRAYS)
    (project / "t.slim").write_text(f'{TINY}\ntrain {{\n  init from "{path}"\n}}\n', encoding="utf-8")
    before = contents(project)
    assert run("compile", "t.slim", "--training", "-o", path).code == 2
    assert contents(project) == before


def test_a_folder_is_not_replaced_with_what_the_network_is_made_of_in_it(run: Run, project: Path) -> None:
    assert run("compile", "tiny.slim", "--to", "savedmodel", "-o", "sm").code == 0
    (project / "sm" / "m.slim").write_text(TINY, encoding="utf-8")
    before = contents(project)
    outcome = run("compile", "sm/m.slim", "--to", "savedmodel", "-o", "sm")
    assert outcome.code == 2
    assert outcome.err.startswith("slimdsl: `sm/m.slim` stands in `sm`, which would be replaced")
    assert contents(project) == before


def test_a_folder_is_not_replaced_with_somebody_elses_files_in_it(run: Run, project: Path) -> None:
    assert run("compile", "tiny.slim", "--to", "savedmodel", "-o", "sm").code == 0
    assert run("compile", "tiny.slim", "--to", "savedmodel", "-o", "sm", "--seed", "1").code == 0
    (project / "sm" / "notes.txt").write_text("mine", encoding="utf-8")
    before = contents(project)
    outcome = run("compile", "tiny.slim", "--to", "savedmodel", "-o", "sm")
    assert (outcome.code, outcome.err) == (
        2,
        "slimdsl: cannot write `sm`: the folder holds `notes.txt`, which would be lost\n",
    )
    assert contents(project) == before


def test_the_current_folder_is_not_replaced(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "empty").mkdir()
    monkeypatch.chdir(project / "empty")
    outcome = run("compile", "../tiny.slim", "--to", "savedmodel", "-o", ".")
    assert outcome.code == 2
    assert "it is the folder that this runs in, or one above it" in outcome.err


def test_what_was_made_before_a_failure_is_described(run: Run, project: Path) -> None:
    assert run("compile", "tiny.slim", "-o", "tiny.pb").code == 0
    line = ("compile", "tiny.slim", "--seed", "7", "--to", "frozen", "--to", "onnx", "--opset", "3")
    outcome = run(*line)
    assert outcome.code == 2
    assert outcome.out.startswith("wrote tiny.pb")
    assert "there is no opset 3 for ONNX" in outcome.err
    document = json.loads((project / "tiny.manifest.json").read_text(encoding="utf-8"))
    assert document["weights"] == {"seed": 7}


def test_an_artefact_whose_manifest_cannot_be_written_is_said(run: Run, project: Path) -> None:
    (project / "tiny.manifest.json").mkdir()
    outcome = run("compile", "tiny.slim")
    assert outcome.code == 2
    assert outcome.out.startswith("wrote tiny.pb: ")
    assert outcome.err == "slimdsl: cannot write `tiny.manifest.json`: it is a folder\n"


def test_a_pipe_for_a_manifest_is_not_waited_for(run: Run, project: Path) -> None:
    os.mkfifo(project / "tiny.manifest.json")
    outcome = run("compile", "tiny.slim")
    assert outcome.code == 2
    assert outcome.err == "slimdsl: cannot write `tiny.manifest.json`: there is something else of that name\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--to", "tflite", "--precision", "int8"), "name them with --calibrate DATA.npz"),
        (("--to", "tflite", "--calibrate", "w.npz"), "--calibrate is for --precision int8"),
        (("--to", "tflite", "--precision", "int8", "--calibrate", "no.npz"), "cannot read `no.npz`"),
        (("--to", "stablehlo", "--sizes", "Q=2"), "--sizes: there is no size `Q` to be given"),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(
    run: Run, project: Path, options: tuple[str, ...], said: str
) -> None:
    np.savez(project / "w.npz", images=np.zeros((1, 8, 8, 3), np.float32))
    outcome = run("compile", "tiny.slim", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_paths_cannot_move_the_cursor(run: Run, project: Path) -> None:
    outcome = run("compile", "tiny.slim", "-o", "a\x1b[31m\n.pb")
    assert outcome.code == 0
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_is_asked_to_end_tidies_up(project: Path, number: signal.Signals) -> None:
    big = TINY.replace("classes = 10", "classes = 400000").replace("net tiny", "net big")
    (project / "big.slim").write_text(big, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "slimdsl", "compile", "big.slim", "--no-verify"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        # Not the very moment in which the file is made: that is no place to be tidy from.
        if any(path.name.endswith("slimdsl-tmp") and path.stat().st_size > 2**20 for path in project.iterdir()):
            break
        time.sleep(0.001)
    process.send_signal(number)
    assert process.wait() == 128 + number
    assert not [path for path in project.iterdir() if "slimdsl-tmp" in path.name or path.suffix == ".pb"]
