"""The options of the commands that run a network: what the help says is true, and the pages name all of them."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

import pytest

from slimdsl.cli.commands import HelpFormatter
from slimdsl.cli.main import COMMANDS
from slimdsl.cli.options import PREPROCESSINGS
from slimdsl.recipe.recipe import SETTINGS
from slimdsl.runtime.data import preprocessing
from tests.semantics.train_runner import CASES, recipe_of

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"train": ["training.md"], "evaluate": ["evaluate.md"], "predict": ["evaluate.md"]}
OF_ALL = {"-h", "--help", "-D", "--net", "--color"}
"""Options that the pages of the language and of the command line have."""


def parser(command: str, monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> ArgumentParser:
    monkeypatch.setenv("COLUMNS", str(columns))
    made = ArgumentParser(prog=f"slimdsl {command}", formatter_class=HelpFormatter)
    import_module(next(each.module for each in COMMANDS if each.name == command)).configure(made)
    return made


@pytest.mark.parametrize("command", PAGES)
def test_the_page_names_every_option(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join((DOCS / page).read_text(encoding="utf-8") for page in PAGES[command])
    if command != "train":
        # A page of two commands, each with a part of its own; predict has what it says of evaluate's weights too.
        before, _, predict = text.partition("\n## predict")
        text = before if command == "evaluate" else before.partition("- **Data**")[0] + predict
    named = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", text))
    # Each option has a line of its own, which begins with its names; the usage has but one of them.
    listed = re.findall(r"^  (-[^ ].*?)(?:  |$)", parser(command, monkeypatch).format_help(), re.MULTILINE)
    options = {option for line in listed for option in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", line)}
    assert {"--weights", "--init"} & options
    assert sorted(options - named - OF_ALL - {"--output"}) == []


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("command", [each.name for each in COMMANDS])
def test_the_help_fits_the_terminal(command: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for tables, which are indented, and words that are longer."""
    text = parser(command, monkeypatch, columns).format_help()
    long = [line for line in text.splitlines() if len(line) > columns and not line.startswith("  ")]
    assert long == []


def test_the_defaults_in_the_help_are_those_of_a_network_without_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of(CASES / "default.slim")
    assert recipe.epochs is not None
    text = " ".join(parser("train", monkeypatch).format_help().split())
    for option, default in (
        ("--epochs", f"{recipe.epochs:g}"),
        ("--batch", recipe.batch),
        ("--log-every", recipe.log_every),
    ):
        (said,) = re.findall(rf"{option} N [^()]*\(the block's, else (\w+)\)", text)
        assert said == str(default)
    listed = text.partition("The settings are ")[2].partition(" --precision")[0].split(", ")
    assert listed == ["optimizer", "learning_rate", "loss", "metric", *SETTINGS]


def test_the_preprocessings_in_the_help_are_those_that_there_are() -> None:
    found = [each.name for each in preprocessing.PREPROCESSINGS]
    assert sorted(PREPROCESSINGS.replace(" or ", ", ").split(", ")) == sorted(found)
