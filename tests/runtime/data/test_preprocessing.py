"""The preprocessings compute what TF-Slim's do, and draw by their seed alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.images import decode
from slimdsl.runtime.data.preprocessing import PREPROCESSINGS, preprocessing_named, preprocessing_of_network

CASES = json.loads((Path(__file__).parent / "tf_slim_evaluation.json").read_text(encoding="utf-8"))["cases"]
RANDOM = [preprocessing for preprocessing in PREPROCESSINGS if preprocessing.train is not None]


def numbers(seed: int, *shape: int) -> Any:
    return tf.constant(np.random.RandomState(seed).randint(0, 256, shape).astype("uint8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['preprocessing']}-{case['image']}")
def test_evaluation_is_tf_slims(case: dict[str, Any]) -> None:
    image = numbers(case["seed"], *case["image"])
    found = preprocessing_named(case["preprocessing"], case["channels"])
    made = found.evaluate(image, tuple(case["size"]), case["channels"]).numpy()
    expected = np.reshape(np.float32(case["result"]), (*case["size"], case["channels"]))
    scale = 128.0 if case["preprocessing"] == "vgg" else 1.0
    np.testing.assert_allclose(made / scale, expected / scale, atol=3e-6)


@pytest.mark.parametrize("preprocessing", RANDOM, ids=lambda preprocessing: preprocessing.name)
def test_draws_follow_the_seed(preprocessing: Any) -> None:
    image = tf.cast(tf.image.resize(numbers(0, 5, 5, 3), [40, 50]), tf.uint8)
    train = tf.function(lambda seed: preprocessing.train(image, (24, 20), 3, seed))
    drawn = [train(tf.constant([0, seed])).numpy() for seed in range(8)]
    assert all(one.shape == (24, 20, 3) and np.isfinite(one).all() for one in drawn)
    assert np.array_equal(drawn[3], train(tf.constant([0, 3])).numpy())
    assert len({one.tobytes() for one in drawn}) == 8


@pytest.mark.parametrize("preprocessing", RANDOM, ids=lambda preprocessing: preprocessing.name)
def test_training_images_lie_where_those_for_evaluation_do(preprocessing: Any) -> None:
    image = numbers(0, 40, 50, 3)
    # TF-Slim's VGG enlarges first, so that a small crop would be of a few pixels.
    size = (128, 128) if preprocessing.name == "vgg" else (24, 24)
    train = tf.function(lambda seed: preprocessing.train(image, size, 3, seed))
    drawn = np.stack([train(tf.constant([1, seed])).numpy() for seed in range(48)])
    expected = preprocessing.evaluate(image, size, 3).numpy()
    assert abs(drawn.mean() - expected.mean()) < 0.5 * expected.std()
    assert 0.6 < drawn.std() / expected.std() < 1.5


def test_vgg_only_crops_and_mirrors() -> None:
    # A ramp from left to right stays one, in either direction.
    ramp = tf.cast(tf.tile(tf.range(0, 200, 4)[tf.newaxis, :, tf.newaxis], [50, 1, 3]), tf.uint8)
    train = tf.function(lambda seed: preprocessing_named("vgg", 3).train(ramp, (64, 64), 3, seed))  # type: ignore[misc]
    signs = set()
    for seed in range(16):
        steps = np.diff(train(tf.constant([0, seed])).numpy()[..., 0], axis=1)
        assert (steps >= -1e-3).all() or (steps <= 1e-3).all()
        signs.add(bool(steps.sum() > 0))
    assert signs == {True, False}


def test_vgg_enlarges_to_as_much_as_tf_slim_does() -> None:
    # The smaller side is drawn from 256 to 512; a ramp of 240 pixels says by its steps what it was.
    ramp = tf.cast(tf.tile(tf.range(240)[tf.newaxis, :, tf.newaxis], [240, 1, 3]), tf.uint8)
    train = tf.function(lambda seed: preprocessing_named("vgg", 3).train(ramp, (64, 64), 3, seed))  # type: ignore[misc]
    drawn = [train(tf.constant([0, seed])).numpy()[32, :, 0] for seed in range(80)]
    sides = [240 / np.median(np.abs(np.diff(row))) for row in drawn]
    assert 256 - 0.5 < min(sides) < 270
    assert 498 < max(sides) < 512 + 0.5


def test_cifarnet_shifts_by_four_and_mirrors() -> None:
    pixels = np.zeros((32, 32, 3), "uint8")
    pixels[12, 9] = 255
    cifarnet = preprocessing_named("cifarnet", 3)
    train = tf.function(lambda seed: cifarnet.train(tf.constant(pixels), (32, 32), 3, seed))  # type: ignore[misc]
    found = [train(tf.constant([0, seed])).numpy()[..., 0].argmax() for seed in range(120)]
    assert {int(place) // 32 for place in found} == set(range(8, 17))
    assert {int(place) % 32 for place in found} == {*range(5, 14), *range(31 - 13, 31 - 4)}


def test_inception_draws_brightness_and_saturation_as_far_as_tf_slim_does() -> None:
    # Brightness moves all channels; saturation then leaves the greatest, and moves the others away from it.
    colour = tf.constant(np.tile(np.array([200, 100, 100], np.uint8), (8, 8, 1)))
    inception = preprocessing_named("inception", 3)
    train = tf.function(lambda seed: inception.train(colour, (4, 4), 3, seed))  # type: ignore[misc]
    drawn = np.stack([train(tf.constant([0, seed])).numpy()[0, 0] for seed in range(120)]) / 2 + 0.5
    greatest, least = drawn[:, 0], drawn[:, 1]
    brightness = 255 * greatest - 200
    saturation = 255 * (greatest - least) / 100
    assert -32 - 0.1 < np.min(brightness) < -29
    assert 29 < np.max(brightness) < 32 + 0.1
    assert 0.5 - 0.01 < np.min(saturation) < 0.55
    assert 1.45 < np.max(saturation) < 1.5 + 0.01


def test_inception_decodes_only_the_window_and_gets_the_same() -> None:
    inception = preprocessing_named("inception", 3)
    assert inception.train is not None
    assert inception.train_encoded is not None
    pixels = tf.cast(tf.image.resize(numbers(4, 6, 6, 3), [70, 90]), tf.uint8)
    jpeg = tf.io.encode_jpeg(pixels, quality=95)
    for seed in range(6):
        part = inception.train_encoded(jpeg, (32, 32), 3, tf.constant([0, seed])).numpy()
        whole = inception.train(decode(jpeg, 3), (32, 32), 3, tf.constant([0, seed])).numpy()
        # Colours are stored at half the resolution, so that the pixels at the border may differ a little.
        assert np.abs(part - whole).mean() < 0.01
    png = tf.io.encode_png(pixels)
    part = inception.train_encoded(png, (32, 32), 3, tf.constant([0, 1])).numpy()
    assert np.array_equal(part, inception.train(pixels, (32, 32), 3, tf.constant([0, 1])).numpy())


def test_images_too_small_for_a_crop_are_enlarged() -> None:
    tiny = numbers(0, 5, 7, 3)
    for name, size in (("cifarnet", (32, 32)), ("vgg", (300, 300))):
        found = preprocessing_named(name, 3)
        assert found.train is not None
        assert found.train(tiny, size, 3, tf.constant([0, 0])).shape == (*size, 3)
        assert found.evaluate(tiny, size, 3).shape == (*size, 3)


def test_none_leaves_numbers_of_the_right_size_alone() -> None:
    image = tf.random.stateless_normal([8, 8, 3], [0, 1])
    assert np.array_equal(preprocessing_named("none", 3).evaluate(image, (8, 8), 3), image)
    grey = preprocessing_named("none", 3).evaluate(image[..., :1], (8, 8), 3)
    assert np.array_equal(grey[..., 2], image[..., 0])


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("lenet", "lenet"), ("cifarnet", "cifarnet"), ("inception_v3", "inception"), ("mobilenet_v1_025", "inception"),
        ("resnet_v1_50", "vgg"), ("vgg_a", "vgg"), ("pnasnet_large", "inception"), ("my_net", ""),
    ],
)  # fmt: skip
def test_networks_have_tf_slims(network: str, name: str) -> None:
    assert preprocessing_of_network(network) == name


def test_wrong_names_and_channels_are_refused() -> None:
    with pytest.raises(MissingDataError, match="there are `none`, `lenet`, `cifarnet`, `vgg`, `inception`"):
        preprocessing_named("vg", 3)
    with pytest.raises(DataError, match="takes 1"):
        preprocessing_named("vgg", 1)
