"""How many copies of the step run, and where: in one process on its devices, or in several that know of each other.

Processes know each other by ``TF_CONFIG``, as Kubeflow and Vertex AI set it. Every one of them reads its share of each
batch; the first, the chief, writes. What they have to decide alike (where to begin, when to stop) is put to the vote.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import tensorflow as tf

from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.errors import tensorflow_text
from slimdsl.runtime.meeting import MeetingError, meet
from slimdsl.runtime.waiting import ended_by_signals
from slimdsl.values import Value, field, value

STRATEGIES = ("none", "mirrored", "multiworker")

CONFIG = "TF_CONFIG"
LOGICAL_CPUS = "SLIMDSL_LOGICAL_CPUS"
"""How many devices the CPU counts for, so that replicas can be tried where there is no GPU."""

_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
_GONE = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)
"""What a collective operation fails with where a process that it waits for has gone."""

_ROLES = ("chief", "worker")


class DistributionError(Exception):
    """The step cannot be distributed as it is wanted; the message says why."""


class LostWorkersError(Exception):
    """Another process of the training has gone."""


@value
class Distribution(Value):
    """Where the copies of the step run.

    Attributes:
        name: one of `STRATEGIES`.
        strategy: TensorFlow's; None for one copy in this process.
        replicas: copies of the step in all processes.
        worker: the number of this process; 0 is the chief.
        workers: how many processes there are.
        others: the addresses of the other ones.
        add_up: a tensor of this process -> its sum over all replicas; None for one process.
    """

    name: str = field(default="none")
    strategy: Any = field(default=None)
    replicas: int = field(default=1)
    worker: int = field(default=0)
    workers: int = field(default=1)
    others: tuple[str, ...] = field(default=())
    add_up: Any = field(default=None, repr=False)

    @property
    def writes(self) -> bool:
        """Whether this process writes."""
        return self.worker == 0

    @property
    def text(self) -> str:
        """In words, for a line after the device; "" for one copy."""
        if self.strategy is None:
            return ""
        copies = f"{self.replicas} {'replica' if self.replicas == 1 else 'replicas'}"
        return f"worker {self.worker} of {self.workers}, {copies}" if self.workers > 1 else copies

    def scope(self) -> AbstractContextManager[Any]:
        """In which the engine is made."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    def check(self, recipe: Recipe) -> None:
        """See that the batch can be shared out.

        Raises:
            DistributionError: it cannot.
        """
        parts = self.replicas * recipe.accumulate
        if self.replicas > 1 and recipe.batch % parts:
            wanted = -(-recipe.batch // parts) * parts
            pieces = f"{self.replicas} replicas"
            if recipe.accumulate > 1:
                pieces += f" of {recipe.accumulate} parts each"
            raise DistributionError(
                f"train.batch is {recipe.batch}, the batch of all replicas together, and cannot be shared out equally "
                f"among {pieces}: set it to a multiple of {parts}, such as {wanted}"
            )

    def agreed(self, number: int) -> tuple[int, bool]:
        """Tell all processes a number of this one, which each of them has to do.

        Returns:
            The sum of the numbers of all, and whether all are the same.
        """
        if self.workers == 1:
            return number, True

        total, squares = (int(each) for each in self.add_up(tf.constant([number, number * number], tf.int64)).numpy())
        # Each replica tells the number of its process.
        each = self.replicas // self.workers
        return total // each, self.replicas * squares == total * total

    @contextmanager
    def together(self, *, begun: bool = True) -> Iterator[None]:
        """Say what it means that TensorFlow fails where there are other processes.

        Args:
            begun: whether there is a checkpoint to go on from.

        Raises:
            LostWorkersError: TensorFlow has failed.
        """
        try:
            yield
        except _GONE as error:
            if self.workers == 1:
                raise
            raise LostWorkersError(self._lost(error, begun=begun)) from error

    def _lost(self, error: tf.errors.OpError, *, begun: bool) -> str:
        cause = tensorflow_text(error).rstrip(":")[:200]
        if begun:
            return (
                f"worker {self.worker} of {self.workers} has lost the others: {cause}; the same commands go on from "
                "the last checkpoint"
            )
        return (
            f"worker {self.worker} of {self.workers} has lost the others before the first step: {cause}; the output of "
            "the other workers says why"
        )


def distribute(name: str) -> Distribution:
    """Make the strategy, before TensorFlow has run anything.

    Args:
        name: one of `STRATEGIES`.

    Raises:
        DistributionError: `TF_CONFIG` is missing or wrong, or there is no such strategy.
    """
    if name == "none":
        return Distribution()
    if name not in STRATEGIES:
        raise DistributionError(f"there is no strategy `{name}`, only {', '.join(STRATEGIES)}")
    cluster = task_of(os.environ.get(CONFIG)) if name == "multiworker" else (0, 1)
    _split_cpu(os.environ.get(LOGICAL_CPUS, ""))
    own, others = _addresses(os.environ[CONFIG], cluster[0]) if name == "multiworker" else ("", ())
    try:
        with ended_by_signals():
            if others:
                meet(own, others)
            strategy = tf.distribute.MultiWorkerMirroredStrategy() if name == "multiworker" else _mirrored()
    except MeetingError as error:
        raise DistributionError(f"--strategy {name}: {error}") from error
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        first = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise DistributionError(f"--strategy {name}: TensorFlow cannot make it: {first}") from error
    return Distribution(
        name=name,
        strategy=strategy,
        replicas=strategy.num_replicas_in_sync,
        worker=cluster[0],
        workers=cluster[1],
        others=others,
        add_up=_adding(strategy) if cluster[1] > 1 else None,
    )


def task_of(text: str | None) -> tuple[int, int]:
    """The number of this process, and how many there are.

    Args:
        text: what `TF_CONFIG` says; None where it is not set.

    Raises:
        DistributionError: it is missing or wrong.
    """
    if not text:
        raise DistributionError(f"--strategy multiworker goes by {CONFIG}, which is not set, such as {_EXAMPLE}")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DistributionError(f"{CONFIG} is no JSON: {error}; it looks like {_EXAMPLE}") from error
    cluster, task = (config.get(name) for name in ("cluster", "task")) if isinstance(config, dict) else (None, None)
    if not isinstance(cluster, Mapping) or not isinstance(task, Mapping):
        raise DistributionError(f"{CONFIG} has no `cluster` or no `task`; it looks like {_EXAMPLE}")
    others = [role for role in cluster if role not in _ROLES]
    if others or task.get("type") not in _ROLES:
        wrong = others[0] if others else task.get("type")
        raise DistributionError(f"{CONFIG} speaks of a `{wrong}`: there are `chief` and `worker` alone")
    hosts = {role: cluster.get(role, []) for role in _ROLES}
    for role, listed in hosts.items():
        if not isinstance(listed, list) or not all(isinstance(host, str) and ":" in host for host in listed):
            raise DistributionError(f"{CONFIG}: cluster.{role} is no list of `host:port`")
    if len(hosts["chief"]) > 1:
        raise DistributionError(f"{CONFIG} has {len(hosts['chief'])} chiefs: there is one at most")
    index = task.get("index", 0)
    among = hosts[task["type"]]
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(among):
        raise DistributionError(
            f"{CONFIG}: task.index is {json.dumps(index)}, and cluster.{task['type']} has {len(among)} entries, "
            "which count from 0"
        )
    before = len(hosts["chief"]) if task["type"] == "worker" else 0
    return before + index, len(hosts["chief"]) + len(hosts["worker"])


def _addresses(text: str, worker: int) -> tuple[str, tuple[str, ...]]:
    """Those of a process and of all others, as `TF_CONFIG` has them, which `task_of` has looked at."""
    hosts = json.loads(text)["cluster"]
    listed = [host for role in _ROLES for host in hosts.get(role, [])]
    return listed[worker], (*listed[:worker], *listed[worker + 1 :])


def _adding(strategy: Any) -> Any:
    def of_replica(mine: tf.Tensor) -> tf.Tensor:
        # The identity is on this replica's device; what comes from outside of it is on none.
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(mine))

    def of_process(mine: tf.Tensor) -> tf.Tensor:
        return strategy.experimental_local_results(strategy.run(of_replica, args=(mine,)))[0]

    # Traced once, whatever the numbers are.
    return tf.function(of_process, autograph=False, input_signature=[tf.TensorSpec([2], tf.int64)])


def _mirrored() -> Any:
    """Over all GPUs, else over what the CPU counts for."""
    gpus = tf.config.list_logical_devices("GPU")
    return tf.distribute.MirroredStrategy([each.name for each in gpus or tf.config.list_logical_devices("CPU")])


def _split_cpu(count: str) -> None:
    if count.isdecimal() and int(count) > 1 and not tf.config.get_visible_devices("GPU"):
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * int(count)
        tf.config.set_logical_device_configuration(cpu, parts)
