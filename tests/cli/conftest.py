"""Small networks in a folder of their own, and a way to run a command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slimdsl.cli.main import main
from slimdsl.values import Value, positional

TINY = """\
slim 1

net tiny(classes = 10) {
  input images: float32[N, 8, 8, 3]
  conv(4, 3x3) as conv1
  max_pool(2x2) as pool1
  flatten
  fc(classes, activation=none) as logits
  output logits
}
"""

BROKEN = TINY.replace("max_pool", "max_poool").replace("tiny", "broken")


@positional
class Outcome(Value):
    """What a command line came to."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: `tiny.slim`, and below `models/` a network with an error. No variable asks for colours."""
    (tmp_path / "tiny.slim").write_text(TINY, encoding="utf-8")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.slim").write_text(BROKEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "GITHUB_WORKSPACE", "SLIMDSL_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in the project and return its exit code and what it printed."""

    def run_line(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_line
