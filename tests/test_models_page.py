"""The page about the networks is current, and lists every network."""

from __future__ import annotations

import json
import re

import pytest

from tests import models_page

PAGE = (models_page.MODELS / "README.md").read_text(encoding="utf-8")
DATA = json.loads(models_page.DATA.read_text(encoding="utf-8"))


def test_the_page_is_current() -> None:
    assert models_page.page() == PAGE, "run `python -m tests.models_page > models/README.md`"


@pytest.mark.parametrize("file", models_page.files())
def test_every_net_with_a_graph_is_listed(file: str) -> None:
    described = [network["file"] for family in DATA["families"] for network in family["networks"]]
    assert described.count(file) == 1, f"tests/data/networks.json says nothing of {file}"
    for summary in models_page.summaries(file):
        assert PAGE.count(f"\n| {summary.net} |") == 1


def test_every_file_that_the_page_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^): ]+)\)", PAGE)
    assert links
    assert [link for link in links if not (models_page.MODELS / link).exists()] == []


def test_the_lines_of_python_are_of_one_family_each() -> None:
    counted = [name for family in DATA["families"] for name in family["python"]]
    assert sorted(counted) == sorted(DATA["python_lines"])
