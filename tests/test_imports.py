"""What is heavy is loaded only by what needs it; each command line runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slimdsl.types import DType
from slimdsl.weights.bundle_writer import write_bundle
from slimdsl.weights.stored import StoredTensor

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


NET = "slim 1\nnet n() {\n  input x: float32[N, 4]\n  fc(3, biases_init=none) as logits\n  output logits\n}\n"


def loaded(folder: Path, *arguments: str, code: int = 0) -> list[str]:
    """The heavy modules that are there after a command line that ends with a code."""
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, ",".join(HEAVY), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == code, process.stderr
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


@pytest.mark.parametrize("damaged", [False, True])
def test_a_graph_with_the_weights_of_a_run_is_written_without_tensorflow(tmp_path: Path, damaged: bool) -> None:
    """Also where an older checkpoint is looked for, because the newest is damaged."""
    (tmp_path / "n.slim").write_text(NET, encoding="utf-8")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}", encoding="utf-8")
    stored = StoredTensor(name="n/logits/weights", dtype=DType.FLOAT32, shape=(4, 3))
    for step in (1, 2):
        write_bundle(str(tmp_path / "run" / f"model.ckpt-{step}"), [(stored, lambda sink: sink(bytes(48)))])
    if damaged:
        os.truncate(tmp_path / "run" / "model.ckpt-2.data-00000-of-00001", 7)
    found = loaded(tmp_path, "compile", "n.slim", "--weights", "run", "--no-verify", code=int(damaged))
    assert "tensorflow" not in found
