"""Checkpoints that a run cannot go on from, because their files were cut off or changed: found, and put aside."""

from __future__ import annotations

import os
from collections.abc import Iterable

from slimdsl.files import explained
from slimdsl.runtime.checkpoints import checkpoint_path, checkpoint_steps, write_state
from slimdsl.values import Value, positional
from slimdsl.weights.bundle_writer import DATA_SUFFIX, INDEX_SUFFIX
from slimdsl.weights.opening import open_weights
from slimdsl.weights.source import WeightsError

ASIDE = "damaged-"
"""What the names of files that were put aside begin with; their own follow."""


@positional
class Damaged(Value):
    """A checkpoint that cannot be read: its step, and what is wrong with it, in words."""

    step: int
    reason: str


def newest_whole(folder: str, steps: Iterable[int]) -> tuple[int | None, tuple[Damaged, ...]]:
    """The last checkpoint all of whose bytes have the checksums that were written with them, and those after it.

    Args:
        folder: the run's folder.
        steps: of its checkpoints.

    Returns:
        The step; None where no checkpoint is whole. And the damaged ones, the last first.

    Raises:
        OSError: a file may not be read, which says nothing about what is in it.
    """
    damaged: list[Damaged] = []
    for step in sorted(steps, reverse=True):
        reason = _damage(checkpoint_path(folder, step))
        if not reason:
            return step, tuple(damaged)
        damaged.append(Damaged(step, reason))
    return None, tuple(damaged)


def put_aside(folder: str, steps: Iterable[int]) -> None:
    """Give the files of checkpoints other names, so that nothing takes them for checkpoints.

    Raises:
        FileWriteError: they cannot be renamed.
    """
    moved = False
    for step in steps:
        for suffix in (INDEX_SUFFIX, DATA_SUFFIX):
            path = checkpoint_path(folder, step) + suffix
            try:
                os.replace(path, os.path.join(folder, ASIDE + os.path.basename(path)))
            except OSError as error:
                raise explained(path, error) from error
        moved = True
    left = checkpoint_steps(folder)
    if moved and left:
        write_state(folder, left)


def _damage(prefix: str) -> str:
    """What is wrong with a checkpoint; "" for nothing."""
    try:
        with open_weights(prefix) as file:
            for name in file.tensors:
                # Checksums are compared on the way.
                file.write(name, lambda piece: None)
    except WeightsError as error:
        return error.diagnostics[0].message
    return ""
