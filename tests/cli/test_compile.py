"""`slimdsl compile`: the file it writes, what it says about it, and when it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl.backends.registry import FORMATS
from tests.cli.conftest import Run

SHAPES = {
    "tiny/conv1/weights": (3, 3, 3, 4),
    "tiny/conv1/biases": (4,),
    "tiny/logits/weights": (64, 10),
    "tiny/logits/biases": (10,),
}


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an archive of arrays."""
    np.savez(path, **arrays)


@pytest.fixture
def weights(project: Path) -> Path:
    """An archive with weights for `tiny.slim`."""
    path = project / "tiny.npz"
    save(path, {name: np.full(shape, 0.5, np.float32) for name, shape in SHAPES.items()})
    return path


def test_the_default_is_a_frozen_graph_in_the_current_folder(run: Run, project: Path) -> None:
    outcome = run("compile", "tiny.slim")
    assert (outcome.code, outcome.err) == (0, "")
    first, *facts = outcome.out.splitlines()
    assert first.startswith("wrote tiny.pb: frozen graph, ")
    assert facts == [
        "  parameters  762 in 4 variables",
        "  weights     first values, drawn from seed 0; --weights for trained ones, --seed N for others",
        "  input       images: float32[N, 8, 8, 3] is images:0",
        "  output      logits: float32[N, 10] is tiny/logits/BiasAdd:0",
        "  manifest    tiny.manifest.json",
    ]
    assert (project / "tiny.pb").stat().st_size > 4 * 762


def test_the_same_seed_gives_the_same_bytes(run: Run, project: Path) -> None:
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert run("compile", "tiny.slim", "-o", f"{name}.pb", "--seed", seed).code == 0
    assert run("compile", "tiny.slim").code == 0
    first, second, other, default = ((project / f"{n}.pb").read_bytes() for n in ("a", "b", "c", "tiny"))
    assert first == second == default
    assert first != other


@pytest.mark.parametrize("seed", ["-1", "x", "1.5", "", "٣", "1_0", "+3", " 7 ", "7\n", str(2**64), "9" * 5000])
def test_a_seed_is_an_integer_within_64_bits(run: Run, seed: str) -> None:
    outcome = run("compile", "tiny.slim", f"--seed={seed}")
    assert outcome.code == 2
    assert "must be an integer from 0 to 2^64 - 1" in outcome.err


def test_weights_come_from_an_archive(run: Run, project: Path, weights: Path) -> None:
    outcome = run("compile", "tiny.slim", "--weights", "tiny.npz")
    assert outcome.code == 0
    assert "  weights     4 variables from tiny.npz (archive of numpy arrays)\n" in outcome.out
    assert np.full((64, 10), 0.5, "<f4").tobytes() in (project / "tiny.pb").read_bytes()


def test_weights_that_do_not_fit_are_all_listed_and_nothing_is_written(run: Run, project: Path, weights: Path) -> None:
    save(
        weights,
        {"tiny/conv1/weights": np.zeros((3, 3, 3, 5), np.float32), "tiny/conv1/bias": np.zeros(4, np.float32)},
    )
    outcome = run("compile", "tiny.slim", "--weights", "tiny.npz")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.endswith("5 errors\n")
    assert not (project / "tiny.pb").exists()


def test_a_missing_archive_is_wrong_usage(run: Run) -> None:
    outcome = run("compile", "tiny.slim", "--weights", "missing.npz")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "slimdsl: cannot read `missing.npz`: no such file or directory\n"


def test_a_seed_beside_weights_needs_something_to_draw(run: Run, weights: Path) -> None:
    assert run("compile", "tiny.slim", "--weights", "tiny.npz", "--seed", "1").code == 2


def test_a_graph_with_variables_names_its_init_op(run: Run) -> None:
    outcome = run("compile", "tiny.slim", "--to", "graphdef")
    assert outcome.code == 0
    assert outcome.out.startswith("wrote tiny.pb: graph with variables, ")
    assert "  initialise  run the op init\n" in outcome.out


@pytest.mark.parametrize(("form", "said"), [("frozen", "constant weights"), ("graphdef", "variables")])
def test_the_training_graph_in_both_forms(run: Run, form: str, said: str) -> None:
    outcome = run("compile", "tiny.slim", "--training", "--to", form)
    assert outcome.code == 0
    assert outcome.out.startswith(f"wrote tiny.pb: training graph with {said}, ")


def test_the_text_form(run: Run, project: Path) -> None:
    outcome = run("compile", "tiny.slim", "--text", "--to", "graphdef")
    assert outcome.out.startswith("wrote tiny.pbtxt: ")
    assert 'name: "images"' in (project / "tiny.pbtxt").read_text(encoding="utf-8")


def test_errors_in_the_file_are_printed_and_nothing_is_written(run: Run, project: Path) -> None:
    outcome = run("compile", "models/broken.slim")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.endswith("1 error\n")
    assert not (project / "broken.pb").exists()


def test_a_folder_that_does_not_exist_is_wrong_usage(run: Run) -> None:
    outcome = run("compile", "tiny.slim", "-o", "nowhere/x.pb")
    assert (outcome.code, outcome.out) == (2, "")
    assert "nowhere" in outcome.err


@pytest.mark.parametrize("output", ["", "new/", "models/new/", "models/", "models"])
def test_an_output_that_names_no_file_is_wrong_usage(run: Run, project: Path, output: str) -> None:
    before = sorted(project.rglob("*"))
    outcome = run("compile", "tiny.slim", "-o", output)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"slimdsl: cannot write `{output}`: ")
    assert [path for path in sorted(project.rglob("*")) if "cache" not in path.parts] == before


def test_the_forms_are_those_of_the_registry(run: Run, project: Path) -> None:
    text = " ".join(run("compile", "--help").out.split())
    for form in FORMATS:
        assert f"{form.name} {form.description}" in text
        if not form.packages:
            assert run("compile", "tiny.slim", "--to", form.name).out.startswith(f"wrote tiny{form.suffix}: ")
        if "text" in form.options:
            assert run("compile", "tiny.slim", "--to", form.name, "--text").out.startswith("wrote tiny.pbtxt: ")


@pytest.mark.parametrize("command", ["compile", "check", "summary"])
@pytest.mark.parametrize("value", ["[1", "foo", "1 / 0", "1 2"])
def test_a_value_that_cannot_be_computed_is_wrong_usage(run: Run, command: str, value: str) -> None:
    outcome = run(command, "tiny.slim", "-D", f"classes={value}")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("slimdsl: tiny.slim: the value of the parameter `classes` ")
    assert run(command, "tiny.slim", "-D", "classes=0").code == 1


def test_a_net_is_chosen_where_there_are_several(run: Run, project: Path) -> None:
    second = "\nnet second {\n  input x: float32[N, 4]\n  fc(2) as a\n  output y\n}\n"
    path = project / "tiny.slim"
    path.write_text(path.read_text(encoding="utf-8") + second, encoding="utf-8")
    refused = run("compile", "tiny.slim")
    assert (refused.code, refused.out) == (2, "")
    assert "tiny, second" in refused.err
    assert run("compile", "tiny.slim", "--net", "second").out.startswith("wrote second.pb: ")


def test_what_the_network_is_made_of_is_not_overwritten(run: Run, project: Path, weights: Path) -> None:
    """Neither the text, nor a file that it uses, nor the weights, by whatever name."""
    (project / "user.slim").write_text('slim 1\nuse "tiny.slim"\nnet user = tiny(10)\n', encoding="utf-8")
    (project / "link.pb").symlink_to("tiny.slim")
    before = {path: path.read_bytes() for path in project.iterdir() if path.is_file()}
    for line in (
        ("tiny.slim", "-o", "tiny.slim"),
        ("tiny.slim", "-o", "./models/../tiny.slim"),
        ("tiny.slim", "-o", "link.pb"),
        ("user.slim", "--net", "user", "-o", "tiny.slim"),
        ("tiny.slim", "--weights", "tiny.npz", "-o", "tiny.npz"),
        ("tiny.slim", "--weights", "tiny.npz", "-o", "tiny.npz", "--to", "graphdef", "--text"),
    ):
        outcome = run("compile", *line)
        assert (outcome.code, outcome.out) == (2, ""), line
        assert "which the network is made of" in outcome.err
    assert {path: path.read_bytes() for path in project.iterdir() if path.is_file()} == before
