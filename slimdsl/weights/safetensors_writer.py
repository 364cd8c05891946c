"""Write a file in Hugging Face's safetensors format, in pieces: the very bytes that its own library writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from slimdsl.files import replace_file, write_all
from slimdsl.types import DType
from slimdsl.weights.outgoing import Outgoing, pass_whole, type_problem
from slimdsl.weights.safetensors import METADATA, TYPE_NAMES
from slimdsl.weights.stored import StoredTensor

_ORDER = (
    DType.INT64, DType.FLOAT64, DType.FLOAT32, DType.INT32, DType.BFLOAT16, DType.FLOAT16, DType.INT8, DType.UINT8,
    DType.BOOL,
)  # fmt: skip
"""The order of the types in a file: those of larger alignment first, then as the reference implementation has them."""

_ALIGNMENT = 8


def safetensors_problem(tensor: StoredTensor) -> str:
    """Why such a file cannot hold a tensor; "" where it can."""
    return "safetensors keeps this name for itself" if tensor.name == METADATA else type_problem(tensor)


def write_safetensors(path: str, tensors: Sequence[Outgoing]) -> int:
    """Write a file, which appears whole or not at all.

    Args:
        path: the file.
        tensors: what goes into it, `safetensors_problem` having nothing against it. They are passed on in the format's
            order: by type, then by name.

    Returns:
        The size of the file.

    Raises:
        FileWriteError: the file cannot be written. What the writers of tensors raise passes.
    """
    rank = {dtype: index for index, dtype in enumerate(_ORDER)}
    ordered = sorted(tensors, key=lambda outgoing: (rank[_dtype(outgoing[0])], outgoing[0].name.encode()))
    header = _header([tensor for tensor, _ in ordered])
    with replace_file(path) as descriptor:
        write_all(descriptor, header)
        for tensor, write in ordered:
            pass_whole(tensor, write, partial(write_all, descriptor))
    return len(header) + sum(tensor.size for tensor, _ in ordered)


def _dtype(tensor: StoredTensor) -> DType:
    assert tensor.dtype is not None
    return tensor.dtype


def _header(tensors: Sequence[StoredTensor]) -> bytes:
    """Everything before the numbers, which begin at a multiple of 8 bytes."""
    entries: dict[str, object] = {}
    position = 0
    for tensor in tensors:
        end = position + tensor.size
        entries[tensor.name] = {
            "dtype": TYPE_NAMES[_dtype(tensor)],
            "shape": list(tensor.shape),
            "data_offsets": [position, end],
        }
        position = end
    content = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    content += b" " * (-len(content) % _ALIGNMENT)
    return len(content).to_bytes(8, "little") + content
