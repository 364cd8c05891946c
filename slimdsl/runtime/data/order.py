"""The order of the examples: a permutation for each pass over the data, computed from the seed and the pass alone.

So the examples of step k are known without those before it, whoever asks and on however many workers. The permutation
is the order of hashes, which is the same on every machine and in every version of numpy.
"""

from __future__ import annotations

import threading

import numpy as np

from slimdsl.runtime.data.holdout import hashes_of_numbers
from slimdsl.runtime.data.source import Indices

_KEPT = 2
"""Permutations in memory: a batch may lie in two passes."""


class Order:
    """Positions in an endless stream of passes over the examples -> numbers of examples.

    Args:
        count: how many examples there are; at least one.
        seed: of the permutations.
        shuffle: False for the examples in their own order, in each pass.
    """

    def __init__(self, count: int, seed: int, *, shuffle: bool) -> None:
        self.count = count
        self._seed = seed
        self._shuffle = shuffle
        self._permutations: dict[int, Indices] = {}
        # The input pipeline asks from several threads.
        self._lock = threading.Lock()

    def at(self, positions: Indices) -> Indices:
        """The numbers of the examples at some positions."""
        epochs, places = np.divmod(np.asarray(positions, np.int64), self.count)
        if not self._shuffle:
            return places
        indices = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            indices[here] = self.permutation(int(epoch))[places[here]]
        return indices

    def permutation(self, epoch: int) -> Indices:
        """The order of one pass."""
        with self._lock:
            if epoch not in self._permutations:
                while len(self._permutations) >= _KEPT:
                    del self._permutations[next(iter(self._permutations))]
                self._permutations[epoch] = _permutation(self.count, self._seed, epoch)
            return self._permutations[epoch]


def _permutation(count: int, seed: int, epoch: int) -> Indices:
    state = np.random.SeedSequence([seed % 2**63, epoch]).generate_state(1, np.uint64)
    keys = hashes_of_numbers(count) ^ state[0]
    keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    keys = (keys ^ (keys >> np.uint64(29))) * np.uint64(0xC4CEB9FE1A85EC53)
    return np.argsort(keys ^ (keys >> np.uint64(32)), kind="stable").astype(np.int64)
