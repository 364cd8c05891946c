"""The seam of a step to `tf.distribute`: how many copies of it run, and what they tell each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from slimdsl.runtime.errors import EngineError


class Replicas:
    """The copies under the strategy in whose scope it is made; one without any."""

    def __init__(self) -> None:
        self.strategy = tf.distribute.get_strategy()
        self.count = self.strategy.num_replicas_in_sync

    def index(self) -> tf.Tensor:
        """The number of this replica, int64."""
        if self.count == 1:
            return tf.constant(0, tf.int64)
        return tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)

    def total(self, tensors: Sequence[tf.Tensor], how: str = "SUM") -> list[tf.Tensor]:
        """The sum or ("MEAN") mean of tensors over all replicas."""
        if self.count == 1 or not tensors:
            return list(tensors)
        return list(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp[how], list(tensors)))

    def total_of(self, nested: Any) -> Any:
        """The sums over all replicas of the tensors in dicts and tuples, in the same ones."""
        return tf.nest.pack_sequence_as(nested, self.total(tf.nest.flatten(nested)))

    def share_out(self, batch: dict[str, Any]) -> dict[str, Any]:
        """This process' part of a batch, cut into equal shares of its replicas; as it is where it is cut already."""
        if self.count == 1 or not all(tf.is_tensor(tensor) for tensor in batch.values()):
            return batch
        local = len(self.strategy.extended.worker_devices)
        uneven = next(
            (name for name, tensor in batch.items() if not tensor.shape.rank or tensor.shape[0] % local), None
        )
        if uneven:
            raise EngineError(
                f"`{uneven}` has the shape {list(batch[uneven].shape)}, which {local} replicas cannot share"
            )

        def share(name: str, number: int) -> tf.Tensor:
            size = batch[name].shape[0] // local
            return batch[name][number * size : (number + 1) * size]

        def of(context: Any) -> dict[str, tf.Tensor]:
            return {name: share(name, context.replica_id_in_sync_group % local) for name in batch}

        shares: dict[str, Any] = self.strategy.experimental_distribute_values_from_function(of)
        return shares

    def run(self, step: Any, batch: Any) -> dict[str, tf.Tensor]:
        """Run the step on every replica; what it returns is the same on all."""
        if self.count == 1:
            result: dict[str, tf.Tensor] = step(batch)
            return result
        found = self.strategy.run(step, args=(batch,))
        return {name: self.strategy.experimental_local_results(each)[0] for name, each in found.items()}
