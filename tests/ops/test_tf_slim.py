"""Layers make the variables, nodes and numbers that TF-Slim recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl.ir.graph import Graph
from slimdsl.ops.base import Op
from slimdsl.ops.registry import ALL_OPS
from slimdsl.ops.regularizers import L2
from tests.conformance.recipe import input_values, variable_values
from tests.harness import graph_of, run, tensor

LAYERS: dict[str, type[Op]] = {op.name: op for op in ALL_OPS}
CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "data" / "layers.json").read_text())


def label(case: dict[str, Any]) -> str:
    return f"{case['layer']}({','.join(f'{name}={given}' for name, given in case['arguments'].items())})"


def argument(name: str, given: object) -> object:
    if name == "weights_reg":
        return L2(scale=float(str(given)))
    if not isinstance(given, list):
        return given
    return tuple(tuple(item) if isinstance(item, list) else item for item in given)


def built(case: dict[str, Any]) -> Graph:
    op = LAYERS[case["layer"]](**{name: argument(name, given) for name, given in case["arguments"].items()})
    return graph_of(op, tensor(*(f"S{axis}" if size is None else size for axis, size in enumerate(case["input"]))))


@pytest.mark.parametrize("case", CASES, ids=label)
def test_names_are_those_of_tf_slim(case: dict[str, Any]) -> None:
    graph = built(case)
    assert [[v.name, list(v.shape), v.trainable] for v in graph.variables] == case["variables"]
    assert [v.name for v in graph.variables if v.regularizer] == case["penalized"]
    assert graph.outputs["y"].name == case["result"]
    names = {node.name for node in graph.nodes}
    # On ranks above 2 our product is one node, which TF-Slim cuts into pieces.
    assert {name.replace("Tensordot/MatMul", "Tensordot") for name in case["nodes"]} <= names


@pytest.mark.parametrize("case", CASES, ids=label)
def test_numbers_are_those_of_tf_slim(case: dict[str, Any]) -> None:
    graph = built(case)
    weights = {v.name: variable_values(v.name, v.shape) for v in graph.variables}
    x = input_values([size or (6 if axis else 2) for axis, size in enumerate(case["input"])])
    (y,) = run(graph, {"x": x}, weights)
    np.testing.assert_allclose(y, np.reshape(case["values"], case["shape"]), rtol=2e-5, atol=2e-6)
