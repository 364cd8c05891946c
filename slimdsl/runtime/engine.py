"""The training step of a network and a recipe as one function of TensorFlow, and the network's evaluation.

A step takes a whole batch: gradients of the total loss, TF-Slim's treatment of them, the optimizer, the updates of
batch normalisation, the moving averages, the step counter. All shapes are static and each function is traced once for
each shape of a batch. The random numbers of a step depend on the seed and the number of the step alone, so a training
that goes on from a checkpoint draws what it would have drawn.

Under a `tf.distribute` strategy (the engine is made inside its scope) each replica computes with its share of the
batch and with its loss divided by the number of replicas; gradients and what is reported are summed, moving averages of
batch normalisation averaged, and every replica applies the same step to its own copy of the variables. `Replicas` is
all that knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from slimdsl.ir.graph import Graph, Variable
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.averages import MovingAverages
from slimdsl.runtime.batch_computation import BatchComputation
from slimdsl.runtime.batches import chosen, element_type, fitting
from slimdsl.runtime.eager_network import EagerNetwork
from slimdsl.runtime.epochs import steps_of_epochs
from slimdsl.runtime.errors import EngineError
from slimdsl.runtime.gradients import processed, trained_variables
from slimdsl.runtime.metrics import metric_value
from slimdsl.runtime.network import ImportedNetwork
from slimdsl.runtime.optimizers import AppliedOptimizer, assign, read
from slimdsl.runtime.precision import mixed
from slimdsl.runtime.replicas import Replicas
from slimdsl.runtime.rows import Rows
from slimdsl.runtime.scaling import LOSS_SCALE, SKIPPED, LossScale
from slimdsl.runtime.schedules import Length, learning_rate
from slimdsl.types import DTYPES
from slimdsl.weights.source import WeightSource

PRECISIONS = ("float32", "bfloat16", "float16")


class Engine:
    """A network in training.

    Args:
        train_graph: the training graph.
        eval_graph: the graph for inference of the same network.
        recipe: what the training is. `train` is given the whole batch of a step; `accumulate` cuts it into that many
            parts whose gradients are averaged.
        sizes: named size (``H``) -> number, for inputs whose sizes are not known.
        steps_per_epoch: for schedules that count in epochs; None where it is not known.
        precision: ``float32``, ``bfloat16`` or ``float16`` of the training step; see `precision`. With float16 the loss
            is scaled, see `scaling`. The evaluation is in float32.
        xla: True to compile the step.
        eager: True to run the operations of the step one by one, without a function: slow, for looking into a step.
            There can be one replica then, and nothing to compile.
        seed: of first values and of dropout.

    Attributes:
        variables: all that a checkpoint holds, by its name there.
        trained: names of the variables that are trained.
        traces: how often the step has been traced, which is once for each shape of a batch.

    Raises:
        EngineError: recipe and network do not go together.
    """

    def __init__(
        self,
        train_graph: Graph,
        eval_graph: Graph,
        recipe: Recipe,
        *,
        sizes: Mapping[str, int],
        steps_per_epoch: float | None = None,
        precision: str = "float32",
        xla: bool = False,
        eager: bool = False,
        seed: int = 0,
    ) -> None:
        if precision not in PRECISIONS:
            raise EngineError(f"there is no precision `{precision}`, only {', '.join(PRECISIONS)}")
        self.recipe = recipe
        self._sizes = dict(sizes)
        self.traces = 0
        self._seed = seed - (seed >> 63 << 64)
        self._replicas = Replicas()
        self._length = Length(steps_per_epoch=steps_per_epoch, steps=_total_steps(recipe, steps_per_epoch))
        cast = mixed(train_graph, DTYPES[precision])
        self._train_net = EagerNetwork(cast, seed, layers=train_graph) if eager else ImportedNetwork(cast, seed)
        self._eval_net = ImportedNetwork(eval_graph, seed)
        self.trained = tuple(variable.name for variable in trained_variables(train_graph.variables, recipe))
        self._model = self._first_variables()
        self._step_count = tf.Variable(tf.constant(0, tf.int64), trainable=False, name="global_step")
        alone = self._replicas.count == 1
        trained = {name: self._model[name] for name in self.trained}
        self._optimizer = AppliedOptimizer(recipe.optimizer, trained, compiled=xla and alone)
        self._averages = None if recipe.averages is None else MovingAverages(self._model, recipe.averages)
        self._scale = LossScale() if precision == "float16" else None
        self.variables: dict[str, tf.Variable] = {
            **self._model,
            **self._optimizer.state,
            **(self._averages.shadows if self._averages else {}),
            **(self._scale.state if self._scale else {}),
            "global_step": self._step_count,
        }
        # A rate that cannot be computed is found before the first step.
        learning_rate(recipe.optimizer.learning_rate, tf.constant(0, tf.int64), self._length)  # type: ignore[attr-defined]
        compute = BatchComputation(self._train_net, recipe, self._model, self.trained, self._replicas.count, self._seed)
        # What replicas tell each other cannot be compiled: then it is all of the step but that and the update.
        self._computed = compute if alone or not xla else tf.function(compute, jit_compile=True, autograph=False)
        jit = (xla and alone) or None
        self._one = self._step if eager else tf.function(self._step, jit_compile=jit, autograph=False)
        self._single = self._one
        if not alone:
            self._single = tf.function(lambda batch: self._replicas.run(self._one, batch), autograph=False)
        self._many = self._loop if eager else tf.function(self._loop, autograph=False)
        self._evaluate = tf.function(self._outputs, autograph=False)

    def assign(self, source: WeightSource, variables: Sequence[Variable]) -> None:
        """Give variables of the network their values; moving averages of them begin anew.

        Raises:
            WeightsError: the values cannot be read.
        """
        for variable in variables:
            content = bytearray()
            source.write(variable, content.extend)
            target = self._model[variable.name]
            target.assign(np.frombuffer(content, target.dtype.as_numpy_dtype).reshape(variable.shape))
        if self._averages:
            self._averages.restart()

    def check(self, batch: Mapping[str, tf.Tensor]) -> None:
        """See whether a step can be taken with a batch, and take none.

        Raises:
            EngineError: the batch does not fit.
        """
        wanted = self._replicas.share_out(self._wanted(batch))
        if all(tf.is_tensor(tensor) for tensor in wanted.values()):
            self._fit(wanted)

    def train(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Take one step.

        Args:
            batch: name of each input of the network and of the recipe -> tensor; more is passed over. Of several
                processes, each gives its part of the whole batch.

        Returns:
            ``total_loss``, ``regularization_loss``, ``learning_rate``, ``losses/<name>``, ``metrics/<name>``: float32
            scalars, of the batch before the step. With float16 ``loss_scale`` and ``skipped_steps`` besides.

        Raises:
            EngineError: the batch does not fit.
        """
        found: dict[str, tf.Tensor] = self._single(self._replicas.share_out(self._wanted(batch)))
        return found

    def train_many(self, batches: Sequence[Mapping[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
        """Take a step with each of some batches of one size, in one call; as `train`, with the steps as first axis.

        It is traced anew for another number of batches. Several replicas take a call for each step.

        Raises:
            EngineError: a batch does not fit.
        """
        if self._replicas.count > 1:
            rows = [self.train(batch) for batch in batches]
            return {name: tf.stack([row[name] for row in rows]) for name in self._reported}
        found: dict[str, tf.Tensor] = self._many([self._wanted(batch) for batch in batches])
        return found

    def evaluate(self, batch: Mapping[str, tf.Tensor], averages: bool = False) -> dict[str, tf.Tensor]:
        """The outputs of the network for inference.

        Args:
            batch: name of each input -> tensor; more is passed over.
            averages: True to compute with the moving averages, where the recipe keeps any.

        Raises:
            EngineError: an input is missing.
        """
        inputs = chosen(self._eval_net.inputs, batch)
        found: dict[str, tf.Tensor] = self._evaluate(inputs, averages and self._averages is not None)
        return found

    def _first_variables(self) -> dict[str, tf.Variable]:
        """The variables of both graphs, with their first values."""
        made: dict[str, tf.Variable] = {}
        for network in (self._train_net, self._eval_net):
            if any(variable.name not in made for variable in network.graph.variables):
                first = network.first_values()
                for variable in network.graph.variables:
                    if variable.name not in made:
                        made[variable.name] = tf.Variable(
                            first.pop(variable.name), trainable=variable.trainable, name=variable.name
                        )
        return made

    def _wanted(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return chosen((*self._train_net.inputs, *self.recipe.inputs), batch)

    def _fit(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        types = {name: tensor.type for name, tensor in self._train_net.graph.inputs.items()}
        return fitting(batch, {**self.recipe.inputs, **types}, self._sizes, parts=self.recipe.accumulate, cast=types)

    def _loop(self, batches: list[dict[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
        names, count = self._reported, len(batches)
        # A loop, and not one step behind the other: TensorFlow would optimize each of them for itself.
        stacked = {name: tf.stack([batch[name] for batch in batches]) for name in batches[0]}
        rows = tf.TensorArray(tf.float32, size=count, element_shape=[len(names)])

        def body(index: tf.Tensor, rows: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            found = self._one({name: tensor[index] for name, tensor in stacked.items()})
            return index + 1, rows.write(index, tf.stack([found[name] for name in names]))

        _, rows = tf.while_loop(lambda index, _: index < count, body, (tf.constant(0), rows), parallel_iterations=1)
        return dict(zip(names, tf.unstack(rows.stack(), num=len(names), axis=1), strict=True))

    @property
    def _reported(self) -> list[str]:
        losses = (f"losses/{term.name}" for term in self.recipe.losses)
        metrics = (f"metrics/{term.name}" for term in self.recipe.metrics)
        scaled = (LOSS_SCALE, SKIPPED) if self._scale else ()
        return ["total_loss", "regularization_loss", "learning_rate", *losses, *metrics, *scaled]

    def _step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of this replica."""
        self.traces += 1
        batch = self._fit(batch)
        step = read(self._step_count)
        rate = learning_rate(self.recipe.optimizer.learning_rate, step, self._length)  # type: ignore[attr-defined]
        scale = self._scale.value() if self._scale else None
        first_draw = (step * self._replicas.count + self._replicas.index()) * self.recipe.accumulate
        sums = self._computed(batch, step, first_draw, scale)
        gradients, rows = self._replicas.total_of((sums.pop("gradients"), sums.pop("rows")))
        self._share_updates()
        scaled: list[tf.Tensor] = []
        if self._scale:
            skipped = self._scale.apply(gradients, rows, lambda whole, rows: self._apply(whole, rows, rate))
            scaled = [scale, tf.cast(skipped, tf.float32)]
        else:
            self._apply(gradients, rows, rate)
        if self._averages:
            self._averages.update(step + 1)
        assign(self._step_count, step + 1)
        scalars, metrics = sums["scalars"], sums["metrics"]
        shared = self._replicas.total([*scalars, *metrics])
        values = [
            metric_value(term, each) for term, each in zip(self.recipe.metrics, shared[len(scalars) :], strict=True)
        ]
        found = [*shared[:2], rate, *shared[2 : len(scalars)], *values, *scaled]
        return dict(zip(self._reported, found, strict=True))

    def _apply(self, gradients: Mapping[str, tf.Tensor], rows: Mapping[str, Rows], rate: tf.Tensor) -> None:
        self._optimizer.apply(processed(gradients, rows, self.recipe), rows, rate)

    def _share_updates(self) -> None:
        """Let what batch normalisation keeps be the mean over all replicas."""
        if self._replicas.count > 1 and not self.recipe.freeze_batch_norm:
            kept = [self._model[name] for name in self._train_net.updates]
            for variable, value in zip(kept, self._replicas.total([read(v) for v in kept], "MEAN"), strict=True):
                assign(variable, value)

    def _outputs(self, inputs: dict[str, tf.Tensor], averages: bool) -> dict[str, tf.Tensor]:
        net = self._eval_net
        values = {variable.name: self._model[variable.name].read_value() for variable in net.graph.variables}
        if averages and self._averages:
            values.update(self._averages.values())
        given = {name: tf.cast(tensor, element_type(net.graph.inputs[name].type)) for name, tensor in inputs.items()}
        return dict(zip(net.outputs, net.call(list(net.outputs.values()), given, values), strict=True))


def _total_steps(recipe: Recipe, steps_per_epoch: float | None) -> int | None:
    if recipe.steps is not None or recipe.epochs is None or steps_per_epoch is None:
        return recipe.steps
    return steps_of_epochs(steps_per_epoch, recipe.epochs)


__all__ = ["PRECISIONS", "Engine"]
