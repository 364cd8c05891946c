"""Schedules are those of `tf.compat.v1.train`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tensorflow as tf

from slimdsl.recipe.schedules import SCHEDULES, Cosine, Exponential, Fixed, Piecewise, Polynomial, Rate, WarmUp
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.schedules import Length, learning_rate

v1 = tf.compat.v1.train
LENGTH = Length(steps_per_epoch=7, steps=40)
STEPS = (0, 1, 3, 6, 7, 13, 14, 15, 20, 29, 30, 39, 40, 41, 100)

CASES: tuple[tuple[Rate, Callable[[int], object]], ...] = (
    (0.3, lambda step: 0.3),
    (Fixed(rate=0.2), lambda step: 0.2),
    (Exponential(rate=0.1), lambda step: v1.exponential_decay(0.1, step, 14, 0.94, staircase=True)()),
    (
        Exponential(rate=0.1, decay=0.5, steps=10, staircase=False),
        lambda step: v1.exponential_decay(0.1, step, 10, 0.5)(),
    ),
    (Polynomial(rate=0.1, epochs=4.0), lambda step: v1.polynomial_decay(0.1, step, 28)()),
    (
        Polynomial(rate=0.1, end=0.01, steps=14, power=2.0, cycle=True),
        lambda step: v1.polynomial_decay(0.1, step, 14, 0.01, power=2.0, cycle=True)(),
    ),
    (
        Piecewise(boundaries=(6, 20.5, 40), rates=(0.4, 0.3, 0.2, 0.1)),
        lambda step: v1.piecewise_constant(tf.constant(step), [6, 20, 40], [0.4, 0.3, 0.2, 0.1])(),
    ),
    (Cosine(rate=0.1), lambda step: v1.cosine_decay(0.1, step, 40)()),
    (Cosine(rate=0.1, steps=30, alpha=0.1), lambda step: v1.cosine_decay(0.1, step, 30, 0.1)()),
    (WarmUp(schedule=0.2, steps=10), lambda step: 0.2 * min(step / 10, 1)),
    (
        WarmUp(schedule=Fixed(rate=0.2), steps=10, start=0.1),
        lambda step: 0.1 + 0.1 * min(step / 10, 1),
    ),
)


@pytest.mark.parametrize(("rate", "reference"), CASES, ids=[str(rate) for rate, _ in CASES])
def test_rates(rate: Rate, reference: Callable[[int], float]) -> None:
    compute = tf.function(lambda step: learning_rate(rate, step, LENGTH), autograph=False)
    for step in STEPS:
        found = compute(tf.constant(step, tf.int64))
        assert found.dtype == tf.float32
        assert float(found) == pytest.approx(float(reference(step)), rel=1e-6, abs=1e-9), step


def test_a_schedule_behind_a_warm_up_counts_from_the_first_step() -> None:
    after = Exponential(rate=0.1, decay=0.5, steps=4)
    rate = WarmUp(schedule=after, steps=6)
    found = [float(learning_rate(rate, tf.constant(step, tf.int64), LENGTH)) for step in (3, 5, 6, 8)]
    assert found == pytest.approx([0.05, 0.1 * 5 / 6, 0.05, 0.025])


@pytest.mark.parametrize("samples", [1_438, 3_320, 50_000, 1_281_167])
@pytest.mark.parametrize("batch", [7, 32, 96, 256])
@pytest.mark.parametrize("epochs", [0.3, 2.0, 2.4, 30.0])
def test_epochs_are_counted_as_by_tf_slims_script(samples: int, batch: int, epochs: float) -> None:
    """Its `_configure_learning_rate`: no batch is left out at the end of an epoch."""
    decay_steps = int(samples / batch * epochs)
    length = Length(steps_per_epoch=samples / batch, steps=None)
    assert length.of_epochs("exponential", epochs) == decay_steps
    rate = Exponential(rate=0.01, epochs=epochs)
    steps = (decay_steps - 1, decay_steps, 2 * decay_steps)
    found = [float(learning_rate(rate, tf.constant(step, tf.int64), length)) for step in steps]
    expected = [float(v1.exponential_decay(0.01, step, decay_steps, 0.94, staircase=True)()) for step in steps]
    assert found == pytest.approx(expected, rel=1e-6)


def test_every_schedule_is_compared_here() -> None:
    assert set(SCHEDULES) <= {type(rate) for rate, _ in CASES}


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (Exponential(rate=0.1), "`exponential` counts 2 epochs, and how many steps an epoch has is not known"),
        (Cosine(rate=0.1), "`cosine` ends with the training"),
        (Piecewise(boundaries=(1.0,), rates=(0.1,)), "1 boundaries and 1 rates"),
        (Piecewise(boundaries=(5.0, 1.0), rates=(0.1, 0.2, 0.3)), "not in ascending order"),
    ],
)
def test_what_cannot_be_computed_is_said(rate: Rate, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        learning_rate(rate, tf.constant(0, tf.int64), Length(steps_per_epoch=None, steps=None))
