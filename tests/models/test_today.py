"""Today's networks: parameters as published, and the values of Keras where Keras has the network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl
from slimdsl.backends.graphdef.emitter import emit
from slimdsl.backends.graphdef.stream import graph_bytes
from tests.conformance.recipe import RecipeWeights, input_values, variable_values
from tests.harness import Array, tensorflow

MODELS = Path(__file__).parent.parent.parent / "models"

PUBLISHED = {
    "convnext_tiny": (28_589_128, 28_589_128),
    "efficientnet_b0": (5_330_564, 5_288_548),
    "gpt": (124_439_808, 124_439_808),
    "lstm_classifier": (2_757_761, 2_757_761),
    "unet": (31_030_658, 31_030_658),
    "vit_s16": (22_050_664, 22_050_664),
}
"""All parameters and those that are trained."""


def load(network: str, *, training: bool = False, **parameters: int) -> slimdsl.Model:
    return slimdsl.load(MODELS / f"{network}.slim", network, training=training, **parameters)


def run(model: slimdsl.Model, feeds: dict[str, Array], output: str = "logits") -> Array:
    """An output of the model with the weights of the recipe."""
    tf = tensorflow()
    with tf.Graph().as_default() as graph:
        definition = tf.compat.v1.GraphDef.FromString(
            graph_bytes(emit(model.graph, form="frozen", seed=0), RecipeWeights())
        )
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            fed = {model.inputs[name].tensor: array for name, array in feeds.items()}
            return np.asarray(session.run(model.outputs[output].tensor, fed))


def weights(model: slimdsl.Model) -> dict[str, Array]:
    """The weights of the recipe, by their names below the net's."""
    return {v.name.partition("/")[2]: variable_values(v.name, v.shape) for v in model.variables}


def distance(found: Array, expected: Array) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("network", sorted(PUBLISHED))
def test_the_parameters_are_those_that_were_published(network: str) -> None:
    model = load(network)
    assert model.diagnostics == ()
    count = model.graph.parameter_count
    assert (count(), count(trainable_only=True)) == PUBLISHED[network]


def transfer(keras_model: Any, ours: dict[str, Array], name_of: Any) -> None:
    """Set the weights of a Keras model, each from the variable that `name_of` gives for its path."""
    left = set(ours)
    for weight in keras_model.weights:
        name = name_of(weight.path)
        if name is None:
            continue
        left.remove(name)
        array = ours[name]
        # Keras has the kernel of a grouped convolution as [h, w, 1, C].
        swapped = array.ndim == 4 and array.shape != tuple(weight.shape)
        weight.assign(array.swapaxes(2, 3) if swapped else array)
    assert left == set()


LEAVES = {"kernel": "weights", "bias": "biases", "variable": "gamma"}


def efficientnet_name(path: str) -> str | None:
    layer, leaf = path.split("/")
    if layer == "normalization":
        return None
    inner = re.fullmatch(r"block(\d)(\w)_(?:(\w+?)_)?(conv|dwconv|bn|reduce|expand)", layer)
    if inner is None:
        scope, kind = layer.split("_") if "_" in layer else ("logits", "fc")
    else:
        stage, unit, part, kind = inner.groups()
        part = f"se/{kind}" if part == "se" else part or "depthwise"
        scope = f"block{stage}/unit_{ord(unit) - ord('a') + 1}/{part}"
    if kind == "bn":
        return f"{scope}/BatchNorm/{leaf}"
    return f"{scope}/{'depthwise_' if kind == 'dwconv' else ''}{LEAVES[leaf]}"


def convnext_name(path: str) -> str:
    layer, leaf = path.removeprefix("convnext_tiny_").split("/")[-2:]
    layer = layer.removeprefix("convnext_tiny_")
    leaf = LEAVES.get(leaf.partition("_")[0], leaf)
    unit = re.fullmatch(r"stage_(\d)_block_(\d)_(\w+)", layer)
    if unit is not None:
        parts = {
            "depthwise_conv": "depthwise",
            "layernorm": "norm",
            "pointwise_conv_1": "expand",
            "pointwise_conv_2": "project",
        }
        part = parts.get(unit[3], "scale")
        leaf = f"depthwise_{leaf}" if (part, leaf) == ("depthwise", "weights") else leaf
        return f"stage{int(unit[1]) + 1}/unit_{int(unit[2]) + 1}/{part}/{leaf}"
    head = {"stem_conv": "stem/conv", "stem_layernorm": "stem/norm", "head_layernorm": "norm", "head_dense": "logits"}
    if layer in head:
        return f"{head[layer]}/{leaf}"
    part, number = layer.removeprefix("downsampling_").split("_")
    return f"downsample{int(number) + 1}/{'norm' if part == 'layernorm' else 'conv'}/{leaf}"


def test_efficientnet_b0_is_that_of_keras() -> None:
    keras = tensorflow().keras
    model = load("efficientnet_b0")
    theirs = keras.applications.EfficientNetB0(weights=None, classifier_activation=None)
    transfer(theirs, weights(model), efficientnet_name)
    # Ours begins behind the layers that prepare the images.
    behind = keras.Model(theirs.get_layer("stem_conv_pad").input, theirs.output)
    x = input_values([2, 224, 224, 3])
    assert distance(run(model, {"images": x}), behind(x).numpy()) <= 1e-5


def test_convnext_tiny_is_that_of_keras() -> None:
    keras = tensorflow().keras
    model = load("convnext_tiny")
    theirs = keras.applications.ConvNeXtTiny(weights=None, include_preprocessing=False, classifier_activation=None)
    transfer(theirs, weights(model), convnext_name)
    x = input_values([2, 224, 224, 3])
    assert distance(run(model, {"images": x}), theirs(x).numpy()) <= 1e-5


def test_lstm_classifier_is_that_of_keras() -> None:
    keras = tensorflow().keras
    model = load("lstm_classifier", vocabulary=50, length=12)
    layers = keras.layers
    theirs = keras.Sequential([
        layers.Embedding(50, 128),
        layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
        layers.Bidirectional(layers.LSTM(64)),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    words = np.random.RandomState(1).randint(50, size=(3, 12)).astype(np.int32)
    theirs(words)
    values = list(weights(model).values())
    for biases in values:
        if biases.shape == (256,):
            biases[64:128] += 1.0  # What our step adds to the forget gate, Keras has in its biases.
    theirs.set_weights(values)
    found = run(model, {"words": words}, "probabilities")
    np.testing.assert_allclose(found, np.asarray(theirs(words)), rtol=1e-4)


def test_gpt_does_not_look_ahead() -> None:
    model = load("gpt", layers=2, width=32, heads=4, vocabulary=50, context=16)
    words = np.random.RandomState(1).randint(50, size=(2, 9)).astype(np.int32)
    logits = run(model, {"words": words})
    assert logits.shape == (2, 9, 50)
    words[:, 6:] += 1
    words %= 50
    others = run(model, {"words": words})
    np.testing.assert_allclose(others[:, :6], logits[:, :6], rtol=1e-4, atol=1e-4)
    assert (np.abs(others[:, 6:] - logits[:, 6:]).max(axis=-1) > 1e-3).all()
    np.testing.assert_allclose(run(model, {"words": words[:, :4]}), others[:, :4], rtol=1e-4, atol=1e-4)


def test_vit_does_not_mix_examples() -> None:
    model = load("vit_s16", layers=2, width=24, heads=3, size=64, classes=7)
    x = input_values([3, 64, 64, 3])
    logits = run(model, {"images": x})
    assert logits.shape == (3, 7)
    np.testing.assert_allclose(run(model, {"images": x[1:2]}), logits[1:2], rtol=1e-4, atol=1e-4)


def test_unet_gives_a_map_that_is_smaller_than_the_image() -> None:
    assert str(load("unet").graph.outputs["logits"].type) == "float32[N, 388, 388, 2]"
    model = load("unet", width=2, size=188)
    assert run(model, {"images": input_values([1, 188, 188, 1])}).shape == (1, 4, 4, 2)


@pytest.mark.parametrize("network", sorted(PUBLISHED))
def test_the_training_graph_compiles(network: str) -> None:
    model = load(network, training=True)
    assert model.diagnostics == ()
    emit(model.graph, form="graphdef", seed=0)
