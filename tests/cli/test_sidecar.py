"""The manifest beside artefacts: what they were made of, and the same bytes for the same inputs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl.artefacts.sidecar import sidecar_path
from slimdsl.version import __version__
from tests.cli.conftest import TINY, Run

NORMED = """\
slim 1

net normed() {
  input images: float32[N, 8, 8, 3]
  conv(4, 3x3, norm=batch_norm) as conv1
  dropout as drop
  flatten
  fc(2, activation=none) as logits
  output logits
}
"""


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/net.pb", "a/net.manifest.json"),
        ("net.stablehlo.mlir", "net.manifest.json"),
        ("net.savedmodel/", "net.manifest.json"),
        ("models/net/1", "models/net/1.manifest.json"),
        (".pb", ".pb.manifest.json"),
        ("net.other", "net.other.manifest.json"),
        ("net.json", "net.manifest.json"),
    ],
)
def test_where_it_is(path: str, expected: str) -> None:
    assert sidecar_path(path) == expected


def test_it_says_what_the_artefact_was_made_of(run: Run, project: Path) -> None:
    assert run("compile", "tiny.slim", "-D", "classes=7", "--seed", "5").code == 0
    document = read(project / "tiny.manifest.json")
    assert document["source"] == {"file": "tiny.slim", "sha256": sha256(project / "tiny.slim")}
    assert document["uses"] == []
    assert document["parameters"] == {"classes": "7"}
    assert document["weights"] == {"seed": 5}
    assert document["versions"] == {"slimdsl": __version__}
    assert [entry["name"] for entry in document["inputs"]] == ["images"]
    assert document["outputs"][0]["shape"] == ["N", 7]
    assert document["variables"][0]["name"] == "tiny/conv1/weights"
    artefact = document["artefacts"]["tiny.pb"]
    assert (artefact["format"], artefact["level"]) == ("frozen", 1)
    assert artefact["size"] == (project / "tiny.pb").stat().st_size
    assert artefact["outputs"] == {"logits": "tiny/logits/BiasAdd:0"}


def test_files_that_are_used_are_named_with_their_hashes(run: Run, project: Path) -> None:
    (project / "blocks").mkdir()
    (project / "blocks" / "b.slim").write_text("slim 1\nblock b() { relu }\n", encoding="utf-8")
    text = TINY.replace("slim 1\n", 'slim 1\nuse "blocks/b.slim"\n').replace("  flatten\n", "  b\n  flatten\n")
    (project / "tiny.slim").write_text(text, encoding="utf-8")
    assert run("compile", "tiny.slim", "--to", "graphdef").code == 0
    uses = read(project / "tiny.manifest.json")["uses"]
    assert uses == [{"file": "blocks/b.slim", "sha256": sha256(project / "blocks" / "b.slim")}]


def test_weights_are_named_with_what_was_taken(run: Run, project: Path) -> None:
    shapes = {"conv1/weights": (3, 3, 3, 4), "conv1/biases": (4,), "logits/weights": (64, 3)}
    arrays: dict[str, Any] = {f"old/{name}": np.ones(shape, np.float32) for name, shape in shapes.items()}
    np.savez(project / "w.npz", **arrays)
    line = ("compile", "tiny.slim", "--weights", "w.npz", "--rename", "old=tiny", "--except", "logits", "--seed", "1")
    assert run(*line).code == 0
    assert read(project / "tiny.manifest.json")["weights"] == {
        "file": "w.npz",
        "kind": "archive of numpy arrays",
        "sha256": sha256(project / "w.npz"),
        "except": ["logits"],
        "rename": {"old": "tiny"},
        "loaded": 2,
        "drawn": ["tiny/logits/weights", "tiny/logits/biases"],
        "seed": 1,
    }


def test_end_points_that_survive_and_those_that_do_not(run: Run, project: Path) -> None:
    (project / "normed.slim").write_text(NORMED, encoding="utf-8")
    assert run("compile", "normed.slim").code == 0
    document = read(project / "normed.manifest.json")
    artefact = document["artefacts"]["normed.pb"]
    assert artefact["end_points"]["normed/conv1"] == document["end_points"]["normed/conv1"]
    assert artefact["end_points"]["normed/drop"] == artefact["end_points"]["normed/conv1"]
    assert set(artefact["end_points"]) | set(artefact["folded_end_points"]) == set(document["end_points"])
    assert run("compile", "normed.slim", "-O0").code == 0
    assert "end_points" not in read(project / "normed.manifest.json")["artefacts"]["normed.pb"]


def test_the_same_inputs_give_the_same_bytes_wherever_they_are(run: Run, project: Path) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "tiny.slim").write_text(TINY, encoding="utf-8")
    assert run("compile", "tiny.slim", "-o", "a/tiny.pb").code == 2
    (project / "a").mkdir()
    assert run("compile", "tiny.slim", "-o", "a/tiny.pb").code == 0
    assert run("compile", "sub/tiny.slim", "-o", "sub/tiny.pb").code == 0
    first, second = project / "a" / "tiny.manifest.json", project / "sub" / "tiny.manifest.json"
    assert first.read_bytes() == second.read_bytes()


def test_several_artefacts_of_one_making_stand_side_by_side(run: Run, project: Path) -> None:
    assert run("compile", "tiny.slim").code == 0
    assert run("compile", "tiny.slim", "--to", "pbtxt").code == 0
    path = project / "tiny.manifest.json"
    assert sorted(read(path)["artefacts"]) == ["tiny.pb", "tiny.pbtxt"]
    (project / "tiny.pb").unlink()
    assert run("compile", "tiny.slim", "--to", "pbtxt").code == 0
    assert sorted(read(path)["artefacts"]) == ["tiny.pbtxt"]
    assert run("compile", "tiny.slim", "--seed", "1", "-o", "tiny.pb").code == 0
    assert sorted(read(path)["artefacts"]) == ["tiny.pb"]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"artefacts": 3}', "[" * 100_000])
def test_what_stands_there_and_is_none_of_ours_is_replaced(run: Run, project: Path, content: str) -> None:
    (project / "tiny.manifest.json").write_text(content, encoding="utf-8")
    assert run("compile", "tiny.slim").code == 0
    assert list(read(project / "tiny.manifest.json")["artefacts"]) == ["tiny.pb"]


def test_standard_output_has_none(run: Run, project: Path, tmp_path: Path) -> None:
    assert run("compile", "tiny.slim", "-o", "/dev/null").code == 0
    assert not list(project.glob("*.manifest.json"))
