"""What the ops mean, in numpy and tap by tap, independent of TensorFlow. Tensors are batch first and channels last."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Window = tuple[int, ...]


def margins(sizes: Window, kernel: Window, stride: Window, rate: Window, padding: str) -> list[tuple[int, int]]:
    """Elements added before and after each spatial axis."""
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    found = []
    for n, k, s, r in zip(sizes, kernel, stride, rate):
        missing = max((-(-n // s) - 1) * s + (k - 1) * r + 1 - n, 0)
        found.append((missing // 2, missing - missing // 2))
    return found


def taps(
    x: Array, kernel: Window, stride: Window, rate: Window, padding: str, fill: float = 0.0
) -> Iterator[tuple[Window, Array]]:
    """For each tap of the window, the elements that it meets at all places of the window."""
    sizes = x.shape[1:-1]
    around = [(0, 0), *margins(sizes, kernel, stride, rate, padding), (0, 0)]
    padded = np.pad(x, around, constant_values=fill)
    places = [(n - (k - 1) * r - 1) // s + 1 for n, k, s, r in zip(padded.shape[1:-1], kernel, stride, rate)]
    for tap in itertools.product(*(range(k) for k in kernel)):
        cut = tuple(slice(t * r, t * r + (p - 1) * s + 1, s) for t, r, p, s in zip(tap, rate, places, stride))
        place = (slice(None), *cut)
        yield tap, padded[place]


def convolution(x: Array, weights: Array, stride: Window, rate: Window, padding: str) -> Array:
    """Weights are [window…, in, out]."""
    parts = [met @ weights[tap] for tap, met in taps(x, weights.shape[:-2], stride, rate, padding)]
    return np.asarray(sum(parts))


def depthwise(x: Array, weights: Array, stride: Window, rate: Window, padding: str) -> Array:
    """Weights are [h, w, in, multiplier]."""
    total = sum(met[..., None] * weights[tap] for tap, met in taps(x, weights.shape[:2], stride, rate, padding))
    result = np.asarray(total)
    return result.reshape(*result.shape[:-2], -1)


def transposed(x: Array, weights: Array, stride: Window, padding: str) -> Array:
    """Weights are [window…, out, in]: the adjoint of the convolution that gives x's shape."""
    kernel = weights.shape[:-2]
    if padding == "same":
        sizes = tuple(n * s for n, s in zip(x.shape[1:-1], stride))
    else:
        sizes = tuple(n * s + max(k - s, 0) for n, k, s in zip(x.shape[1:-1], kernel, stride))
    around = margins(sizes, kernel, stride, (1,) * len(kernel), padding)
    full = np.zeros((x.shape[0], *(n + sum(pair) for n, pair in zip(sizes, around)), weights.shape[-2]))
    for tap in itertools.product(*(range(k) for k in kernel)):
        cut = tuple(slice(t, t + (n - 1) * s + 1, s) for t, n, s in zip(tap, x.shape[1:-1], stride))
        place = (slice(None), *cut)
        full[place] += x @ weights[tap].T
    inside = (slice(None), *(slice(pair[0], pair[0] + n) for n, pair in zip(sizes, around)))
    return full[inside]


def max_pool(x: Array, kernel: Window, stride: Window, padding: str) -> Array:
    """The largest of each window."""
    ones = (1,) * len(kernel)
    return np.max([met for _, met in taps(x, kernel, stride, ones, padding, -np.inf)], axis=0)


def avg_pool(x: Array, kernel: Window, stride: Window, padding: str) -> Array:
    """The mean of each window, without the padding."""
    ones = (1,) * len(kernel)
    total = sum(met for _, met in taps(x, kernel, stride, ones, padding))
    count = sum(met for _, met in taps(np.ones_like(x), kernel, stride, ones, padding))
    return np.asarray(total / count)
