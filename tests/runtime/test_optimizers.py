"""The optimizers are TensorFlow 1's, over several steps with a drop of the learning rate; the others follow papers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from slimdsl.recipe.base import Optimizer
from slimdsl.recipe.optimizers import (
    OPTIMIZERS,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Momentum,
    RmsProp,
    Sgd,
)
from slimdsl.runtime.optimizers import AppliedOptimizer

v1 = tf.compat.v1.train
FIRST = np.random.RandomState(3).standard_normal([3, 4]).astype(np.float32)
GRADIENTS = np.random.RandomState(4).standard_normal([6, 3, 4]).astype(np.float32)
RATES = np.array([0.1, 0.1, 0.1, 0.01, 0.01, 0.01], np.float32)

REFERENCES: tuple[tuple[Optimizer, Any], ...] = (
    (Sgd(), v1.GradientDescentOptimizer),
    (Momentum(momentum=0.8), lambda rate: v1.MomentumOptimizer(rate, 0.8)),
    (Momentum(nesterov=True), lambda rate: v1.MomentumOptimizer(rate, 0.9, use_nesterov=True)),
    (Adadelta(), lambda rate: v1.AdadeltaOptimizer(rate, 0.95, 1.0)),
    (Adagrad(initial_accumulator=0.2), lambda rate: v1.AdagradOptimizer(rate, 0.2)),
    (Adam(), v1.AdamOptimizer),
    (Adam(epsilon=1.0, beta1=0.8), lambda rate: v1.AdamOptimizer(rate, 0.8, epsilon=1.0)),
    (Ftrl(), v1.FtrlOptimizer),
    (
        Ftrl(l1=0.1, l2=0.2, learning_rate_power=-0.4, initial_accumulator=0.3),
        lambda rate: v1.FtrlOptimizer(
            rate,
            -0.4,
            initial_accumulator_value=0.3,
            l1_regularization_strength=0.1,
            l2_regularization_strength=0.2,
        ),
    ),
    (RmsProp(), lambda rate: v1.RMSPropOptimizer(rate, 0.9, 0.9, 1.0)),
    (RmsProp(epsilon=1e-3, momentum=0.0), lambda rate: v1.RMSPropOptimizer(rate, 0.9, 0.0, 1e-3)),
)


def of_tensorflow(make: Any) -> dict[str, np.ndarray]:
    """All variables after six steps in TensorFlow 1's own way, by their names."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        weights = tf.compat.v1.get_variable("net/weights", initializer=FIRST, use_resource=True)
        rate = tf.compat.v1.placeholder(tf.float32, [])
        gradient = tf.compat.v1.placeholder(tf.float32, [3, 4])
        step = make(rate).apply_gradients([(gradient, weights)])
        session.run(tf.compat.v1.global_variables_initializer())
        for given, now in zip(GRADIENTS, RATES, strict=True):
            session.run(step, {gradient: given, rate: now})
        variables = tf.compat.v1.global_variables()
        return dict(zip([v.op.name for v in variables], session.run(variables), strict=True))


def ours(rule: Optimizer) -> dict[str, np.ndarray]:
    weights = tf.Variable(FIRST)
    applied = AppliedOptimizer(rule, {"net/weights": weights})
    step = tf.function(lambda gradient, rate: applied.apply({"net/weights": gradient}, {}, rate), autograph=False)
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        step(tf.constant(gradient), tf.constant(rate))
    return {"net/weights": weights.numpy(), **{name: state.numpy() for name, state in applied.state.items()}}


@pytest.mark.parametrize(("rule", "make"), REFERENCES, ids=lambda given: getattr(given, "name", ""))
def test_optimizers_of_tensorflow(rule: Optimizer, make: Any) -> None:
    expected, found = of_tensorflow(make), ours(rule)
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-7, err_msg=name)


def adam_by_hand(rule: Any, *, layer_rate: bool) -> np.ndarray:
    weight, mean, square = FIRST.astype(np.float64), np.zeros([3, 4]), np.zeros([3, 4])
    for number, (gradient, rate) in enumerate(zip(GRADIENTS, RATES, strict=True), start=1):
        mean = rule.beta1 * mean + (1 - rule.beta1) * gradient
        square = rule.beta2 * square + (1 - rule.beta2) * gradient.astype(np.float64) ** 2
        whole = mean / (1 - rule.beta1**number)
        root = np.sqrt(square / (1 - rule.beta2**number))
        step = whole / (root + rule.epsilon) + rule.weight_decay * weight
        ratio = np.linalg.norm(weight) / np.linalg.norm(step) if layer_rate else 1.0
        weight = weight - rate * ratio * step
    return weight


def test_adamw_and_lamb_follow_their_formulas() -> None:
    adamw, lamb = AdamW(weight_decay=0.1), Lamb(weight_decay=0.1)
    np.testing.assert_allclose(ours(adamw)["net/weights"], adam_by_hand(adamw, layer_rate=False), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours(lamb)["net/weights"], adam_by_hand(lamb, layer_rate=True), rtol=1e-4, atol=1e-5)


def test_lion_follows_its_formula() -> None:
    rule = Lion(weight_decay=0.1)
    weight, average = FIRST.astype(np.float64), np.zeros([3, 4])
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        step = np.sign(rule.beta1 * average + (1 - rule.beta1) * gradient)
        weight = weight - rate * (step + rule.weight_decay * weight)
        average = rule.beta2 * average + (1 - rule.beta2) * gradient
    found = ours(rule)
    np.testing.assert_allclose(found["net/weights"], weight, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["net/weights/Lion"], average, rtol=1e-4, atol=1e-5)


def test_every_optimizer_is_compared_here() -> None:
    assert {AdamW, Lamb, Lion, *(type(rule) for rule, _ in REFERENCES)} == set(OPTIMIZERS)
    for kind in OPTIMIZERS:
        names = set(ours(kind()))
        assert {f"net/weights/{slot}" for slot in kind.slots} <= names
