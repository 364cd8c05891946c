"""Residual networks and MobileNets with an output stride, dilated from there on, give what TF-Slim computed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl
from tests.conformance.feeding import run
from tests.conformance.recipe import input_values
from tests.conformance.test_networks import load, recorded

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "models" / "slim"
CASES: list[dict[str, Any]] = json.loads((HERE / "output_strides.json").read_text(encoding="utf-8"))


def file_of(network: str) -> Path:
    """`resnet_v1_50` stands in `resnet_v1.slim`."""
    (path,) = [path for path in MODELS.glob("*.slim") if network.startswith(path.stem)]
    return path


def id_of(case: dict[str, Any]) -> str:
    return f"{case['network']}-{case['output_stride']}"


@pytest.mark.parametrize("case", CASES, ids=id_of)
def test_values_are_those_of_tf_slim(case: dict[str, Any]) -> None:
    network, stride = case["network"], case["output_stride"]
    model = slimdsl.load(file_of(network), network, output_stride=stride)
    assert model.variables == load(network, recorded(network)).variables
    (images,) = (info.tensor for info in model.inputs.values())
    # TensorFlow doubles the root in the names of MobilenetV1's nodes; see `test_networks`.
    names = [re.sub(r"^([^/]+)/\1/", r"\1/", name) for name in case["tensors"]]
    found = run(model.graph, {images: input_values(case["input"])}, names)
    for value, (name, digest) in zip(found, case["tensors"].items(), strict=True):
        exact = value.astype(np.float64)
        assert list(exact.shape) == digest["shape"], name
        assert abs(np.linalg.norm(exact) - digest["l2"]) <= 1e-5 * digest["l2"], name
        scale = digest["l2"] / np.sqrt(exact.size)
        edges = [*exact.ravel()[:4], *exact.ravel()[-4:]]
        np.testing.assert_allclose(edges, digest["first"] + digest["last"], rtol=1e-4, atol=1e-4 * scale, err_msg=name)


@pytest.mark.parametrize("case", CASES, ids=id_of)
def test_the_last_maps_have_the_size_that_was_asked_for(case: dict[str, Any]) -> None:
    model = slimdsl.load(file_of(case["network"]), case["network"], output_stride=case["output_stride"])
    maps = [node for node in model.graph.nodes if node.results[0].type.rank == 4]
    smallest = min(dim for node in maps for dim in node.results[0].type.shape[1:3] if isinstance(dim, int) and dim > 1)
    assert smallest == 224 // case["output_stride"]


@pytest.mark.parametrize("network", sorted({case["network"] for case in CASES}))
def test_what_strides_cannot_reach_is_refused(network: str) -> None:
    with pytest.raises(slimdsl.CompileError, match="the images are reduced by"):
        _ = slimdsl.load(file_of(network), network, output_stride=12).variables
