"""What a training is asked to be, and what is known of it before its first step."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.ir.graph import Graph
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.data.source import DataSource
from slimdsl.runtime.distribution import Distribution
from slimdsl.runtime.feeding import Feed
from slimdsl.runtime.run_folder import Found
from slimdsl.values import Record, Value, field, value
from slimdsl.weights.comparison import Comparison
from slimdsl.weights.selection import EVERYTHING, Selection


@value
class Order(Value):
    """What is wanted.

    Attributes:
        train_graph: the training graph.
        eval_graph: the graph for inference.
        recipe: the recipe.
        data: what `--data` names; "" for the digits.
        labels_offset: what is taken off every label.
        holdout: the share that is held out for evaluation; None for the usual one.
        logdir: the run's folder.
        parameters: what the net was given: name -> text of an expression.
        initial: the file of weights that training begins with; "" for first values.
        selection: what of it is taken.
        preprocessing: its name; "" for the one that suits network and data.
        precision: of the step.
        xla: whether the step is compiled.
        eager: whether its operations are run one by one.
        shuffle: False for the data in their own order.
        fresh: whether the run in the folder may be given up.
        device: what it runs on, in words.
        distribution: how many copies of the step there are, and where.
    """

    train_graph: Graph
    eval_graph: Graph
    recipe: Recipe
    data: str = field(default="")
    labels_offset: int = field(default=0)
    holdout: float | None = field(default=None)
    logdir: str
    parameters: Mapping[str, str] = field(default={})
    initial: str = field(default="")
    selection: Selection = field(default=EVERYTHING)
    preprocessing: str = field(default="")
    precision: str = field(default="float32")
    xla: bool = field(default=False)
    eager: bool = field(default=False)
    shuffle: bool = field(default=True)
    fresh: bool = field(default=False)
    device: str = field(default="")
    distribution: Distribution = field(default=Distribution())


@value
class Prepared(Record):
    """A training before its first step, with nothing written yet.

    Attributes:
        order: what was wanted.
        source: the data.
        feed: what they are for.
        preprocessing: what images go through.
        steps: how many there will be.
        steps_per_epoch: of a pass over the data.
        found: what is in the run's folder.
        document: the record of the run.
        initial: the network beside the file that it begins with; None for first values, and where it goes on.
        trial: whether one step is tried and nothing written.
    """

    order: Order
    source: DataSource
    feed: Feed
    preprocessing: str
    steps: int
    steps_per_epoch: float
    found: Found
    document: dict[str, object]
    initial: Comparison | None = field(default=None)
    trial: bool = field(default=False)

    @property
    def start(self) -> int | None:
        """The step of the checkpoint that it goes on from; None to begin."""
        return self.found.start
