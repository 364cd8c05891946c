"""Arguments and dimensions as plain data: what is written is read back, and nothing else is read."""

from __future__ import annotations

import math
import random

import pytest

from slimdsl.ir.literals import INITIALIZERS_BY_NAME, PRIMITIVES, build, decode, encode, read_dim, read_dtype
from slimdsl.ops.initializers import TruncatedNormal
from slimdsl.types import Dim, DType, SymbolicDim, ceil_div
from tests.work import at_most

H, W = SymbolicDim.named("H"), SymbolicDim.named("W")


def drawn_dim(draw: random.Random) -> Dim:
    """What shapes of networks come to: sums, products with numbers, products of names, rounded quotients."""
    found: Dim = draw.choice([H, W, SymbolicDim.named("größe_2")])
    for _ in range(draw.randrange(6)):
        step, number = draw.randrange(5), draw.randrange(1, 9)
        other = draw.choice([H, W])
        found = (
            found + number if step == 0 else
            found - number * other if step == 1 else
            found * number if step == 2 else
            found // number if step == 3 else
            ceil_div(found, number)
        )  # fmt: skip
    return found * W if draw.randrange(3) == 0 else found


def test_every_dimension_reads_back_as_it_was() -> None:
    draw = random.Random(7)
    for _ in range(2000):
        dim = drawn_dim(draw)
        assert read_dim(str(dim)) == dim, str(dim)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "+", "H +", "H W", "2H", "H**2", "(H)", "(H + 1)*2", "H/2", "floor(H)", "floor(H/W)", "floor(H/0)",
        "ceil(H/-2)", "floor(H + 1/2)", "floor((H + 1)/2", "round(H/2)", "H.real", "__import__('os')", "H; W", "1e3",
        "9" * 21, "H + " * 600 + "H", "floor(" * 33 + "H" + "/2)" * 33, "floor((H + W)/1)*floor((H + W)/1)",
        "(" * 1000, "-" * 1000, "--H",
    ],
)  # fmt: skip
def test_what_is_no_dimension_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dimension"):
        read_dim(text)


@pytest.mark.parametrize(
    "text", ["*".join(f"a{i}" for i in range(400)), " + ".join(f"floor(a{i}/2)" for i in range(120)), "-H" * 900]
)
def test_no_text_of_a_dimension_takes_long(text: str) -> None:
    with at_most(4_000_000):
        read_dim(text)


@pytest.mark.parametrize(
    "given",
    [1, 1.5, True, None, "same", (1, (2, 3)), DType.BOOL, 2 * H + 1, (H, -1), math.inf, -math.inf, ()],
)
def test_an_argument_reads_back_as_it_was(given: object) -> None:
    assert decode(encode(given)) == given
    assert type(decode(encode(given))) is type(given)


def test_a_list_stands_for_a_tuple_and_nan_for_itself() -> None:
    assert decode([1, [2, 3]]) == (1, (2, 3))
    found = decode(encode(math.nan))
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    "given",
    [{}, {"dim": 1}, {"dtype": "float31"}, {"float": "1.0"}, {"float": None}, {"set": "a"}, {"dim": "H", "dtype": "a"},
     [[[[[1]]]]], b"x", {1: "H"}],
)  # fmt: skip
def test_what_is_no_argument_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode(given)


def test_arguments_are_held_against_their_kinds() -> None:
    convolution, normal = PRIMITIVES["convolution"], INITIALIZERS_BY_NAME["truncated_normal"]
    assert build(normal, {"stddev": 2}) == TruncatedNormal(stddev=2.0)
    for arguments, reason in (
        ({"stride": (1, 1), "padding": "same", "rate": (0, 1)}, "`rate` of `convolution` must be at least 1"),
        ({"stride": (1, 1), "padding": "some", "rate": (1, 1)}, "`padding` of `convolution` must be"),
        ({"stride": (1, 1), "padding": "same", "rates": (1, 1)}, "`convolution` has no argument `rates`"),
        ({"stride": (1, 1)}, "`convolution` lacks the argument `padding`"),
    ):
        with pytest.raises(ValueError, match=reason):
            build(convolution, arguments)


def test_element_types_are_known_by_their_names() -> None:
    assert read_dtype("bfloat16") is DType.BFLOAT16
    with pytest.raises(ValueError, match="no element type `float31`"):
        read_dtype("float31")
