"""The first values of variables, drawn in float32: they depend on the seed and the variable's own name alone.

The elements of a variable, in row-major order, are cut into blocks of `BLOCK`. Each block has a PCG64 generator of its
own whose `SeedSequence` is made of the seed, the block's number and the bytes of the name. Thus other variables, the
order in which they are drawn and the pieces in which they are asked for change nothing.

What numpy guarantees: the bits of `SeedSequence` and `PCG64` are the same on every machine and in every version. How
`Generator` makes float32 numbers of them may change with a new version of numpy, and for normal ones it asks the C
library's exp and log in one case of a hundred, so a test holds golden checksums. `orthogonal` goes through LAPACK: it
is computed in float64, so that the float32 values of two LAPACKs agree but for a rare last bit.

Knows no files and no graphs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from slimdsl.ops.base import Initializer
from slimdsl.ops.initializers import (
    Constant,
    Elementary,
    Identity,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    elementary,
    middle_row,
    shape_problem,
)

Array = np.ndarray[Any, np.dtype[np.float32]]

BLOCK = 1 << 16
"""Elements of a block: 256 KiB, so that all passes over it find it in the cache."""

TRUNCATION = 2.0
"""How many standard deviations from the mean a truncated normal distribution ends."""

PIECE = 64 * BLOCK
"""Elements of the pieces that `draw_chunks` yields: 16 MiB."""


def draw(initializer: Initializer, name: str, shape: tuple[int, ...], seed: int) -> Array:
    """The first values of one variable.

    Args:
        initializer: how they are distributed.
        name: the variable's full name.
        shape: its shape.
        seed: an integer from 0 to 2^64 - 1.

    Returns:
        A new float32 array of that shape.

    Raises:
        ValueError: the seed is out of range, or the initialiser does not suit the shape.
    """
    distribution = _distribution(initializer, shape, seed)
    if isinstance(distribution, (Orthogonal, Identity)):
        return _matrix(distribution, name, shape, seed)
    values = np.empty(shape, np.float32)
    _fill(distribution, name, seed, values.reshape(-1), 0)
    return values


def draw_chunks(initializer: Initializer, name: str, shape: tuple[int, ...], seed: int) -> Iterator[Array]:
    """The elements of `draw` in row-major order, in flat pieces of at most `PIECE` elements.

    All pieces are in one buffer: a piece holds until the next one is asked for. Only `orthogonal` and `identity` are
    made as a whole.

    Raises:
        ValueError: as `draw`, when the first piece is asked for.
    """
    distribution = _distribution(initializer, shape, seed)
    size = 1
    for dim in shape:
        size *= dim
    if isinstance(distribution, (Orthogonal, Identity)):
        matrix = _matrix(distribution, name, shape, seed).reshape(-1)
        for start in range(0, size, PIECE):
            yield matrix[start : start + PIECE]
        return
    buffer = np.empty(min(size, PIECE), np.float32)
    if isinstance(distribution, Constant):
        buffer.fill(distribution.value)
    for start in range(0, size, PIECE):
        piece = buffer[: size - start]
        if not isinstance(distribution, Constant):
            _fill(distribution, name, seed, piece, start // BLOCK)
        yield piece


def _distribution(initializer: Initializer, shape: tuple[int, ...], seed: int) -> Elementary:
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"a seed must be from 0 to 2^64 - 1, not {seed}")
    distribution = elementary(initializer, shape)
    problem = shape_problem(distribution, shape)
    if problem:
        raise ValueError(problem)
    return distribution


def _generator(name: str, seed: int, block: int) -> np.random.Generator:
    """The generator of one block; the first three words are of fixed width, so that no two keys are alike."""
    name_words = np.frombuffer(name.encode() + bytes(-len(name.encode()) % 4), "<u4").tolist()
    words = (seed & 0xFFFFFFFF, seed >> 32, block, *name_words)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def _fill(distribution: Elementary, name: str, seed: int, out: Array, first_block: int) -> None:
    """Fill a flat array that begins with the block `first_block` of the variable."""
    if isinstance(distribution, Constant):
        out.fill(distribution.value)
        return
    for start in range(0, len(out), BLOCK):
        block = out[start : start + BLOCK]
        generator = _generator(name, seed, first_block + start // BLOCK)
        if isinstance(distribution, RandomUniform):
            generator.random(dtype=np.float32, out=block)
            _scale(block, distribution.maxval - distribution.minval, distribution.minval)
        elif isinstance(distribution, (RandomNormal, TruncatedNormal)):
            generator.standard_normal(dtype=np.float32, out=block)
            if isinstance(distribution, TruncatedNormal):
                _truncate(block, generator)
            _scale(block, distribution.stddev, distribution.mean)


def _truncate(block: Array, generator: np.random.Generator) -> None:
    """Draw again what is beyond the truncation, until nothing is."""
    beyond = np.flatnonzero(np.abs(block) > TRUNCATION)
    while len(beyond):
        again = generator.standard_normal(len(beyond), dtype=np.float32)
        block[beyond] = again
        beyond = beyond[np.abs(again) > TRUNCATION]


def _scale(block: Array, factor: float, offset: float) -> None:
    if factor != 1.0:
        np.multiply(block, np.float32(factor), out=block)
    if offset != 0.0:
        np.add(block, np.float32(offset), out=block)


def _matrix(distribution: Orthogonal | Identity, name: str, shape: tuple[int, ...], seed: int) -> Array:
    """What is not drawn element by element."""
    columns = shape[-1]
    rows = 1
    for dim in shape[:-1]:
        rows *= dim
    values: Array
    if isinstance(distribution, Identity):
        values = np.eye(rows, columns, -middle_row(shape), dtype=np.float32) * np.float32(distribution.gain)
        return values.reshape(shape)
    normal = np.empty((max(rows, columns), min(rows, columns)), np.float32)
    _fill(RandomNormal(), name, seed, normal.reshape(-1), 0)
    q, r = np.linalg.qr(normal.astype(np.float64))
    # LAPACK is free in the signs; those of R's diagonal make the distribution uniform over the orthogonal matrices.
    q *= np.sign(np.diag(r))
    if rows < columns:
        q = q.T
    values = np.ascontiguousarray((distribution.gain * q).astype(np.float32).reshape(shape))
    return values
