"""The SARIF log is valid by the official JSON schema of SARIF 2.1.0, which `tests/data` holds as OASIS publishes it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from slimdsl.diagnostics import render_sarif
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.source import Source, Span
from tests.diagnostics.cases import CASES, CODES

SCHEMA = json.loads((Path(__file__).parents[1] / "data/sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("case", list(CASES))
def test_every_log_is_valid(case: str) -> None:
    log = json.loads(render_sarif.render(CASES[case], CODES, version="1.2.3", root="/project"))
    assert [error.message for error in VALIDATOR.iter_errors(log)] == []


def test_the_schema_refuses_what_is_no_log() -> None:
    log = json.loads(render_sarif.render(CASES["end_of_file"], CODES, version="1.2.3", root="/project"))
    region = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    region["startColumn"] = 0
    log["runs"][0]["invented"] = True
    assert len(list(VALIDATOR.iter_errors(log))) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("models/odd.slim", {"uri": "models/odd.slim", "uriBaseId": "%SRCROOT%"}),
        ("/project/models/odd.slim", {"uri": "models/odd.slim", "uriBaseId": "%SRCROOT%"}),
        ("../other folder/x.slim", {"uri": "file:///other%20folder/x.slim"}),
    ],
)
def test_files_below_the_root_are_relative_to_it_and_others_absolute(name: str, expected: dict[str, str]) -> None:
    finding = Diagnostic(code="E0102", message="odd", span=Span(Source(name, "x"), 0, 1))
    log = json.loads(render_sarif.render([finding], CODES, version="1.2.3", root="/project"))
    (location,) = log["runs"][0]["results"][0]["locations"]
    assert location["physicalLocation"]["artifactLocation"] == expected
