"""Which examples are kept for evaluation, where the data do not say it: a share of every class, always the same.

The choice is by a hash of an example's name, so that it depends on neither the order of a listing nor a random state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from slimdsl.runtime.data.errors import MissingDataError
from slimdsl.runtime.data.source import DataSource, Indices, Labels

SPLITS = ("train", "validation", "all")
DEFAULT_SHARE = 0.1

_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def require_split(split: str, share: float | None) -> None:
    """Refuse a part that there is not.

    Raises:
        MissingDataError: it is none of `SPLITS`, or the share is no share.
    """
    if split not in SPLITS:
        raise MissingDataError(f"there is no part `{split}` of data: it is {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")
    if share is not None and not 0 <= share < 1:
        raise MissingDataError(f"the share that is held out is at least 0 and below 1, not {share:g}")


def hashes_of_names(names: Sequence[str]) -> npt.NDArray[np.uint64]:
    """A number for each name, evenly spread."""
    digests = b"".join(
        hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest() for name in names
    )
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def hashes_of_numbers(count: int) -> npt.NDArray[np.uint64]:
    """A number for each of 0, 1, …, evenly spread: the finaliser of SplitMix64."""
    mixed = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(multiplier)
    result: npt.NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return result


def chosen(hashes: npt.NDArray[np.uint64], labels: Labels | None, share: float, split: str) -> Indices:
    """The numbers of the examples of a part, in ascending order.

    Args:
        hashes: a number for each example.
        labels: classes, of each of which the share is held out; None for a share of all.
        share: what part is held out; 0 for nothing, and then both parts are all.
        split: which part is wanted.
    """
    if split == "all" or not share:
        return np.arange(len(hashes), dtype=np.int64)
    held = np.zeros(len(hashes), bool)
    groups = np.zeros(len(hashes), np.int64) if labels is None or labels.ndim != 1 else labels
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        # A class of one example stays with the training; of all others at least one is held out.
        number = min(max(1, round(share * len(members))), len(members) - 1)
        held[members[np.argsort(hashes[members], kind="stable")[:number]]] = True
    return np.flatnonzero(held if split == "validation" else ~held).astype(np.int64)


def set_part(part: DataSource, split: str, total: int, share: float, by: str, groups: str = "each class") -> None:
    """Say of data which part they are, and how it was chosen.

    Args:
        part: what was chosen.
        split: which part it is.
        total: how many examples both parts have together.
        share: what part was to be held out.
        by: what decided.
        groups: of what the share was held out, each for itself.
    """
    held = {"train": total - part.count, "validation": part.count}.get(split)
    part.split, part.split_note = split, f"{share:.0%} of {groups} held out, by {by}"
    if not share:
        part.split_note = "nothing is held out: both parts are all examples"
    elif held == 0:
        part.split_note = "nothing could be held out: single examples stay for training"
