"""Symbolic dimensions have one normal form, and it means what integers mean."""

from __future__ import annotations

import itertools

import pytest

from slimdsl.types import (
    Dim,
    DType,
    SymbolicDim,
    TensorType,
    ceil_div,
    product,
    substitute,
    surely_unequal,
)

H, W, N = (SymbolicDim.named(name) for name in "HWN")

PRINTED = [
    (H + 1, "H + 1"),
    (2 * H - 3, "2*H - 3"),
    (-H, "-H"),
    (H * W, "H*W"),
    (N * 7 * 7 * H, "49*H*N"),
    (ceil_div(H, 2), "ceil(H/2)"),
    (H // 2, "floor(H/2)"),
    ((H - 3) // 2 + 1, "ceil(H/2) - 1"),
    (ceil_div(ceil_div(H, 2), 2), "ceil(H/4)"),
    ((H // 2) // 3, "floor(H/6)"),
    ((4 * H + 3) // 2, "2*H + 1"),
    ((H + W) // 2, "floor((H + W)/2)"),
    (H - H, "0"),
    (H + 2 - H, "2"),
]


@pytest.mark.parametrize(("dim", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_a_dimension_prints_in_its_normal_form(dim: Dim, text: str) -> None:
    assert str(dim) == text


FORMULAS = {
    "same, then same": (lambda h: ceil_div(ceil_div(h, 2), 2), lambda h: ceil_div(h, 4)),
    "valid, then same": (lambda h: ceil_div((h - 3) // 2 + 1, 2), lambda h: (h + 1) // 4),
    "floor of a floor": (lambda h: (h // 3 + 1) // 2, lambda h: (h + 3) // 6),
    "exact part goes out": (lambda h: (6 * h + 7) // 3, lambda h: 2 * h + 2 + (h - h + 1) // 3),
    "common factor": (lambda h: (2 * h + 3) // 4, lambda h: (h + 1) // 2),
    "product": (lambda h: (h + 1) * (h - 1), lambda h: h * h - 1),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_equal_formulas_are_one_value_and_mean_what_integers_mean(name: str) -> None:
    left, right = FORMULAS[name]
    assert left(H) == right(H)
    assert hash(left(H)) == hash(right(H))
    for size in range(1, 50):
        assert substitute(left(H), {"H": size}) == left(size) == right(size)


def test_divisions_of_any_polynomial_mean_what_integers_mean() -> None:
    for a, b, c, divisor in itertools.product(range(-3, 4), range(-3, 4), range(-3, 4), (1, 2, 3, 5)):
        dim = (a * H + b * W + c) // divisor
        for h, w in ((1, 1), (4, 7), (13, 2)):
            assert substitute(dim, {"H": h, "W": w}) == (a * h + b * w + c) // divisor


def test_only_what_differs_for_every_size_is_surely_unequal() -> None:
    assert surely_unequal(H, H + 1)
    assert surely_unequal(3, 4)
    assert not surely_unequal(H, W)
    assert not surely_unequal(H, 3)
    assert not surely_unequal(H // 2, ceil_div(H, 2))


def test_a_tensor_type_prints_as_messages_show_it() -> None:
    kind = TensorType(dtype=DType.FLOAT32, shape=(N, 28, 28, 256))
    assert str(kind) == "float32[N, 28, 28, 256]"
    assert kind.rank == 4
    assert product(kind.shape) == 28 * 28 * 256 * N
    assert product(()) == 1
