"""Unchanged files that were found clean are not compiled again, and nothing else is ever believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slimdsl.cli.main import main
from slimdsl.known_clean import KnownClean, default_folder

CLEAN = "slim 1\nnet f(n = 3) {\n  input x: float32[N, 4]\n  fc(n, activation=none)\n  output y\n}\n"
USING = 'slim 1\nuse "b.slim"\nnet g() {\n  input x: float32[N, 4]\n  b\n  output y\n}\n'
BLOCK = "slim 1\nblock b() {\n  fc(3)\n}\n"

# A check in a process of its own that says whether it compiled anything.
PROBE = (
    "import sys\nfrom slimdsl.cli.main import main\ncode = main(sys.argv[1:])\n"
    "print('compiled' if 'slimdsl.compiler' in sys.modules else 'remembered', file=sys.stderr)\nsys.exit(code)\n"
)


def probe(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    root = str(Path(__file__).parent.parent.parent)
    env = {**os.environ, "PYTHONPATH": root, **environment}
    command = [sys.executable, "-c", PROBE, "check", *arguments]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr.strip()


def test_a_clean_file_is_not_compiled_again(tmp_path: Path) -> None:
    (tmp_path / "a.slim").write_text(CLEAN)
    first = probe(cwd=tmp_path)
    assert first == (0, "checked 1 file, 1 net: no errors\n", "compiled")
    assert probe(cwd=tmp_path) == (*first[:2], "remembered")


def test_a_changed_file_is_compiled_again(tmp_path: Path) -> None:
    path = tmp_path / "a.slim"
    path.write_text(CLEAN)
    probe(cwd=tmp_path)
    status = path.stat()
    path.write_text(CLEAN.replace("fc(n", "fd(n"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    code, out, err = probe(cwd=tmp_path)
    assert (code, err) == (1, "compiled")
    assert "unknown layer `fd`" in out


def test_a_change_in_a_file_that_is_used_counts(tmp_path: Path) -> None:
    (tmp_path / "a.slim").write_text(USING)
    (tmp_path / "b.slim").write_text(BLOCK)
    assert probe("a.slim", cwd=tmp_path)[2] == "compiled"
    assert probe("a.slim", cwd=tmp_path)[2] == "remembered"
    (tmp_path / "b.slim").write_text(BLOCK.replace("fc(3)", "conv(3, 3x3)"))
    code, _, err = probe("a.slim", cwd=tmp_path)
    assert (code, err) == (1, "compiled")
    (tmp_path / "b.slim").unlink()
    assert probe("a.slim", cwd=tmp_path)[0] == 1


def test_a_link_that_leads_elsewhere_counts(tmp_path: Path) -> None:
    (tmp_path / "a.slim").write_text(USING)
    (tmp_path / "good.slim").write_text(BLOCK)
    (tmp_path / "bad.slim").write_text(BLOCK.replace("fc(3)", "fc(0)"))
    (tmp_path / "b.slim").symlink_to("good.slim")
    assert probe("a.slim", cwd=tmp_path)[0] == 0
    (tmp_path / "b.slim").unlink()
    (tmp_path / "b.slim").symlink_to("bad.slim")
    assert probe("a.slim", cwd=tmp_path)[0] == 1


def test_the_project_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "b.slim").write_text(BLOCK)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.slim").write_text(USING.replace("b.slim", "../b.slim"))
    assert probe("sub/a.slim", cwd=tmp_path)[0] == 0
    (tmp_path / "pyproject.toml").rename(tmp_path / "sub" / "pyproject.toml")
    assert probe("sub/a.slim", cwd=tmp_path)[0] == 1


def test_findings_are_never_remembered(tmp_path: Path) -> None:
    (tmp_path / "a.slim").write_text(CLEAN.replace("fc(n", "fd(n"))
    assert probe(cwd=tmp_path)[0] == 1
    assert probe(cwd=tmp_path)[0] == 1


@pytest.mark.parametrize("options", [["-D", "n=5"], ["--training"], ["--net", "f"], ["--no-cache"]])
def test_other_options_are_another_question(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "a.slim").write_text(CLEAN)
    probe(cwd=tmp_path)
    assert probe(*options, cwd=tmp_path)[2] == "compiled"


def test_a_wrong_value_is_found_though_the_file_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.slim").write_text(CLEAN)
    probe(cwd=tmp_path)
    assert probe("-D", "n=0", cwd=tmp_path)[0] == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"format": 1}',
        '{"format": 1, "entries": [1]}',
        '{"format": 9, "entries": {}}',
        "\0",
        "[" * 200_000,
    ],
)
def test_a_damaged_cache_is_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.slim").write_text(CLEAN)
    probe(cwd=tmp_path)
    cache = Path(os.environ["SLIMDSL_CACHE_DIR"]) / "check.json"
    assert cache.exists()
    cache.write_text(content)
    assert probe(cwd=tmp_path) == (0, "checked 1 file, 1 net: no errors\n", "compiled")


def test_entries_of_a_wrong_form_are_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.slim"
    path.write_text(CLEAN)
    probe(cwd=tmp_path)
    cache = Path(os.environ["SLIMDSL_CACHE_DIR"]) / "check.json"
    document = json.loads(cache.read_text())
    (key,) = document["entries"]
    for entry in (1, {}, {"files": {}, "nets": 1}, {"files": {str(path): "0"}, "nets": 1}, {"files": 3, "nets": 1}):
        document["entries"][key] = entry
        cache.write_text(json.dumps(document))
        assert probe(cwd=tmp_path)[2] == "compiled"


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.slim").write_text(CLEAN)
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    result = probe(cwd=tmp_path, SLIMDSL_CACHE_DIR=str(blocked / "cache"))
    assert result == (0, "checked 1 file, 1 net: no errors\n", "compiled")


def test_the_cache_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.slim").write_text(CLEAN)
    probe(cwd=tmp_path, SLIMDSL_NO_CACHE="1")
    assert not Path(os.environ["SLIMDSL_CACHE_DIR"]).exists()
    monkeypatch.setenv("SLIMDSL_NO_CACHE", "1")
    assert default_folder() is None


def test_old_entries_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slimdsl.known_clean.LIMIT", 2)
    paths = [tmp_path / f"{name}.slim" for name in "abc"]
    known = KnownClean(str(tmp_path / "cache"), "")
    for path in paths:
        path.write_text(CLEAN)
        known.remember(str(path), (), 1)
    known.save()
    again = KnownClean(str(tmp_path / "cache"), "")
    assert [again.nets(str(path)) for path in paths] == [None, 1, 1]


def test_findings_of_a_shared_file_are_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.slim").write_text(BLOCK.replace("fc(3)", "fd(3)"))
    (tmp_path / "a.slim").write_text(USING)
    (tmp_path / "c.slim").write_text(USING.replace("net g", "net h"))
    assert main(["check", str(tmp_path)]) == 1
    assert capsys.readouterr().out.count("unknown layer `fd`") == 1
