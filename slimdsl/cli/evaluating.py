"""One set of weights after another on the way to its metrics, for `slimdsl evaluate`."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from slimdsl.cli.network_weights import opened_job
from slimdsl.cli.progress import INTERVAL
from slimdsl.cli.report import plural
from slimdsl.cli.selection import opened_weights
from slimdsl.cli.streams import say
from slimdsl.diagnostics.display import visible
from slimdsl.ir.graph import Graph
from slimdsl.recipe.recipe import Recipe
from slimdsl.values import Record, value
from slimdsl.weights.comparison import Comparison
from slimdsl.weights.stored import WeightsFile
from slimdsl.weights.training_state import SHADOW

if TYPE_CHECKING:
    from slimdsl.runtime.evaluation import EvaluationData, Evaluator


@value
class Evaluated(Record):
    """What one set of weights came to: the metrics, and the step of the training, where the file says it."""

    numbers: Mapping[str, float]
    step: int | None


@value
class Evaluation(Record):
    """All that stays the same from one checkpoint to the next.

    Attributes:
        evaluator: computes the metrics.
        graph: the network for inference.
        recipe: names the metrics.
        data: what is evaluated on.
        averages: whether the training keeps moving averages.
        taken: what of the record of a run is used, in words.
        arguments: of the command; `weights` names what is evaluated next.
    """

    evaluator: Evaluator
    graph: Graph
    recipe: Recipe
    data: EvaluationData
    averages: bool
    taken: str
    arguments: Namespace

    def evaluated(self, *, first: bool) -> Evaluated:
        """Evaluate what `arguments.weights` names; say what is evaluated, the first time.

        Raises:
            WeightsError, DataError, EngineError: it cannot be.
        """
        arguments = self.arguments
        with opened_weights(arguments.weights) as file:
            note = _choose_averages(arguments, file, kept=self.averages)
            step = _step(file)
        with opened_job(self.graph, arguments) as (weights, comparison):
            if first:
                for line in self._opening_lines(comparison, note):
                    say(visible(line))
            meter = _Meter(self.data.source.count)
            return Evaluated(numbers=self.evaluator.evaluate(weights, meter.advance), step=step)

    def _opening_lines(self, comparison: Comparison, note: str) -> Iterator[str]:
        source = self.data.source
        yield f"evaluating {self.graph.name} with {comparison.file.path} ({comparison.file.kind}){note}{self.taken}"
        yield (
            f"  {plural(source.count, 'example')} of {source.kind}, {source.split_note or source.split}; "
            f"preprocessing {self.data.preprocessing}"
        )


def _choose_averages(arguments: Namespace, file: WeightsFile, *, kept: bool) -> str:
    """Decide whether moving averages are taken, and say it in words."""
    there = sum(name.endswith(SHADOW) for name in file.tensors)
    if not arguments.no_ema and not arguments.ema and kept:
        if not there:
            return ", without moving averages: the recipe keeps them, and the file has none"
        arguments.ema = True
    if arguments.ema:
        return f", {plural(there, 'moving average')} (--no-ema takes the values themselves)"
    return ", without its moving averages (--ema takes them)" if there else ""


def _step(file: WeightsFile) -> int | None:
    """The step of the training that a file was saved at; None where it does not say it."""
    stored = file.tensors.get("global_step")
    if stored is None or stored.shape != () or stored.dtype is None or stored.dtype.floating or stored.dtype.size < 4:
        return None
    content = bytearray()
    file.write(stored.name, content.extend)
    return int.from_bytes(content, "little", signed=True)


class _Meter:
    """Says now and then how many examples were evaluated."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._next = time.monotonic() + 2 * INTERVAL

    def advance(self, number: int) -> None:
        """Note that so many more are done."""
        self._done += number
        if time.monotonic() >= self._next:
            say(f"evaluating: {100 * self._done // max(self._total, 1)}% of {plural(self._total, 'example')}")
            self._next = time.monotonic() + INTERVAL
