"""What a checkpoint holds besides the variables of a network: the state of its training.

By TensorFlow 1's names, which TF-Slim's checkpoints have. Such tensors are not missed and not complained about where a
network is loaded; everything else that a network does not have is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable

SHADOW = "/ExponentialMovingAverage"
"""How the name of a variable's moving average ends."""

_PLURALS = {
    "step counter": "step counters",
    "state of the optimizer": "states of the optimizer",
    "moving average": "moving averages",
    "optimizer slot": "optimizer slots",
}
_COUNTERS = ("global_step", "save_counter")
_POWERS = re.compile(r"beta[12]_power(_\d+)?\Z")
_MEAN_IMAGE = "mean_rgb"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def training_state(name: str, names: Container[str]) -> str:
    """What a tensor of a checkpoint is for, in words; "" where it is no state of training.

    Args:
        name: its name in the file.
        names: all names in the file: a slot stands below the variable that it belongs to.
    """
    leaf = name.rpartition("/")[2]
    if leaf in _COUNTERS:
        return "step counter"
    if _POWERS.match(leaf):
        return "state of the optimizer"
    if leaf == _MEAN_IMAGE:
        return "mean colour of TF-Slim's preprocessing"
    if name == _OBJECT_GRAPH:
        return "TensorFlow's object graph"
    if _owner(name, names):
        return "moving average" if name.endswith(SHADOW) else "optimizer slot"
    return ""


def state_text(kinds: Iterable[str]) -> str:
    """How much there is of each kind: ``1 step counter, 8 optimizer slots``."""
    counts = Counter(kinds)
    return ", ".join(f"{count} {kind if count == 1 else _PLURALS.get(kind, kind)}" for kind, count in counts.items())


def _owner(name: str, names: Container[str]) -> str:
    """The variable that a slot stands below; the slot may have a scope of its own before that (``OptimizeLoss/…``)."""
    base = name.rpartition("/")[0]
    while base:
        if base in names:
            return base
        base = base.partition("/")[2]
    return ""
