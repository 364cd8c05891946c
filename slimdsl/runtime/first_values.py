"""The values of a file that a training begins with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from slimdsl.runtime.checkpoints import first_not_finite
from slimdsl.runtime.engine import Engine
from slimdsl.runtime.newest import newest, pointing_to_whole
from slimdsl.runtime.training_order import Order
from slimdsl.weights.comparison import Comparison, compare
from slimdsl.weights.findings import first_findings
from slimdsl.weights.loading import FileWeights
from slimdsl.weights.opening import open_weights
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile, unreadable


def compare_initial(order: Order) -> Comparison:
    """The network beside the file that its training begins with.

    Raises:
        WeightsError: they do not fit.
        OSError: the file cannot be opened.
    """
    variables = list({v.name: v for graph in (order.train_graph, order.eval_graph) for v in graph.variables}.values())
    with _opened(order.initial) as file:
        comparison = compare(variables, file, order.selection)
    found = first_findings(comparison)
    if found:
        raise WeightsError(found)
    return comparison


def load_initial(engine: Engine, path: str, comparison: Comparison) -> None:
    """Give the variables the values that `compare_initial` has found for them.

    Raises:
        WeightsError: some of them cannot be read, or are not finite.
        OSError: the file cannot be opened.
    """
    names = {pair.variable.name: pair.stored.name for pair in comparison.matching}
    with _opened(path) as file:
        engine.assign(FileWeights(file, names, None), [pair.variable for pair in comparison.matching])
    bad = first_not_finite({name: np.asarray(engine.variables[name].numpy()) for name in names})
    if bad:
        reason = f"its {file.entry} `{names[bad]}` has NaN or infinite values, which nothing can be trained from"
        help = f"--except {bad.rpartition('/')[0] or bad} leaves first values in its place"
        raise WeightsError((unreadable(path, reason, help),))


@contextmanager
def _opened(path: str) -> Iterator[WeightsFile]:
    """The file, or a run's newest checkpoint; where that cannot be read, the error names the newest whole one.

    Raises:
        WeightsError, OSError: it cannot be opened, or what is read within.
    """
    try:
        with open_weights(newest(path)) as file:
            yield file
    except WeightsError as error:
        raise pointing_to_whole(error, path) from error
