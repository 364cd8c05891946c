"""`slimdsl check`: which files it reads, what it prints, and its exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from slimdsl.cli.discover import find_sources
from slimdsl.cli.refusal import Refusal
from tests.cli.conftest import BROKEN, TINY, Run


def test_a_clean_file_gives_one_line(run: Run) -> None:
    outcome = run("check", "tiny.slim")
    assert (outcome.code, outcome.out, outcome.err) == (0, "checked 1 file, 1 net: no errors\n", "")


def test_quiet_says_nothing_about_clean_files(run: Run) -> None:
    assert run("check", "--quiet", "tiny.slim").out == ""


def test_without_a_path_every_file_below_the_current_folder_is_checked(run: Run) -> None:
    outcome = run("check")
    assert outcome.code == 1
    assert outcome.out.endswith("checked 2 files, 2 nets: 1 error\n")
    assert " --> models/broken.slim:6:3\n" in outcome.out
    assert "did you mean `max_pool`?" in outcome.out


def test_errors_are_printed_without_colours_unless_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in run("check", "models").out
    assert "\x1b[" in run("check", "--color", "always", "models").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run("check", "models").out
    assert "\x1b[" not in run("check", "--color=never", "models").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("check", "models").out


def test_json_is_one_document_whatever_is_found(run: Run) -> None:
    broken, clean = run("check", "--output-format", "json"), run("check", "--output-format=json", "tiny.slim")
    assert (broken.code, clean.code) == (1, 0)
    assert json.loads(clean.out) == {"version": 1, "diagnostics": [], "summary": {"errors": 0, "warnings": 0}}
    (finding,) = json.loads(broken.out)["diagnostics"]
    assert finding["file"] == "models/broken.slim"
    assert finding["start"] == {"line": 6, "column": 3}


def test_sarif_names_the_rules_of_what_was_found(run: Run) -> None:
    log = json.loads(run("check", "--output-format", "sarif").out)
    (result,) = log["runs"][0]["results"]
    (rule,) = log["runs"][0]["tool"]["driver"]["rules"]
    assert result["ruleId"] == rule["id"]


def test_github_annotations(run: Run) -> None:
    outcome = run("check", "--output-format", "github")
    assert outcome.out.startswith("::error file=models/broken.slim,line=6,endLine=6,col=3,")
    assert outcome.out.count("\n") == 1


@pytest.mark.parametrize(
    ("folder", "workspace", "file"),
    [
        (".", "", "models/broken.slim"),
        (".", ".", "models/broken.slim"),
        ("models", ".", "models/broken.slim"),
        ("models", "link", "models/broken.slim"),
        ("models", "models", "broken.slim"),
        ("models", "elsewhere", "../models/broken.slim"),
    ],
)
def test_annotations_are_relative_to_the_repository(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, folder: str, workspace: str, file: str
) -> None:
    (project / "link").symlink_to(project, target_is_directory=True)
    (project / "elsewhere").mkdir()
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project / workspace) if workspace else "")
    monkeypatch.chdir(project / folder)
    given = "../models" if workspace == "elsewhere" else "."
    outcome = run("check", given, "--output-format", "github")
    assert outcome.out.startswith(f"::error file={file},line=6,"), outcome.out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert f"\n::error file={file},line=6," in run("check", given).out


def test_under_github_actions_the_text_has_annotations_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    outcome = run("check")
    assert "\n::error file=models/broken.slim," in outcome.out
    assert "error[" in outcome.out


def test_a_parameter_is_set_and_an_unknown_one_refused(run: Run) -> None:
    assert run("check", "tiny.slim", "-D", "classes=7").code == 0
    outcome = run("check", "tiny.slim", "-D", "clases=7")
    assert outcome.code == 2
    assert "did you mean `classes`?" in outcome.err


@pytest.mark.parametrize("definition", ["classes", "=3", "classes="])
def test_a_definition_needs_a_name_and_a_value(run: Run, definition: str) -> None:
    outcome = run("check", "tiny.slim", "-D", definition)
    assert outcome.code == 2
    assert "write -D name=value" in outcome.err


def test_a_definition_is_given_once(run: Run) -> None:
    assert run("check", "tiny.slim", "-Dclasses=3", "-Dclasses=4").code == 2


def test_an_unknown_net_is_refused(run: Run) -> None:
    outcome = run("check", "tiny.slim", "--net", "tny")
    assert outcome.code == 2
    assert "did you mean `tiny`?" in outcome.err


@pytest.mark.parametrize("path", ["missing.slim", "missing/"])
def test_a_missing_path_is_wrong_usage(run: Run, path: str) -> None:
    outcome = run("check", "tiny.slim", path)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"slimdsl: there is no file or folder `{path}`\n"


def test_a_folder_without_sources_is_wrong_usage(run: Run, project: Path) -> None:
    (project / "empty").mkdir()
    outcome = run("check", "empty")
    assert (outcome.code, outcome.err) == (2, "slimdsl: no .slim file in `empty`\n")


def test_files_are_found_sorted_once_and_outside_hidden_folders(project: Path) -> None:
    for name in (".git/a", ".venv/b", "env/c", "node_modules/d", "z/e", "b/f", "b/.hidden"):
        path = project / f"{name}.slim"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TINY, encoding="utf-8")
    (project / "env" / "pyvenv.cfg").write_text("", encoding="utf-8")
    (project / "b" / "notes.txt").write_text("", encoding="utf-8")
    (project / "link.slim").symlink_to("tiny.slim")
    assert find_sources([], []) == ["b/f.slim", "link.slim", "models/broken.slim", "z/e.slim"]
    assert find_sources(["tiny.slim", "./tiny.slim", ".venv/b.slim", "b"], []) == [
        "tiny.slim",
        ".venv/b.slim",
        "b/f.slim",
    ]


def test_a_file_that_is_named_is_checked_whatever_its_suffix(project: Path) -> None:
    (project / "net.txt").write_text(BROKEN, encoding="utf-8")
    assert find_sources(["net.txt"], []) == ["net.txt"]
    with pytest.raises(Refusal):
        find_sources(["nothing.txt"], [])


def test_what_is_no_file_is_left_out_below_a_folder(run: Run, project: Path) -> None:
    """Reading a pipe that nobody writes to would never end."""
    os.mkfifo(project / "pipe.slim")
    (project / "link.slim").symlink_to("pipe.slim")
    (project / "folder.slim").mkdir()
    assert run("check").out.endswith("checked 2 files, 2 nets: 1 error\n")


@pytest.mark.parametrize("output_format", ["text", "json", "github", "sarif"])
def test_what_cannot_be_read_comes_after_the_findings_of_the_others(
    run: Run, project: Path, output_format: str
) -> None:
    expected = run("check", "--output-format", output_format).out
    (project / "gone.slim").symlink_to("nothing")
    (project / "loop.slim").symlink_to("loop.slim")
    outcome = run("check", "--output-format", output_format)
    assert (outcome.code, outcome.out) == (2, expected)
    assert outcome.err.splitlines() == [
        "slimdsl: cannot read `gone.slim`: no such file or directory",
        "slimdsl: cannot read `loop.slim`: too many levels of symbolic links",
    ]


def test_a_named_file_that_cannot_be_read_does_not_hide_the_others(run: Run, project: Path) -> None:
    (project / "gone.slim").symlink_to("nothing")
    outcome = run("check", "gone.slim", "models")
    assert (outcome.code, "max_poool" in outcome.out) == (2, True)
    assert outcome.out.endswith("checked 1 file, 1 net: 1 error\n")
    assert outcome.err == "slimdsl: cannot read `gone.slim`: no such file or directory\n"


@pytest.mark.parametrize("folder", ["models", "."])
def test_a_folder_that_cannot_be_listed_is_reported(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    scan = os.scandir

    def refuse(path: str) -> Any:
        if os.path.basename(path) == "models":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    outcome = run("check", "--no-cache", folder)
    assert outcome.code == 2
    assert (
        outcome.err == f"slimdsl: cannot read `{'models' if folder == 'models' else './models'}`: permission denied\n"
    )
    assert outcome.out == f"checked {'0 files, 0 nets' if folder == 'models' else '1 file, 1 net'}: no errors\n"
