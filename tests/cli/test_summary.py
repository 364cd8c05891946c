"""`slimdsl summary`: every figure of a network that is small enough to count by hand."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run

TABLE = """\
tiny(images float32[N, 8, 8, 3])

layer         op        output        parameters   MACs  activations
--------------------------------------------------------------------
tiny/conv1    conv      [N, 8, 8, 4]         112  6,912      1.0 KiB
tiny/pool1    max_pool  [N, 4, 4, 4]           0      0        256 B
tiny/Flatten  flatten   [N, 64]                0      0        256 B
tiny/logits   fc        [N, 10]              650    640         40 B
--------------------------------------------------------------------
total                                        762  7,552      1.5 KiB

762 parameters (762 trainable), 3.0 KiB of weights
MACs and activations are for one example (N = 1)
"""


def test_the_table(run: Run) -> None:
    outcome = run("summary", "tiny.slim")
    assert (outcome.code, outcome.out, outcome.err) == (0, TABLE, "")


def test_the_json_has_the_same_figures(run: Run) -> None:
    document = json.loads(run("summary", "tiny.slim", "--json", "-D", "classes=5").out)
    assert document["net"] == "tiny"
    assert document["inputs"] == [{"name": "images", "dtype": "float32", "shape": ["N", 8, 8, 3]}]
    assert document["counted_as_one"] == ["N"]
    assert document["layers"][-1] == {
        "scope": "tiny/logits",
        "op": "fc",
        "dtype": "float32",
        "output_shape": ["N", 5],
        "parameters": 325,
        "macs": 320,
        "activation_bytes": 20,
    }
    assert document["totals"] == {
        "parameters": 437,
        "trainable_parameters": 437,
        "macs": 7232,
        "activation_bytes": 1024 + 256 + 256 + 20,
        "weight_bytes": 1748,
    }


def test_sizes_that_are_not_known_stay_symbolic(run: Run, project: Path) -> None:
    text = "slim 1\nnet f {\n  input x: float32[B, H, W, 1]\n  conv(2, 3x3) as c\n  output y\n}\n"
    (project / "f.slim").write_text(text, encoding="utf-8")
    document = json.loads(run("summary", "f.slim", "--json").out)
    assert document["counted_as_one"] == ["B"]
    assert document["totals"]["macs"] == "18*H*W"
    assert document["totals"]["activation_bytes"] == "8*H*W"


def test_a_fixed_batch_is_counted_as_it_is(run: Run, project: Path) -> None:
    text = "slim 1\nnet f {\n  input x: float32[4, 10]\n  fc(3) as c\n  output y\n}\n"
    (project / "f.slim").write_text(text, encoding="utf-8")
    outcome = run("summary", "f.slim")
    assert outcome.out.endswith("MACs and activations are for the batch that the inputs declare\n")
    assert "  120  " in outcome.out


def test_errors_are_printed_and_there_is_no_table(run: Run) -> None:
    outcome = run("summary", "models/broken.slim")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.endswith("1 error\n")


def test_a_missing_file_is_wrong_usage(run: Run) -> None:
    outcome = run("summary", "missing.slim")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "slimdsl: cannot read `missing.slim`: no such file or directory\n"


def test_a_folder_is_no_file(run: Run) -> None:
    assert run("summary", "models").code == 2
