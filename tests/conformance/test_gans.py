"""The GANs of TF-Slim's library, compiled and run by TensorFlow, give what TF-Slim itself computed."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

import slimdsl
from tests.conformance.feeding import run
from tests.conformance.recipe import input_values
from tests.conformance.test_networks import HERE, MODELS

# The file of each, and the arguments with which it is what was recorded.
GANS: dict[str, tuple[str, dict[str, Any]]] = {
    "cyclegan_generator_resnet": ("cyclegan", {"size": 64, "weight_decay": 0.00004}),
    "discriminator": ("dcgan", {}),
    "generator": ("dcgan", {}),
    "pix2pix_discriminator": ("pix2pix", {"size": 64}),
    "pix2pix_generator": ("pix2pix", {"size": 128, "keep_prob": 1.0}),
}


def load(gan: str, *, training: bool = False, **arguments: Any) -> slimdsl.Model:
    file, recorded_with = GANS[gan]
    return slimdsl.load(MODELS / f"{file}.slim", gan, training=training, **{**recorded_with, **arguments})


def recorded(gan: str) -> dict[str, Any]:
    return json.loads((HERE / "gans" / f"{gan}.json").read_text())


@pytest.mark.parametrize("gan", GANS)
def test_variables_are_those_of_tf_slim_in_its_order(gan: str) -> None:
    data = recorded(gan)
    ours = [
        {"name": v.name, "shape": list(v.shape), "trainable": v.trainable, "regularized": v.regularized}
        for v in load(gan).variables
    ]
    assert ours == data["variables"]


@pytest.mark.parametrize("gan", GANS)
def test_values_are_those_of_tf_slim(gan: str) -> None:
    data = recorded(gan)
    model = load(gan)
    # TF-Slim enters the scopes of pix2pix's discriminator twice, and TensorFlow numbers the names of the nodes.
    ends = {name: re.sub(r"^(conv\d)_1/", r"\1/", digest["tensor"]) for name, digest in data["end_points"].items()}
    known = {*model.end_points.values(), *(output.tensor for output in model.outputs.values())}
    assert {name: tensor for name, tensor in ends.items() if tensor not in known} == {}
    assert model.outputs["logits"].tensor == ends["logits"]
    if "predictions" in ends:
        assert model.outputs["predictions"].tensor == ends["predictions"]

    (source,) = (info.tensor for info in model.inputs.values())
    result, *found = run(model.graph, {source: input_values(data["input"])}, [_result(data, ends), *ends.values()])
    wanted = np.asarray(data["logits"])
    ours = result.ravel()[:: data.get("logits_step", 1)]
    assert list(result.shape) == data["logits_shape"]
    assert np.linalg.norm(ours - wanted) <= 1e-5 * np.linalg.norm(wanted)
    for name, values in zip(ends, found, strict=True):
        digest, exact = data["end_points"][name], values.astype(np.float64)
        assert list(exact.shape) == digest["shape"], name
        assert abs(np.linalg.norm(exact) - digest["l2"]) <= 1e-5 * digest["l2"], name
        edges = [*exact.ravel()[:4], *exact.ravel()[-4:]]
        scale = digest["l2"] / np.sqrt(exact.size)
        np.testing.assert_allclose(edges, digest["first"] + digest["last"], rtol=1e-4, atol=1e-4 * scale)


def _result(data: dict[str, Any], ends: dict[str, str]) -> str:
    """Our tensor of what the library's function returns."""
    return next(ends[name] for name, digest in data["end_points"].items() if digest["tensor"] == data["logits_tensor"])


def test_the_regularization_loss_of_cyclegan_is_that_of_tf_slim() -> None:
    gan = "cyclegan_generator_resnet"
    expected = recorded(gan)["regularization_loss"]
    (loss,) = run(load(gan, training=True).graph, {}, ["regularization_loss:0"])
    assert abs(loss - expected) <= 1e-5 * expected
    assert not any(variable.regularized for variable in load(gan, weight_decay=0.0).variables)


def test_the_images_of_pix2pix_have_noise_for_inference_too() -> None:
    model = load("pix2pix_generator", keep_prob=0.5)
    feeds = {"images:0": input_values((1, 128, 128, 3))}
    (first,) = run(model.graph, feeds, ["output/Tanh:0"])
    (second,) = run(model.graph, {**feeds, "random_seed:0": np.array([1, 0])}, ["output/Tanh:0"])
    assert np.abs(first - second).max() > 0.1


@pytest.mark.parametrize("size", [8, 64, 256])
def test_dcgan_has_other_sizes(size: int) -> None:
    generator = load("generator", size=size)
    assert generator.outputs["logits"].shape[1:] == (size, size, 3)
    assert load("discriminator", size=size).outputs["logits"].shape[1:] == (1,)
