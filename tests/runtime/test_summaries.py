"""What TensorBoard is shown of a step: activations computed anew by hand, or by the step itself, and images."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import slimdsl
from slimdsl.ir.graph import Graph
from slimdsl.recipe.losses import MeanSquaredError
from slimdsl.recipe.optimizers import Sgd
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.distribution import Distribution
from slimdsl.runtime.engine import Engine
from slimdsl.runtime.summaries import Summaries, image_values
from slimdsl.types import DType, SymbolicDim, TensorType
from tests.work import PATIENCE

DENSE = """slim 1
net dense as Dense {
  input numbers: float32[N, 6]
  fc(16) as hidden
  fc(3, activation=none) as out
  output out
}
"""

DROPPED = """slim 1
net dropped as Dropped {
  input numbers: float32[N, 40]
  fc(40, activation=none, weights_init=ones) as mixed
  dropout(0.5) as drop
  output drop
}
"""

NORMED = """slim 1
net normed as Normed {
  input images: float32[N, 8, 8, 3]
  conv(4, 3x3, norm=batch_norm) as conv1
  flatten
  fc(2, activation=none) as out
  output out
}
"""


def recipe(output: str, width: int, **settings: Any) -> Recipe:
    """The mean square of an output, where the labels are zeros."""
    inputs = {"wanted": TensorType(dtype=DType.FLOAT32, shape=(SymbolicDim.named("N"), width))}
    term = LossTerm(name="square", loss=MeanSquaredError(), operands=(output, "wanted"))
    return Recipe(inputs=inputs, losses=(term,), optimizer=Sgd(learning_rate=0.001), **settings)


def engine_of(text: str, given: Recipe, **options: Any) -> tuple[Engine, Graph]:
    graph = slimdsl.loads(text, training=True).graph
    return Engine(graph, slimdsl.loads(text).graph, given, sizes={}, seed=7, **options), graph


def summaries_of(engine: Engine, graph: Graph, **options: Any) -> Summaries:
    given = {"seed": 7, "distribution": Distribution(), **options}
    return Summaries(graph, engine.recipe, engine.variables, **given)


def batch(step: int, size: int = 8, width: int = 40, labels: int = 40) -> dict[str, tf.Tensor]:
    drawn = np.random.RandomState(step).standard_normal([size, width])
    return {"numbers": tf.constant(drawn, tf.float32), "wanted": tf.zeros([size, labels])}


def by_tag(values: list[Any]) -> dict[str, Any]:
    return {value.tag: value for value in values}


def mean_square(found: dict[str, Any], end_point: str) -> float:
    histogram = found[f"activations/{end_point}"].histo
    return float(histogram.sum_squares / histogram.num)


def test_activations_are_those_that_numpy_finds() -> None:
    engine, graph = engine_of(DENSE, recipe("out", 3))
    given = batch(0, 8, 6, 3)
    found = by_tag(summaries_of(engine, graph).of(given, 0))
    weights = {name: variable.numpy().astype(np.float64) for name, variable in engine.variables.items()}
    hidden = given["numbers"].numpy() @ weights["Dense/hidden/weights"] + weights["Dense/hidden/biases"]
    hidden = np.maximum(hidden, 0)
    out = hidden @ weights["Dense/out/weights"] + weights["Dense/out/biases"]
    assert 0.2 < (hidden == 0).mean() < 0.8
    for name, expected in (("Dense/hidden", hidden), ("Dense/out", out)):
        histogram = found[f"activations/{name}"].histo
        assert histogram.num == sum(histogram.bucket) == expected.size
        assert [histogram.min, histogram.max] == pytest.approx([expected.min(), expected.max()], rel=1e-5)
        assert [histogram.sum, histogram.sum_squares] == pytest.approx(
            [expected.sum(), np.square(expected).sum()], rel=1e-5
        )
        assert found[f"sparsity/{name}"].simple_value == pytest.approx((expected == 0).mean(), rel=1e-6)
    assert {tag.partition("/")[2] for tag in found} == set(graph.end_points)


@pytest.mark.parametrize("parts", [1, 4])
def test_they_are_those_of_the_step_that_is_taken_next(parts: int) -> None:
    """The loss is the mean square of what dropout leaves, so it tells which numbers the step has drawn."""
    engine, graph = engine_of(DROPPED, recipe("drop", 40, accumulate=parts))
    summaries = summaries_of(engine, graph)
    shares = []
    for step in range(3):
        found = by_tag(summaries.of(batch(step), step))
        loss = float(engine.train(batch(step))["total_loss"])
        assert mean_square(found, "Dropped/drop") == pytest.approx(loss, rel=1e-5)
        assert mean_square(found, "Dropped/mixed") != pytest.approx(loss, rel=1e-2)
        shares.append(found["sparsity/Dropped/drop"].simple_value)
    assert all(0.3 < share < 0.7 for share in shares)
    assert len(set(shares)) == 3


def test_a_burn_in_is_as_far_as_in_the_step() -> None:
    text = DROPPED.replace("dropout(0.5)", "drop_path(0.5, burn_in=4)")
    engine, graph = engine_of(text, recipe("drop", 40))
    summaries = summaries_of(engine, graph)
    for step in range(6):
        found = by_tag(summaries.of(batch(step, 32), step))
        loss = float(engine.train(batch(step, 32))["total_loss"])
        assert mean_square(found, "Dropped/drop") == pytest.approx(loss, rel=1e-5)
        assert (found["sparsity/Dropped/drop"].simple_value == 0) == (step == 0)


def test_replicas_draw_each_for_itself() -> None:
    """Two logical devices under a strategy, which this process cannot have any more."""
    command = [sys.executable, "-m", "tests.runtime.summaries_worker"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert finished.returncode == 0, finished.stderr
    said = json.loads(finished.stdout.splitlines()[-1])
    assert len(said["losses"]) == 3
    assert said["squares"] == pytest.approx(said["losses"], rel=1e-5)


def test_half_precision_is_what_is_seen() -> None:
    engine, graph = engine_of(DENSE, recipe("out", 3), precision="bfloat16")
    given = batch(1, 8, 6, 3)
    full = by_tag(summaries_of(engine, graph).of(given, 0))
    half = by_tag(summaries_of(engine, graph, precision="bfloat16").of(given, 0))
    for name in ("Dense/hidden", "Dense/out"):
        assert mean_square(half, name) == pytest.approx(mean_square(full, name), rel=0.02)
    top = half["activations/Dense/hidden"].histo.max
    assert top == float(tf.cast(tf.constant(top), tf.bfloat16))
    assert top != full["activations/Dense/hidden"].histo.max


def test_nothing_is_changed_and_the_batch_is_normalised_by_itself() -> None:
    engine, graph = engine_of(NORMED, recipe("out", 2))
    images = 5 + 3 * np.random.RandomState(0).standard_normal([16, 8, 8, 3])
    given = {"images": tf.constant(images, tf.float32), "wanted": tf.zeros([16, 2])}
    before = {name: variable.numpy() for name, variable in engine.variables.items()}
    found = by_tag(summaries_of(engine, graph).of(given, 0))
    for name, value in before.items():
        np.testing.assert_array_equal(engine.variables[name].numpy(), value, err_msg=name)
    # Of normalised numbers a ReLU leaves half the squares; the moving averages would have normalised nothing.
    assert mean_square(found, "Normed/conv1") == pytest.approx(0.5, abs=0.1)


def test_numbers_that_are_not_finite_are_passed_over() -> None:
    engine, graph = engine_of(DROPPED, recipe("drop", 40))
    summaries = summaries_of(engine, graph)
    numbers = batch(0)["numbers"].numpy()
    numbers[0], numbers[1, 3], numbers[2, 3] = np.nan, np.inf, -np.inf
    found = by_tag(summaries.of({**batch(0), "numbers": tf.constant(numbers)}, 0))
    rest = by_tag(summaries.of({**batch(0), "numbers": tf.constant(numbers[3:])}, 0))
    one, other = (each["activations/Dropped/mixed"].histo for each in (rest, found))
    assert other.num == 200
    assert (list(other.bucket_limit), list(other.bucket)) == (list(one.bucket_limit), list(one.bucket))
    numbers[:] = np.nan
    found = by_tag(summaries.of({**batch(0), "numbers": tf.constant(numbers)}, 0))
    assert "activations/Dropped/mixed" not in found
    assert found["sparsity/Dropped/mixed"].simple_value == 0


def test_the_network_is_built_when_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, graph = engine_of(DENSE, recipe("out", 3))

    def built(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("slimdsl.runtime.summaries.ImportedNetwork", built)
    summaries = summaries_of(engine, graph)
    with pytest.raises(AssertionError):
        summaries.of(batch(0, 8, 6, 3), 0)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_go_from_their_darkest_to_their_brightest(channels: int) -> None:
    drawn = np.random.RandomState(channels).uniform(-7, 30, [5, 6, 9, channels]).astype(np.float32)
    values = image_values({"photo": tf.constant(drawn), "label": tf.zeros([5]), "masks": tf.zeros([5, 6, 9, 2])})
    assert [value.tag for value in values] == ["images/photo/0", "images/photo/1", "images/photo/2"]
    for value, pixels in zip(values, drawn, strict=False):
        image = value.image
        assert (image.height, image.width, image.colorspace) == (6, 9, channels)
        assert image.encoded_image_string.startswith(b"\x89PNG")
        shown = tf.io.decode_png(image.encoded_image_string).numpy().astype(float)
        wanted = (pixels - pixels.min()) / (pixels.max() - pixels.min()) * 255
        np.testing.assert_allclose(shown, wanted, atol=0.51)
        assert (shown.min(), shown.max()) == (0, 255)


def test_images_of_one_number_or_none() -> None:
    odd = np.zeros([3, 2, 2, 1], np.float32)
    odd[0], odd[1] = 5.0, np.nan
    odd[2, :, :, 0] = np.array([[np.inf, 1], [2, 3]])
    shown = [
        tf.io.decode_png(value.image.encoded_image_string).numpy().reshape(-1).tolist()
        for value in image_values({"x": tf.constant(odd)})
    ]
    assert shown == [[0] * 4, [0] * 4, [0, 0, 128, 255]]
    assert image_values({"x": tf.zeros([3, 0, 2, 1])}) == []
    assert len(image_values({"x": tf.zeros([2, 4, 4, 3], tf.uint8)})) == 2


def test_tensorboard_reads_them(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from slimdsl.runtime.logs import EventLog

    engine, graph = engine_of(NORMED, recipe("out", 2))
    given = {"images": tf.random.normal([4, 8, 8, 3]), "wanted": tf.zeros([4, 2])}
    log = EventLog(str(tmp_path), 0)
    log.summary(5, summaries_of(engine, graph).of(given, 4))
    log.close()
    found = accumulator.EventAccumulator(str(tmp_path))
    found.Reload()
    assert found.Tags()["images"] == ["images/images/0", "images/images/1", "images/images/2"]
    assert {f"activations/{name}" for name in graph.end_points} == set(found.Tags()["histograms"])
    assert {f"sparsity/{name}" for name in graph.end_points} == set(found.Tags()["scalars"])
    (event,) = found.Histograms("activations/Normed/conv1")
    assert (event.step, event.histogram_value.num) == (5, 4 * 8 * 8 * 4)
