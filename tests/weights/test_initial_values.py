"""Initial values: their distribution, and that they depend on the seed and the variable's own name alone."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest

from slimdsl.ops.base import Initializer
from slimdsl.ops.initializers import (
    Constant,
    He,
    Identity,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Xavier,
    Zeros,
)
from slimdsl.weights.initial_values import BLOCK, PIECE, draw, draw_chunks

LARGE = (3, 3, 64, 384)
"""221,184 elements: three blocks and a rest."""

HE_LIMIT = 2 * math.sqrt(2 / 576) / 0.87962566103423978


@pytest.mark.parametrize(
    ("initializer", "name", "shape", "seed", "checksum"),
    [
        (TruncatedNormal(stddev=0.01), "vgg16/conv1/conv1_1/weights", (3, 3, 3, 64), 0, 0x1F3A1763),
        (TruncatedNormal(stddev=0.01), "vgg16/conv1/conv1_1/weights", (3, 3, 3, 64), 1, 0x191C497F),
        (TruncatedNormal(stddev=0.01), "vgg16/conv1/conv1_2/weights", (3, 3, 3, 64), 0, 0x6001C70E),
        (TruncatedNormal(), "w", LARGE, 2**64 - 1, 0x5935B58D),
        (RandomNormal(mean=1.0, stddev=0.5), "w", LARGE, 7, 0x633337F1),
        (Xavier(), "net/fc/weights", LARGE, 7, 0xE4139130),
        (RandomUniform(minval=0.0, maxval=1.0), "größe", (5,), 0, 0x42015C3C),
        (VarianceScaling(), "w", LARGE, 7, 0x4DA81FBB),
    ],
)
def test_bytes_are_the_same_as_ever(
    initializer: Initializer, name: str, shape: tuple[int, ...], seed: int, checksum: int
) -> None:
    values = draw(initializer, name, shape, seed).astype("<f4")
    assert zlib.crc32(values.tobytes()) == checksum


@pytest.mark.parametrize(
    ("initializer", "mean", "stddev", "low", "high"),
    [
        (RandomNormal(mean=1.0, stddev=0.5), 1.0, 0.5, -np.inf, np.inf),
        (TruncatedNormal(mean=-1.0, stddev=0.5), -1.0, 0.5 * 0.87963, -2.0, 0.0),
        (RandomUniform(minval=-1.0, maxval=3.0), 1.0, 4 / math.sqrt(12), -1.0, 3.0),
        (VarianceScaling(), 0.0, math.sqrt(2.6 / 576) * 0.87963, -2 * math.sqrt(2.6 / 576), 2 * math.sqrt(2.6 / 576)),
        (Xavier(), 0.0, math.sqrt(2 / 4032), -math.sqrt(6 / 4032), math.sqrt(6 / 4032)),
        (He(), 0.0, math.sqrt(2 / 576), -HE_LIMIT, HE_LIMIT),
    ],
    ids=str,
)
def test_moments_and_range(initializer: Initializer, mean: float, stddev: float, low: float, high: float) -> None:
    values = draw(initializer, "net/conv/weights", LARGE, 0).astype(np.float64)
    rounding = 1e-6 * stddev
    assert values.shape == LARGE
    assert values.mean() == pytest.approx(mean, abs=4 * stddev / math.sqrt(values.size))
    assert values.std() == pytest.approx(stddev, rel=0.01)
    assert low - rounding <= np.min(values)
    assert np.max(values) <= high + rounding
    if math.isfinite(low):
        assert np.min(values) < low + 0.01 * (high - low)
        assert np.max(values) > high - 0.01 * (high - low)


def test_normal_values_follow_the_normal_distribution() -> None:
    values = draw(RandomNormal(), "w", LARGE, 3)
    for sigmas, share in ((1.0, 0.6827), (2.0, 0.9545), (3.0, 0.9973)):
        assert np.mean(np.abs(values) < sigmas) == pytest.approx(share, abs=0.005)


def test_values_depend_on_the_name_and_the_seed() -> None:
    first = draw(Xavier(), "net/a/weights", (50, 50), 0)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, draw(Xavier(), "net/a/weights", (50, 50), 0))
    for name, seed in (("net/b/weights", 0), ("net/a/weights", 1), ("net/a/weights", 2**32), ("net/a/weight", 0)):
        other = draw(Xavier(), name, (50, 50), seed)
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.1


def test_blocks_differ() -> None:
    values = draw(RandomNormal(), "w", (2, BLOCK), 0)
    assert abs(np.mean(values[0] * values[1])) < 0.02


@pytest.mark.parametrize(
    "initializer",
    [TruncatedNormal(stddev=0.01), Xavier(), RandomNormal(mean=2.0), Constant(value=0.5), Orthogonal(), Identity()],
    ids=str,
)
@pytest.mark.parametrize("shape", [(3, 5), (BLOCK, 3), (PIECE // 1024 + 1, 1024), (2 * PIECE // 4096, 4096)])
def test_pieces_are_the_whole(initializer: Initializer, shape: tuple[int, ...]) -> None:
    if isinstance(initializer, Orthogonal) and max(shape) > 5:
        shape = (100, 41)
    whole = draw(initializer, "w", shape, 5).ravel()
    start = 0
    for piece in draw_chunks(initializer, "w", shape, 5):
        assert piece.ndim == 1
        assert 0 < len(piece) <= PIECE
        np.testing.assert_array_equal(piece, whole[start : start + len(piece)])
        start += len(piece)
    assert start == whole.size


@pytest.mark.parametrize(("initializer", "value"), [(Zeros(), 0.0), (Ones(), 1.0), (Constant(value=-2.5), -2.5)])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_constants(initializer: Initializer, value: float, shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(draw(initializer, "w", shape, 0), np.full(shape, value, np.float32))
    np.testing.assert_array_equal(
        np.concatenate(list(draw_chunks(initializer, "w", shape, 0))), np.full(math.prod(shape), value, np.float32)
    )


@pytest.mark.parametrize("shape", [(64, 64), (20, 50), (3, 3, 8, 16)])
def test_orthogonal_matrices_are_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = draw(Orthogonal(gain=1.5), "w", shape, 0).reshape(-1, shape[-1]).astype(np.float64)
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(short @ short.T, 2.25 * np.eye(len(short)), atol=1e-5)


def test_orthogonal_matrices_have_no_preferred_sign() -> None:
    signs = [np.sign(draw(Orthogonal(), f"w{number}", (4, 4), 0)[0, 0]) for number in range(200)]
    assert abs(sum(signs)) < 60


def test_identity() -> None:
    np.testing.assert_array_equal(draw(Identity(gain=3.0), "w", (2, 3), 0), [[3, 0, 0], [0, 3, 0]])


@pytest.mark.parametrize(
    ("initializer", "shape", "seed", "message"),
    [
        (Orthogonal(), (4,), 0, "rank 2 or more"),
        (Identity(), (4,), 0, "rank 2"),
        (Xavier(), (4,), -1, "a seed must be from 0"),
        (Xavier(), (4,), 2**64, "a seed must be from 0"),
    ],
    ids=str,
)
def test_what_cannot_be_drawn_is_refused(
    initializer: Initializer, shape: tuple[int, ...], seed: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        draw(initializer, "w", shape, seed)
    with pytest.raises(ValueError, match=message):
        next(draw_chunks(initializer, "w", shape, seed))
