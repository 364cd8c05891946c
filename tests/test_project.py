"""The project's files agree with each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def readme_commands() -> list[str]:
    """The lines of the README that make a virtual environment: the two commands for a fresh machine."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.startswith("python3 -m venv")]


def test_the_readme_has_two_commands_for_a_fresh_machine() -> None:
    install, test = readme_commands()
    assert install.endswith("slimdsl compile models/vgg16.slim")
    assert test.endswith("pytest")


@pytest.mark.parametrize("index", [0, 1])
def test_ci_runs_the_commands_of_the_readme(index: int) -> None:
    assert readme_commands()[index] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_file_that_the_documents_link_to_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
