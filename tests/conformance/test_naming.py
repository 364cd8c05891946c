"""The names of variables and nodes are those that TF-Slim gives, snippet by snippet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import slimdsl
from slimdsl.backends.graphdef.proto import GraphDef

HERE = Path(__file__).parent
RECORDED: dict[str, dict[str, Any]] = {case["case"]: case for case in json.loads((HERE / "naming.json").read_text())}
WRITTEN = {path.read_text().partition("\n")[0].removeprefix("# "): path for path in (HERE / "naming").glob("*.slim")}

# Arithmetic inside of a normaliser, which is made of other ops here; its variables and its result have TF-Slim's names.
ARITHMETIC = {
    "LayerNorm/batchnorm/add",
    "a/Reshape",
    "a/GroupNorm/Reshape",
    "a/GroupNorm/Reshape_1",
    "a/GroupNorm/add",
    "a/GroupNorm/add_1",
    "a/GroupNorm/add_2",
    "b/InstanceNorm/instancenorm/add",
    "c/LayerNorm/batchnorm/add",
}


def test_every_recorded_case_is_written() -> None:
    assert set(RECORDED) == set(WRITTEN)


@pytest.mark.parametrize("case", sorted(WRITTEN))
def test_names_are_those_of_tf_slim(case: str) -> None:
    data = RECORDED[case]
    model = slimdsl.load(WRITTEN[case])
    assert model.diagnostics == ()
    variables = [[v.name.removeprefix("f/"), list(v.shape), v.trainable] for v in model.variables]
    assert variables == data["variables"]
    assert model.outputs["result"].tensor == f"f/{data['output']}"
    assert list(model.outputs["result"].shape) == data["output_shape"]


@pytest.mark.parametrize("case", sorted(WRITTEN))
def test_main_ops_have_the_names_and_types_of_tf_slim(case: str) -> None:
    graph_def = GraphDef.FromString(slimdsl.load(WRITTEN[case]).graph_def)
    ours = {node.name.removeprefix("f/"): node.op for node in graph_def.node}
    recorded = [(name, op) for name, op in RECORDED[case]["ops"] if name not in ARITHMETIC]
    assert [(name, op) for name, op in recorded if ours.get(name) != op] == [], sorted(ours.items())
