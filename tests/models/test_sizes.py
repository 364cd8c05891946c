"""Networks of images take images of other sizes."""

from __future__ import annotations

from typing import Any

import pytest

import slimdsl
from slimdsl.compiler import Compilation, read_source
from tests import models_page

_TWICE = {"lenet", "cifarnet", "nasnet_cifar", "cyclegan_generator_resnet"}
_WITH_WINDOWS = {"alexnet_v2", "inception_v1", "inception_v2", "inception_v3", "overfeat", "vgg_16", "vgg_19", "vgg_a"}
"""Networks that see a window of a fixed size before their logits, which larger images have several of."""

_OTHER = {"discriminator": 64, "generator": 64, "pix2pix_generator": 512, "unet": 316, "i3d": 160, "s3dg": 160}
"""Sizes that suit a network that only some suit."""


def image_networks() -> list[tuple[str, str]]:
    """File and name of every net with an input of images."""
    found = []
    for file in models_page.files():
        for summary in models_page.summaries(file):
            inputs = [type for _, type in summary.inputs]
            if any(type.rank >= 4 for type in inputs):
                found.append((file, summary.net))
    return found


NETWORKS = image_networks()


def size_of(model: slimdsl.Model) -> object:
    (info,) = [info for info in model.inputs.values() if len(info.shape) >= 4]
    assert info.shape[-2] == info.shape[-3]
    return info.shape[-2]


@pytest.mark.parametrize(("file", "net"), NETWORKS, ids=lambda part: part.rpartition("/")[2])
def test_every_network_of_images_takes_another_size(file: str, net: str) -> None:
    path = models_page.MODELS / file
    usual = slimdsl.load(path, net)
    own = size_of(usual)
    assert isinstance(own, int)
    size = _OTHER.get(net, 2 * own if net in _TWICE else own + 64)
    more: dict[str, Any] = {"global_pool": True} if net in _WITH_WINDOWS else {}
    if net == "inception_v3":
        more["auxiliary"] = False
    model = slimdsl.load(path, net, size=size, **more)
    assert model.diagnostics == ()
    assert size_of(model) == size
    if "logits" in usual.outputs and len(usual.outputs["logits"].shape) == 2:
        assert model.outputs["logits"].shape == usual.outputs["logits"].shape


@pytest.mark.parametrize("net", sorted(_WITH_WINDOWS))
def test_images_that_are_too_large_say_what_they_need(net: str) -> None:
    source, _ = read_source(str(models_page.MODELS / "slim" / f"{net}.slim"))
    found = Compilation(source, net=net, parameters={"size": "500"}).diagnostics
    assert any(diagnostic.label == "images of this size need global_pool = true" for diagnostic in found), found


TF_SLIM = {
    ("inception_v2", 96): {"InceptionV2/Logits/AvgPool_1a_3x3/AvgPool": [3, 3]},
    ("inception_v3", 107): {"InceptionV3/Logits/AvgPool_1a_2x2/AvgPool": [2, 2]},
    ("inception_v3", 150): {"InceptionV3/Logits/AvgPool_1a_3x3/AvgPool": [3, 3]},
}
"""The last pooling of TF-Slim 1.1.0 for small images, and its window."""


@pytest.mark.parametrize(("net", "size"), TF_SLIM)
def test_small_images_have_the_windows_of_tf_slim(net: str, size: int) -> None:
    model = slimdsl.load(models_page.MODELS / "slim" / f"{net}.slim", net, size=size)
    names = {node.name for node in model.graph.nodes}
    assert set(TF_SLIM[net, size]) <= names
    if net == "inception_v3":
        (head,) = [v for v in model.variables if v.name == "InceptionV3/AuxLogits/Conv2d_2a_1x1/weights"]
        assert head.shape == (1, 1, 128, 768)
