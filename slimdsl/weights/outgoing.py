"""Tensors on their way into a file of weights: what is known of one beforehand, and what passes on its numbers."""

from __future__ import annotations

from collections.abc import Callable

from slimdsl.types import DType
from slimdsl.weights.source import Sink
from slimdsl.weights.stored import StoredTensor

Outgoing = tuple[StoredTensor, Callable[[Sink], None]]
"""A tensor under the name that it shall have, and what passes on its numbers, row-major and little-endian."""


def type_problem(tensor: StoredTensor) -> str:
    """Why no format here takes a tensor of its element type; "" where all do."""
    if tensor.dtype is not None and tensor.dtype is not DType.STRING:
        return ""
    return f"it is of the type {tensor.type_text}, and only the types of variables are written"


def pass_whole(tensor: StoredTensor, write: Callable[[Sink], None], sink: Sink) -> None:
    """Pass on the numbers of a tensor and see that they are as many as stands before them in the file."""
    passed = 0

    def counted(data: bytes | memoryview) -> None:
        nonlocal passed
        passed += memoryview(data).nbytes
        sink(data)

    write(counted)
    if passed != tensor.size:
        raise RuntimeError(f"`{tensor.name}` has {tensor.size} bytes, and its source gave {passed}")
