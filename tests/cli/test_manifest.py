"""`slimdsl manifest`: names, types and shapes, exactly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import Run

NET = """\
slim 1

net f as Root {
  input x: float32[N, 8]
  with fc: weights_init=truncated_normal(stddev=0.01), weights_reg=l2(0.0005)
  fc(4) as hidden
  dropout(0.5) as drop
  fc(2, activation=none, weights_reg=none) as logits
  output logits
  output p = logits -> softmax
}
"""


def variable(
    name: str, shape: list[int], initializer: Mapping[str, object], regularizer: object = None
) -> dict[str, object]:
    """An entry of `variables`."""
    return {
        "name": name,
        "shape": shape,
        "dtype": "float32",
        "trainable": True,
        "regularized": regularizer is not None,
        "initializer": initializer,
        "regularizer": regularizer,
    }


def test_the_document(run: Run, project: Path) -> None:
    (project / "f.slim").write_text(NET, encoding="utf-8")
    outcome = run("manifest", "f.slim")
    assert (outcome.code, outcome.err) == (0, "")
    document = json.loads(outcome.out)
    normal = {"name": "truncated_normal", "mean": 0.0, "stddev": 0.01}
    zeros = {"name": "zeros"}
    assert document["net"] == "f"
    assert document["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["N", 8], "tensor": "x:0"}]
    assert [(o["name"], o["dtype"], o["shape"]) for o in document["outputs"]] == [
        ("logits", "float32", ["N", 2]),
        ("p", "float32", ["N", 2]),
    ]
    assert document["variables"] == [
        variable("Root/hidden/weights", [8, 4], normal, {"name": "l2", "scale": 0.0005}),
        variable("Root/hidden/biases", [4], zeros),
        variable("Root/logits/weights", [4, 2], normal),
        variable("Root/logits/biases", [2], zeros),
    ]
    assert document["end_points"]["Root/hidden"] == "Root/hidden/Relu:0"
    assert document["end_points"]["Root/logits"] == document["outputs"][0]["tensor"] == "Root/logits/BiasAdd:0"
    assert "updates" not in document


def test_the_training_graph_lists_what_each_step_changes(run: Run, project: Path) -> None:
    text = "slim 1\nnet f {\n  input x: float32[N, 8]\n  fc(4, norm=batch_norm) as a\n  output y\n}\n"
    (project / "f.slim").write_text(text, encoding="utf-8")
    document = json.loads(run("manifest", "f.slim", "--training").out)
    assert [update["variable"] for update in document["updates"]] == [
        "f/a/BatchNorm/moving_mean",
        "f/a/BatchNorm/moving_variance",
    ]
    assert [v["trainable"] for v in document["variables"]] == [True, True, False, False]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("layer", "keys"),
    [
        ("relu", []),
        ("fc(4, weights_reg=none, norm=batch_norm)", ["update_ops"]),
        ("fc(4, weights_reg=l2(0.1))", ["regularization_loss"]),
        ("dropout(0.5)", ["random_seed"]),
        ("drop_path(0.5, burn_in=9)", ["random_seed", "training_step"]),
        (
            "fc(4, weights_reg=l2(0.1), norm=batch_norm)\n  dropout(0.5)",
            ["update_ops", "regularization_loss", "random_seed"],
        ),
    ],
)
def test_the_training_graph_names_the_nodes_of_a_step(
    run: Run, project: Path, layer: str, keys: list[str], training: bool
) -> None:
    text = f"slim 1\nnet f {{\n  input x: float32[N, 8]\n  {layer}\n  output y\n}}\n"
    (project / "f.slim").write_text(text, encoding="utf-8")
    document = json.loads(run("manifest", "f.slim", *(["--training"] if training else [])).out)
    known = ("update_ops", "regularization_loss", "random_seed", "training_step")
    named = {key: document[key] for key in known if key in document}
    assert list(named) == (keys if training else [])
    if named:
        assert run("compile", "f.slim", "--training", "--to", "graphdef", "--text").code == 0
        nodes = re.findall(r'^  name: "(.*)"', (project / "f.pbtxt").read_text(encoding="ascii"), re.MULTILINE)
        assert {name.removesuffix(":0") for name in named.values()} <= set(nodes)


def test_errors_leave_standard_output_empty(run: Run) -> None:
    outcome = run("manifest", "models/broken.slim")
    assert (outcome.code, outcome.out) == (1, "")
