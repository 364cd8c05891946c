"""Commands that need TensorFlow say so in a line where it is missing, and load it only when they run."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from slimdsl.cli.refusal import Refusal
from slimdsl.cli.runtime_loading import load_runtime
from tests.cli.conftest import Run

COMMANDS = ("evaluate", "predict", "doctor")
ROOT = Path(__file__).parents[2]


def test_a_missing_package_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(
        Refusal, match=r"this needs `tensorflow`, which is not installed: pip install 'slimdsl\[train\]'"
    ):
        load_runtime("slimdsl.runtime.errors")


def test_a_broken_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        raise ImportError("libtensorflow.so.2: undefined symbol: foo\nand more")

    monkeypatch.setattr("slimdsl.cli.runtime_loading.import_module", broken)
    with pytest.raises(Refusal, match=r"cannot be loaded: .*undefined symbol: foo; see `slimdsl doctor`$"):
        load_runtime("slimdsl.runtime.errors")


def test_waiting_for_tensorflow_is_said_while_its_chatter_is_kept_away(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = threading.Event()
    monkeypatch.setattr("slimdsl.cli.progress.ANNOUNCE_AFTER", 0.0)
    write = os.write

    def noticed(descriptor: int, line: bytes) -> int:
        count = write(descriptor, line)
        said.set()
        return count

    def loaded(name: str) -> ModuleType:
        os.system("echo chatter >&2")
        assert said.wait(60)
        return ModuleType(name)

    monkeypatch.setattr("slimdsl.cli.progress.os.write", noticed)
    monkeypatch.setattr("slimdsl.cli.runtime_loading.import_module", loaded)
    monkeypatch.setattr("slimdsl.cli.runtime_loading.load_light", ModuleType)
    load_runtime("slimdsl.runtime.errors")
    assert capfd.readouterr().err == "loading TensorFlow\n"


def test_a_module_of_ours_that_is_missing_is_our_bug() -> None:
    pytest.importorskip("tensorflow")
    with pytest.raises(ModuleNotFoundError):
        load_runtime("slimdsl.runtime.no_such_module")


def test_weights_are_looked_at_before_tensorflow_is_loaded(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    (project / "w.npz").write_text("no archive")
    for command in (("predict", "tiny.slim", "a.png"), ("evaluate", "tiny.slim")):
        outcome = run(*command, "--weights", "w.npz")
        assert outcome.code == 1
        assert "error[E0505]" in outcome.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command: str) -> None:
    script = (
        "import sys; from slimdsl.cli.main import main; code = main([sys.argv[1], '--help']); "
        "heavy = {'tensorflow', 'numpy'} & set(sys.modules); sys.exit(code or len(heavy))"
    )
    process = subprocess.run([sys.executable, "-c", script, command], cwd=ROOT, capture_output=True, check=False)
    assert process.returncode == 0
    assert command.encode() in process.stdout
    assert importlib.import_module(f"slimdsl.cli.{command}").configure
