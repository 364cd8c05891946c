"""Write an archive of numpy arrays (``.npz``) as `numpy.savez` does, in pieces and without numpy.

The bytes depend on the tensors alone: the members have the date that a zip archive begins with, and stand in the order
in which they are given. `numpy.load` reads them without ``allow_pickle``; bfloat16, which numpy does not have, is saved
as `ml_dtypes` saves it, and comes back by ``.view(ml_dtypes.bfloat16)``.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable

from slimdsl.files import replace_file
from slimdsl.weights.npz import DESCRIPTIONS
from slimdsl.weights.outgoing import Outgoing, pass_whole, type_problem
from slimdsl.weights.stored import StoredTensor

MOST_AXES = 32
"""Axes that an array has at most, by numpy's releases before 2."""

_LONGEST_NAME = 65_000
"""Bytes of a member's name are counted in 16 bits."""

_ALIGNMENT = 64


def npz_problem(tensor: StoredTensor) -> str:
    """Why an archive cannot hold a tensor; "" where it can."""
    if len(tensor.shape) > MOST_AXES:
        return f"it has {len(tensor.shape)} axes, and numpy's arrays have at most {MOST_AXES}"
    if "\0" in tensor.name or len(tensor.name.encode()) > _LONGEST_NAME:
        return "its name cannot be that of a file in an archive"
    return type_problem(tensor)


def write_npz(path: str, tensors: Iterable[Outgoing]) -> int:
    """Write an archive, which appears whole or not at all.

    Args:
        path: the file.
        tensors: what goes into it, in this order; `npz_problem` has nothing against any of them.

    Returns:
        The size of the file.

    Raises:
        FileWriteError: the file cannot be written. What the writers of tensors raise passes.
    """
    with replace_file(path) as descriptor:
        with os.fdopen(descriptor, "wb", closefd=False) as file, zipfile.ZipFile(file, "w") as archive:
            for outgoing in tensors:
                _write_member(archive, outgoing)
        return os.fstat(descriptor).st_size


def _write_member(archive: zipfile.ZipFile, outgoing: Outgoing) -> None:
    tensor, write = outgoing
    info = zipfile.ZipInfo(f"{tensor.name}.npy")
    # The same on every system.
    info.create_system = 3
    head = array_head(tensor)
    # Neither sooner nor later: releases of Python differ in what they write of a small member with large sizes.
    large = len(head) + tensor.size > zipfile.ZIP64_LIMIT
    with archive.open(info, "w", force_zip64=large) as member:

        def sink(data: bytes | memoryview) -> None:
            member.write(data)

        sink(head)
        pass_whole(tensor, write, sink)


def array_head(tensor: StoredTensor) -> bytes:
    """What stands before the numbers in a ``.npy`` file, version 1.0; the numbers begin at a multiple of 64 bytes."""
    assert tensor.dtype is not None
    shape = f"({', '.join(str(dim) for dim in tensor.shape)}{',' if len(tensor.shape) == 1 else ''})"
    text = f"{{'descr': '{DESCRIPTIONS[tensor.dtype]}', 'fortran_order': False, 'shape': {shape}, }}"
    start = b"\x93NUMPY\x01\x00"
    length = len(text) + 1
    length += -(len(start) + 2 + length) % _ALIGNMENT
    return start + length.to_bytes(2, "little") + text.ljust(length - 1).encode() + b"\n"
