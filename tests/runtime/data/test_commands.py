"""`slimdsl data inspect` and `slimdsl data convert`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from slimdsl.cli.main import main


def test_a_folder_is_described(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "inspect", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"{folder}: image folder, 24 examples, 3 classes",
        "  train      21 examples (10% of each class held out, by a hash of their paths)",
        "  validation 3 examples (10% of each class held out, by a hash of their paths)",
    ]
    assert "  0 ant          8" in lines
    assert lines[-1] == "first labels: 0, 0, 0, 0, 0, 0, 0, 0"


def test_json_has_it_all(records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "inspect", str(records), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "TFRecords"
    assert document["parts"]["validation"] == {"examples": 6, "chosen": "by the names of the files"}
    assert document["per_class"] == {"0": 8, "1": 8, "2": 8}
    assert sum(size["images"] for size in document["sizes"]) == document["examined"] == 24
    assert document["problems"] == []


def test_problems_are_an_exit_code(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "bee" / "3.jpg").write_bytes(b"\xff\xd8\xff")
    assert main(["data", "inspect", str(broken), "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["problems"] == [f"`{broken}/bee/3.jpg` is a damaged image"]
    assert err == f"error: `{broken}/bee/3.jpg` is a damaged image\n"
    assert main(["data", "convert", str(broken), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"error: `{broken}/bee/3.jpg` is a damaged image\n"
    (tmp_path / "empty").mkdir()
    assert main(["data", "inspect", str(tmp_path / "empty"), "--json"]) == 1
    assert "or is empty" in json.loads(capsys.readouterr().out)["problems"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspect", "/no/such"), "there is no file or folder `/no/such`"),
        (("inspect", "--holdout", "2"), "below 1, not 2"),
        (("inspect", "synthetic:10", "--classes", "-3"), "--classes: must be an integer of at least 1"),
        (("inspect", "synthetic:10", "--classes", "1000000000"), "for at most 1,000,000 classes, not 1,000,000,000"),
        (("inspect", "synthetic:10", "--classes", "0"), "--classes: must be an integer of at least 1"),
        (("convert", "/no/such", "out"), "there is no file or folder `/no/such`"),
        (("convert", "x", "out", "--shards", "0"), "--shards 0"),
        (("convert", "x", "out", "--name", "a/b"), "--name a/b"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_is_converted(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "records"
    assert main(["data", "convert", str(folder), str(out), "--shards", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"wrote {out}: 6 files, ")
    assert lines[1:3] == ["  train      21 examples", "  validation 3 examples"]
    assert main(["data", "inspect", str(out), "--split", "train"]) == 0


def test_the_target_of_a_conversion_is_not_in_its_source(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "photos"
    shutil.copytree(folder, source)
    before = sorted(source.rglob("*"))
    assert main(["data", "convert", str(source), str(source / "records")]) == 2
    assert f"cannot write `{source}/records`: it lies in `{source}`" in capsys.readouterr().err
    assert sorted(source.rglob("*")) == before


def test_names_of_files_do_not_reach_the_terminal_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged image whose name would clear the screen; there is a single one, too."""
    monkeypatch.chdir(tmp_path)
    net = "slim 1\n\nnet n {\n  input images: float32[N, 4, 4, 1]\n  flatten\n  fc(2) as logits\n  output logits\n}\n"
    Path("n.slim").write_text(net + "train { batch = 1 }\n", encoding="utf-8")
    for label in ("a", "b"):
        Path("photos", label).mkdir(parents=True)
        Path("photos", label, "\x1b[2J.png").write_bytes(b"none")
    assert main(["train", "n.slim", "--data", "photos", "--logdir", "run"]) == 1
    err = capsys.readouterr().err
    assert r"\x1b[2J.png` is no image" in err
    assert "\x1b" not in err
    assert main(["train", "n.slim", "--data", "synthetic:1", "--batch", "2", "--logdir", "run"]) == 1
    assert "have 1 example for training, fewer than the batch of 2" in capsys.readouterr().err
