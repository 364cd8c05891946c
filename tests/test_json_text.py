"""JSON for people is still the same JSON."""

from __future__ import annotations

import json

import pytest

from slimdsl.json_text import json_text

TABLE = """\
{
  "net": "f",
  "rows": [
    {"name": "a", "shape": ["N", 2]},
    {"name": "b", "shape": []}
  ],
  "points": {
    "a/b": "c:0"
  },
  "none": [],
  "empty": {}
}"""


def test_every_entry_of_a_table_has_a_line() -> None:
    assert json_text(json.loads(TABLE)) == TABLE


@pytest.mark.parametrize(
    "document", [{}, {"a": None}, {'"': "\n\u5168\x1b"}, {"a": [1, [2, {"b": 3}]], "b": {"c": {"d": []}}}]
)
def test_it_reads_back_as_the_same(document: dict[str, object]) -> None:
    assert json.loads(json_text(document)) == document
    assert json_text(document).isascii()
