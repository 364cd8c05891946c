"""`explain FILE SCOPE` tells for each argument of a layer what it is and which place set it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slimdsl.cli.main import main

TEXT = """slim 1

block unit(depth) {
  conv(depth, 3x3) as conv
}

net f(wide = 4) {
  input images: float32[N, 8, 8, 3]
  with conv: norm=batch_norm(scale=true), stride=2
  with batch_norm: epsilon=0.01
  repeat 2 unit(wide) as units
  relu as last
  output y
}
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "f.slim").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return "f.slim"


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["explain", *arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, list)
    return document


def test_each_argument_has_its_value_its_default_and_the_place_that_set_it(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (layer,) = explained(capsys, path, "units/units_2/conv")
    assert (layer["scope"], layer["type"]) == ("f/units/units_2/conv", "float32[N, 2, 2, 4]")
    assert layer["written_at"] == "f.slim:4:3"
    assert layer["chain"] == [
        {"message": "in block unit, called here", "at": "f.slim:11:12"},
        {"message": "in repeat 2 of units", "at": "f.slim:11:12"},
    ]
    conv, norm, relu = layer["ops"]
    found = {item["name"]: (item["value"], item["default"], item["set_by"], item["at"]) for item in conv["arguments"]}
    assert found["filters"] == ("4", "required", "call", "f.slim:4:8")
    assert found["stride"] == ("2", "1", "with", "f.slim:9:43")
    assert found["padding"] == ("same", "same", "default", None)
    inner = {item["name"]: (item["value"], item["set_by"], item["at"]) for item in norm["arguments"]}
    assert norm["name"] == "batch_norm"
    assert inner["scale"] == ("true", "call", None)
    assert inner["epsilon"] == ("0.01", "with", "f.slim:10:20")
    assert relu == {"name": "relu", "arguments": []}
    assert [v["name"].rpartition("/")[2] for v in layer["variables"]] == [
        "weights",
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
    ]


def test_a_scope_with_others_below_it_explains_them_all(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    scopes = [layer["scope"] for layer in explained(capsys, path, "f/units")]
    assert scopes == ["f/units/units_1/conv", "f/units/units_2/conv"]


def test_the_text_shows_what_was_written(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", path, "units/units_1/conv", "-D", "wide=5"]) == 0
    text = capsys.readouterr().out
    assert "filters       5                       required  f.slim:4:8: `depth`" in text.replace("  \n", "\n")
    assert "with `stride=2`" in text
    assert "written in the argument above" in text


def test_the_manual_page_of_a_layer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "max_pool"]) == 0
    assert "| `stride` | `2` |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["f.slim", "nothing"], "has no layer in the scope `nothing`"),
        (["f.slim", "units/units_1/comv"], "has no layer in the scope"),
        (["f.slim"], "which layer of `f.slim`?"),
        (["missing.slim", "a"], "cannot read `missing.slim`"),
        (["max_pol"], "did you mean `max_pool`?"),
    ],
)
def test_what_cannot_be_explained_is_wrong_usage(
    path: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_file_with_errors_exits_with_1(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(path).write_text(TEXT.replace("relu", "rely"))
    assert main(["explain", path, "units"]) == 1
    assert "unknown layer `rely`" in capsys.readouterr().err
