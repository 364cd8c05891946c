"""Where a NaN was born: forwards, in a loss, or in the gradient of one operation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import slimdsl
from slimdsl.recipe.base import Optimizer
from slimdsl.recipe.losses import SoftmaxCrossEntropy
from slimdsl.recipe.optimizers import Ftrl, Sgd
from slimdsl.recipe.recipe import LossTerm, Recipe
from slimdsl.runtime.engine import Engine
from slimdsl.runtime.nan_hunt import NanHunt
from slimdsl.types import DType, SymbolicDim, TensorType

NET = """slim 1
net sq {
  input images: float32[N, 6]
  fc(5) as fc1
  OP
  fc(3, activation=none) as logits
  output logits
}
"""


def hunted(
    operation: str,
    *,
    precision: str = "float32",
    images: float = 1.0,
    optimizer: Optimizer = Sgd(),  # noqa: B008
    **assigned: float,
) -> str:
    text = NET.replace("OP", operation)
    training, inference = slimdsl.loads(text, training=True).graph, slimdsl.loads(text).graph
    labels = TensorType(dtype=DType.INT32, shape=(SymbolicDim.named("N"),))
    term = LossTerm(name="xent", loss=SoftmaxCrossEntropy(), operands=("logits", "labels"))
    recipe = Recipe(inputs={"labels": labels}, losses=(term,), optimizer=optimizer)
    engine = Engine(training, inference, recipe, sizes={}, precision=precision)
    for name, number in assigned.items():
        variable = engine.variables[name.replace("__", "/")]
        variable.assign(tf.fill(variable.shape, tf.cast(number, variable.dtype)))
    batch: dict[str, Any] = {"images": tf.fill([4, 6], images), "labels": tf.constant([0, 1, 2, 0])}
    return NanHunt(training, recipe, precision=precision, seed=0).find(batch, engine.variables, 0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gradient_that_is_not_finite_has_its_layer_and_its_line(precision: str) -> None:
    """Of the square root at 0, which is infinite, while all tensors are finite."""
    found = hunted("sqrt", precision=precision, sq__fc1__weights=0.0)
    assert found.startswith("the first of it is in the gradient of the layer `sq/Sqrt` (sqrt), <text>:5:3, for `sq/fc1")
    assert found.endswith("its tensors and the losses are finite")


def test_of_several_operations_the_one_that_made_it_is_told() -> None:
    """The sum takes the tensor too, and stands behind the square root."""
    found = hunted("residual { sqrt }", sq__fc1__weights=0.0)
    assert found.startswith(
        "the first of it is in the gradient of the layer `sq/Sqrt` (sqrt), <text>:5:14, for `sq/fc1"
    )


def test_tensors_come_before_gradients() -> None:
    found = hunted("log", sq__fc1__weights=0.0)
    assert found.startswith("the first of it is in the layer `sq/Log` (log), <text>:5:3, in its tensor `sq/Log`")


def test_data_and_variables_come_first() -> None:
    assert hunted("relu", images=np.nan) == "the first of it is in the data: the batch's `images`"
    expected = "the first of it is in the variable `sq/fc1/biases`, from before that step"
    assert hunted("relu", sq__fc1__biases=np.inf) == expected


def test_a_step_that_makes_none_is_too_large() -> None:
    assert hunted("relu").startswith("all tensors and gradients of that step are finite: it is too large a step")


def test_ftrl_divides_by_the_rate() -> None:
    """TensorFlow's kernel gives NaN for a rate of 0, which a schedule may reach."""
    expected = "all tensors and gradients of that step are finite: ftrl divides by the learning rate, which must not be"
    assert hunted("relu", optimizer=Ftrl()).startswith(expected)
