"""What is heavy is loaded only by what needs it; each command line runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODEL = str(ROOT / "models" / "slim" / "lenet.slim")
HEAVY = ("google.protobuf", "lark", "numpy", "rich", "tensorflow")

SCRIPT = """
import sys
from slimdsl.cli.main import main
code = main(sys.argv[2:]) if len(sys.argv) > 2 else 0
print(*(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


def loaded(folder: Path, *arguments: str) -> list[str]:
    """The heavy modules that are there after a command line."""
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, ",".join(HEAVY), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stderr.splitlines()[-1].split()


@pytest.mark.parametrize(
    "arguments",
    [(), ("check", MODEL), ("summary", MODEL), ("manifest", MODEL), ("explain",)],
    ids=lambda a: " ".join(a[:1]),
)
def test_looking_at_a_network_loads_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert loaded(tmp_path, *arguments) == []


def test_a_graph_without_weights_is_written_without_numpy(tmp_path: Path) -> None:
    assert loaded(tmp_path, "compile", MODEL, "--to", "graphdef") == ["google.protobuf"]


def test_the_manifest_of_a_training_graph_is_printed_without_numpy(tmp_path: Path) -> None:
    assert loaded(tmp_path, "manifest", MODEL, "--training") == ["google.protobuf"]


def test_a_graph_with_weights_is_written_without_tensorflow(tmp_path: Path) -> None:
    assert loaded(tmp_path, "compile", MODEL) == ["google.protobuf", "numpy"]
