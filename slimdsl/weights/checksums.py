"""CRC-32C, with which TensorFlow's checkpoints guard every byte, from the library google-crc32c.

The library is optional: what reads checkpoints goes through TensorFlow without it, and what writes them refuses. Only
its compiled form counts; the one in plain Python takes minutes for a network.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable

Extend = Callable[[int, bytes], int]
"""The checksum of bytes so far and the bytes behind them -> the checksum of all. It takes `bytes`, no other buffer."""

INSTALL = "pip install 'slimdsl[checkpoints]'"

PIECE = 1 << 20
"""How many bytes are read, compared and passed on at a time: they stay in the processor's cache."""

_MASK_DELTA = 0xA282EAD8


@functools.cache
def library() -> Extend | None:
    """The function of the library; None where it is not installed."""
    try:
        with warnings.catch_warnings():
            # It warns where its compiled form is missing.
            warnings.simplefilter("ignore")
            module = importlib.import_module("google_crc32c")
    except ImportError:
        return None
    if module.implementation != "c":
        return None
    extend: Extend = module.extend
    return extend


def masked(crc: int) -> int:
    """A checksum as it stands in a file: turned and moved, because checksums of checksums are weak."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF
