"""Exit codes, help, and what happens when something goes wrong outside the user's files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from slimdsl.cli.main import COMMANDS, EXAMPLES
from slimdsl.diagnostics.codes import find_code
from slimdsl.version import __version__
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


def test_version(run: Run) -> None:
    outcome = run("--version")
    assert (outcome.code, outcome.out) == (0, f"slimdsl {__version__}\n")


def test_help_names_every_command_and_gives_examples(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    for command in COMMANDS:
        assert f"  {command.name}" in outcome.out
    assert "slimdsl compile models/vgg16.slim" in outcome.out


@pytest.mark.parametrize("line", re.findall(r"^  slimdsl (.*?)  ", EXAMPLES, re.MULTILINE))
def test_every_example_of_the_help_works(run: Run, project: Path, line: str) -> None:
    (project / "models" / "broken.slim").unlink()
    (project / "models" / "vgg16.slim").symlink_to(ROOT / "models" / "vgg16.slim")
    # The weights of VGG16 are half a gigabyte; the graph is the same without.
    lighter = ["--to", "graphdef"] if line.startswith("compile") else []
    outcome = run(*line.split(), *lighter)
    assert (outcome.code, outcome.err) == (0, "")


def test_the_help_of_explain_names_codes_and_scopes_that_exist(run: Run, project: Path) -> None:
    text = run("explain", "--help").out
    assert {find_code(word) for word in (*re.findall(r"E\d{4}", text), "shape-mismatch")} == {find_code("E0401")}
    assert "shape-mismatch" in text
    (scope,) = re.findall(r"vgg16/\S+", " ".join(text.split("slim")[-1].split()))
    assert run("explain", str(ROOT / "models" / "vgg16.slim"), scope).code == 0


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(f"usage: slimdsl {command}")


def test_without_a_command_the_help_goes_to_standard_error(run: Run) -> None:
    outcome = run()
    assert (outcome.code, outcome.out) == (2, "")
    assert "commands:" in outcome.err


def test_an_unknown_command_is_wrong_usage_with_a_suggestion(run: Run) -> None:
    outcome = run("chek", "x.slim")
    assert (outcome.code, outcome.err) == (2, "slimdsl: there is no command `chek`: did you mean `check`?\n")


@pytest.mark.parametrize(
    "line", [("check", "--quie"), ("compile",), ("check", "--output-format", "xml"), ("summary", "-x")]
)
def test_wrong_arguments_are_wrong_usage(run: Run, line: tuple[str, ...]) -> None:
    outcome = run(*line)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "usage: slimdsl" in outcome.err


def test_an_interrupt_is_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("slimdsl.cli.explain.run", interrupt)
    outcome = run("explain")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "")


def test_a_bug_says_where_and_how_to_report_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_code(_: str) -> None:
        raise ZeroDivisionError("first line\nlast \x1b line")

    monkeypatch.setattr("slimdsl.diagnostics.codes.find_code", find_code)
    outcome = run("explain", "E0402")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("slimdsl: internal error in cli.explain (line ")
    assert r"last \x1b line" in outcome.err.splitlines()[0]
    assert "report it" in outcome.err
    assert "Traceback" not in outcome.err
    monkeypatch.setenv("SLIMDSL_TRACEBACK", "1")
    assert "Traceback" in run("explain", "E0402").err


def _start(
    *arguments: str,
    cwd: Path,
    stdout: IO[bytes] | int = subprocess.PIPE,
    **environment: str,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "slimdsl", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    with _start("explain", cwd=project) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_output_that_cannot_be_written_is_no_bug(project: Path) -> None:
    with Path("/dev/full").open("wb") as full, _start("check", "tiny.slim", cwd=project, stdout=full) as process:
        _, err = process.communicate()
    assert (process.returncode, err) == (2, b"slimdsl: cannot write the output: no space left on device\n")


def test_a_reader_of_the_graph_that_goes_away_is_no_error(project: Path) -> None:
    with _start("compile", "tiny.slim", "-o", "-", cwd=project) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_standard_output_takes_the_graph_and_standard_error_the_report(project: Path, run: Run) -> None:
    assert run("compile", "tiny.slim").code == 0
    with _start("compile", "tiny.slim", "--output", "-", cwd=project) as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert out == (project / "tiny.pb").read_bytes()
    assert err.startswith(b"wrote standard output: frozen graph, ")


def test_a_terminal_without_the_characters_gets_escapes(project: Path) -> None:
    (project / "odd.slim").write_text("slim 1\nnet é {\n  全角\n}\n", encoding="utf-8")
    with _start("check", "odd.slim", cwd=project, PYTHONIOENCODING="ascii") as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (1, b"")
    assert rb"\u5168" in out


def test_the_module_runs_as_the_command(project: Path) -> None:
    with _start("check", "tiny.slim", cwd=project) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.decode().strip() == "checked 1 file, 1 net: no errors"


def _shell(line: str, cwd: Path) -> tuple[int, str]:
    """The exit code of a line of the shell, and what it says on standard error, where `slimdsl` is the command."""
    command = line.replace("slimdsl", f"{sys.executable} -m slimdsl")
    # Unbuffered, argparse itself would notice that its help cannot be written, and keep it to itself.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    done = subprocess.run(["sh", "-c", command], cwd=cwd, env=environment, capture_output=True, check=False)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("check tiny.slim", 0),
        ("check models", 1),
        ("check --color auto models", 1),
        ("summary tiny.slim", 0),
        ("compile models/broken.slim", 1),
        ("compile tiny.slim", 0),
        ("explain nothing", 2),
        ("--help", 0),
        ("", 2),
    ],
)
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_exit_code(project: Path, line: str, code: int, closed: str) -> None:
    found, err = _shell(f"slimdsl {line} {closed}", project)
    assert (found, "internal error" in err) == (code, False)


def test_a_graph_for_a_closed_standard_output_is_not_lost_in_silence(project: Path) -> None:
    code, err = _shell("slimdsl compile tiny.slim -o - >&-", project)
    assert (code, err) == (2, "slimdsl: cannot write `-`: bad file descriptor\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("compile models/broken.slim", 1),
        ("compile missing.slim", 2),
        ("compile tiny.slim -o -", 0),
        ("chek", 2),
        ("check --quie", 2),
        ("check tiny.slim >/dev/full", 2),
        ("--help >/dev/full", 2),
        ("", 2),
    ],
)
def test_an_unwritable_standard_error_changes_no_exit_code(project: Path, line: str, code: int) -> None:
    assert _shell(f"slimdsl {line} 2>/dev/full", project)[0] == code


def test_an_interrupt_while_the_command_is_loaded_is_quiet(project: Path) -> None:
    script = """
import runpy, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "slimdsl.cli.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
runpy.run_module("slimdsl", run_name="__main__")
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
