"""Running a network for inference, and what its outputs say: the likeliest classes, or a summary of each output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf

from slimdsl.ir.graph import Graph, Tensor
from slimdsl.runtime.data.errors import DataError
from slimdsl.runtime.errors import tensorflow_text
from slimdsl.runtime.examples import Array, Example, batch_size
from slimdsl.runtime.inference import InferenceNetwork
from slimdsl.types import SymbolicDim
from slimdsl.values import Value, field, value
from slimdsl.weights.source import WeightSource

BATCH = 16
"""How many examples are run at once, where the network leaves that open."""

_PREDICTIONS, _LOGITS = "predictions", "logits"
_TOLERANCE = 1e-3


@value
class Prediction(Value):
    """What came of one example.

    Attributes:
        name: what the example is called.
        outputs: name of each output -> its values; without the axis of the batch where the example was one of a batch.
        probabilities: of each class; None where the network is no classifier.
        problem: why there is nothing; "" where there is.
    """

    name: str
    outputs: Mapping[str, Array] = field(compare=False)
    probabilities: Array | None = field(default=None, compare=False)
    problem: str = field(default="")

    def top(self, count: int) -> list[tuple[int, float]]:
        """The likeliest classes with their probabilities, in that order; of equals the lower number first."""
        if self.probabilities is None:
            return []
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(number), float(self.probabilities[number])) for number in order]


class Predictor:
    """A network with its weights.

    Args:
        graph: the network for inference.
        weights: the values of its variables; read here, whole.

    Raises:
        WeightsError: the weights cannot be read.
    """

    def __init__(self, graph: Graph, weights: WeightSource) -> None:
        self.graph = graph
        self.batch = batch_size(graph)
        self._network = InferenceNetwork(graph)
        self._network.load(weights)
        self._scores = _class_outputs(graph)

    def predict(self, examples: Iterable[Example]) -> Iterator[Prediction]:
        """The predictions in the order of the examples; for those with a problem, the problem.

        Raises:
            DataError: TensorFlow cannot run the network on them.
        """
        waiting = iter(examples)
        while chunk := list(islice(waiting, self.batch or (BATCH if self.batch == 0 else 1))):
            usable = [example for example in chunk if not example.problem]
            found = iter(self._of_batch(usable) if usable else ())
            for example in chunk:
                if example.problem:
                    yield Prediction(name=example.name, outputs={}, problem=example.problem)
                else:
                    yield next(found)

    def _of_batch(self, examples: Sequence[Example]) -> Iterator[Prediction]:
        if self.batch is None:
            outputs = self._computed(examples[0].feeds)
            yield Prediction(name=examples[0].name, outputs=outputs)
            return
        # A network of a fixed batch gets the last example until it is full.
        padding = [examples[-1]] * (self.batch - len(examples))
        feeds = {
            name: np.stack([example.feeds[name] for example in (*examples, *padding)]) for name in self.graph.inputs
        }
        outputs = self._computed(feeds)
        split = [name for name in self.graph.outputs if self.has_batch(name)]
        for row, example in enumerate(examples):
            own = {name: array[row] if name in split else array for name, array in outputs.items()}
            probabilities = _probabilities(own, [name for name in self._scores if name in split])
            yield Prediction(name=example.name, outputs=own, probabilities=probabilities)

    def _computed(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        try:
            found = self._network.run({name: tf.constant(array) for name, array in feeds.items()})
            return {name: tensor.numpy() for name, tensor in found.items()}
        except (tf.errors.OpError, ValueError) as error:
            raise DataError(f"TensorFlow cannot run `{self.graph.name}` on this: {tensorflow_text(error)}") from None

    def has_batch(self, output: str) -> bool:
        """Whether the first axis of an output is that of the inputs' batch."""
        shape = self.graph.outputs[output].type.shape
        return self.batch is not None and shape[:1] == next(iter(self.graph.inputs.values())).type.shape[:1]


def _class_outputs(graph: Graph) -> tuple[str, ...]:
    """The outputs that may say which class an example has: `predictions` and `logits`, where they have classes."""
    return tuple(name for name in (_PREDICTIONS, _LOGITS) if name in graph.outputs and _of_classes(graph.outputs[name]))


def _of_classes(tensor: Tensor) -> bool:
    """True for [N, classes], with axes of size 1 between them, and at least two classes."""
    shape = tensor.type.shape
    if len(shape) < 2 or not tensor.type.dtype.floating or isinstance(shape[-1], SymbolicDim):
        return False
    return shape[-1] >= 2 and all(dim == 1 for dim in shape[1:-1])


def _probabilities(outputs: Mapping[str, Array], names: Sequence[str]) -> Array | None:
    """The probability of each class by the first output that has one; None where there is none."""
    for name in names:
        scores = outputs[name].reshape(-1).astype(np.float64)
        if not np.isfinite(scores).all():
            continue
        if name == _LOGITS:
            powers: Array = np.exp(scores - np.max(scores))
            shares: Array = powers / powers.sum()
            return shares
        # What is called so may be anything; probabilities are at least 0 and come to 1.
        if np.min(scores) >= 0 and abs(scores.sum() - 1) <= _TOLERANCE:
            return scores
    return None


def summary(array: Array) -> dict[str, Any]:
    """What an output is like: type, shape, and of its finite numbers the least, the largest and the mean."""
    facts: dict[str, Any] = {"dtype": array.dtype.name, "shape": list(array.shape)}
    if array.dtype.kind in "OSU" or not array.size:
        return facts
    numbers = array.astype(np.float64).reshape(-1)
    finite = numbers[np.isfinite(numbers)]
    if finite.size:
        facts |= {"min": float(np.min(finite)), "max": float(np.max(finite)), "mean": float(finite.mean())}
    if finite.size < numbers.size:
        facts["not_finite"] = int(numbers.size - finite.size)
    return facts


def joined(predictions: Sequence[Prediction], predictor: Predictor) -> dict[str, Array]:
    """All outputs of several predictions, one behind the other; what belongs to no example as it is.

    Raises:
        DataError: their shapes do not go together.
    """
    if not predictions:
        return {}
    if predictor.batch is None and len(predictions) > 1:
        raise DataError(
            "the outputs of several archives cannot be joined where the network has no batch: save one each"
        )
    arrays: dict[str, Array] = {}
    for name in predictor.graph.outputs:
        parts = [prediction.outputs[name] for prediction in predictions]
        if predictor.batch is None or not predictor.has_batch(name):
            arrays[name] = parts[0]
        elif len({part.shape for part in parts}) > 1:
            shapes = " and ".join(str(list(shape)) for shape in sorted({part.shape for part in parts})[:2])
            raise DataError(f"the output `{name}` has examples of different shapes, {shapes}: save them one by one")
        else:
            arrays[name] = np.stack(parts)
    return arrays
