"""Padding by numbers, `conv_same` and `subsample`; their numbers on whole layers are those that TF-Slim recorded."""

from __future__ import annotations

import numpy as np
import pytest

import slimdsl
from slimdsl.ops.arguments import ArgumentError, Kernel
from slimdsl.ops.base import Layer, Op, ShapeError
from slimdsl.ops.conv import Conv, ConvSame
from slimdsl.ops.padding import PaddingKind
from slimdsl.ops.pool import AvgPool, MaxPool, Subsample
from slimdsl.ops.separable import DepthwiseConv
from tests.harness import TestBuilder, check_shapes, graph_of, numbers, tensor, weights_of
from tests.ops import reference

IMAGE = tensor("N", 6, 5, 3)
BOUND = {"N": 2, "H": 6, "W": 5}


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("same", "same"),
        ("valid", "valid"),
        (3, ((3, 3),)),
        (0, ((0, 0),)),
        ((1, 2), ((1, 1), (2, 2))),
        (((1, 2), (0, 1)), ((1, 2), (0, 1))),
        (((1, 2), 4), ((1, 2), (4, 4))),
    ],
)
def test_numbers_are_stored_as_pairs(written: object, stored: object) -> None:
    assert PaddingKind().coerce(written) == stored


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("full", "must be `same`, `valid`, a number, or a list of pairs such as .*, not the string"),
        (True, "must be `same`, `valid`, a number, or a list of pairs"),
        (1.5, "must be `same`, `valid`, a number, or a list of pairs"),
        (Kernel((3, 3)), "not the kernel `3x3`"),
        ((), r"not the list \[\]"),
        (((1, 2, 3),), "must be `same`, `valid`, a number, or a list of pairs"),
        ((1, -1), r"must have no entry below 0, not \[1, -1\]"),
        (100_000, "must be at most 99,999 to a side, not 100000"),
    ],
)
def test_what_is_no_padding_is_refused(written: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        PaddingKind().coerce(written)


@pytest.mark.parametrize("given", [(2, 6, 5, 3), ("N", "H", "W", 3)])
def test_a_convolution_is_padded_with_zeros(given: tuple[str | int, ...]) -> None:
    graph = graph_of(Conv(filters=2, kernel=(3,), padding=((2, 1), (0, 3)), activation=None), tensor(*given))
    x = numbers("x", (2, 6, 5, 3))
    (y,) = check_shapes(graph, {"x": x}, BOUND)
    weights = weights_of(graph)
    around = np.pad(x, [(0, 0), (2, 1), (0, 3), (0, 0)])
    expected = reference.convolution(around, weights["Conv/weights"], (1, 1), (1, 1), "valid") + weights["Conv/biases"]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 7, 3), (2, 6, 5, 3), (2, 4, 5, 3, 2)])
def test_pools_are_padded(shape: tuple[int, ...]) -> None:
    """What is put around never is the largest, and counts as zeros in the mean."""
    axes = len(shape) - 2
    x = numbers("x", shape) - 5
    kernel, stride = (3,) * axes, (2,) * axes
    around = [(0, 0), *[(1, 1)] * axes, (0, 0)]
    (y,) = check_shapes(graph_of(MaxPool(kernel=(3,), padding=((1, 1),)), tensor(*shape)), {"x": x}, {})
    lowest = np.pad(x, around, constant_values=-np.inf)
    np.testing.assert_array_equal(y, reference.max_pool(lowest, kernel, stride, "valid"))
    (y,) = check_shapes(graph_of(AvgPool(kernel=(3,), padding=((1, 1),)), tensor(*shape)), {"x": x}, {})
    np.testing.assert_allclose(y, reference.avg_pool(np.pad(x, around), kernel, stride, "valid"), rtol=1e-5)


def test_zeros_add_no_node() -> None:
    for op in (Conv(filters=2, kernel=(3,), padding=((0, 0),)), MaxPool(kernel=(2,), padding=((0, 0), (0, 0)))):
        assert "pad" not in [node.op.name for node in graph_of(op, IMAGE).nodes]


@pytest.mark.parametrize("size", [6, 7, 8, 9])
@pytest.mark.parametrize("stride", [2, 3])
@pytest.mark.parametrize("kernel", [1, 3, 4, 7])
def test_conv_same_takes_every_stride_th_element(size: int, stride: int, kernel: int) -> None:
    x = tensor("N", size, size, 2)
    strided = graph_of(ConvSame(filters=2, kernel=(kernel,), stride=(stride,)), x)
    dense = graph_of(ConvSame(filters=2, kernel=(kernel,)), x)
    fed = {"x": numbers("x", (1, size, size, 2))}
    (y,), (all_places,) = check_shapes(strided, fed, {"N": 1}), check_shapes(dense, fed, {"N": 1})
    np.testing.assert_allclose(y, all_places[:, ::stride, ::stride], rtol=1e-4, atol=1e-5)


def test_conv_same_has_the_variables_and_nodes_of_conv() -> None:
    plain, strided = graph_of(ConvSame(filters=2, kernel=(3,)), IMAGE), graph_of(Conv(filters=2, kernel=(3,)), IMAGE)
    assert [(v.name, v.shape) for v in plain.variables] == [(v.name, v.shape) for v in strided.variables]
    assert [node.name for node in plain.nodes] == [node.name for node in strided.nodes]
    assert ConvSame.function_for(IMAGE) == "conv2d_same"


@pytest.mark.parametrize("shape", [(2, 7, 3), (2, 6, 5, 3), (2, 4, 5, 3, 2)])
@pytest.mark.parametrize("factor", [2, 3])
def test_subsample_takes_every_factor_th_element(shape: tuple[int, ...], factor: int) -> None:
    x = numbers("x", shape)
    names = tensor(*[f"S{axis}" for axis in range(len(shape) - 1)], shape[-1])
    (y,) = check_shapes(
        graph_of(Subsample(factor=(factor,)), names), {"x": x}, {f"S{axis}": size for axis, size in enumerate(shape)}
    )
    every = (slice(None), *(slice(None, None, factor) for _ in shape[2:]))
    np.testing.assert_array_equal(y, x[every])


PROGRAM = """slim 1
net n {{
  input x: float32[N, 8, 8, 3]
  {statements}
  output y
}}
"""


def compiled(*statements: str) -> slimdsl.Model:
    return slimdsl.loads(PROGRAM.format(statements="\n  ".join(statements)))


def test_subsample_by_one_has_neither_node_nor_scope() -> None:
    model = compiled("conv(3, 3x3) as a", "subsample(1) as b", "add(a, b) as c", "max_pool(2x2)")
    assert [node.name for node in model.graph.nodes if node.name.startswith("n/b")] == []
    assert model.outputs["y"].tensor == "n/MaxPool2D/MaxPool:0"


def test_defaults_reach_what_is_built_of_a_layer() -> None:
    model = compiled(
        "with conv: activation=none, weights_reg=l2(1), padding=valid",
        "with separable_conv: biases_init=none",
        "with depthwise_conv: activation=none",
        "conv_same(3, 3x3, stride=2) as a",
        "depthwise_conv(3x3) as b",
        "conv(3, 1x1, activation=none) as c",
    )
    assert [v.name for v in model.variables] == [
        "n/a/weights", "n/a/biases", "n/b/depthwise_weights", "n/c/weights", "n/c/biases"
    ]  # fmt: skip
    assert [v.name for v in model.variables if v.regularized] == ["n/a/weights", "n/c/weights"]
    assert [node.name for node in model.graph.nodes if node.op.name == "relu"] == []


def test_what_is_set_for_the_layer_itself_goes_over_that() -> None:
    model = compiled("with conv_same: stride=2", "with conv: stride=3, activation=none", "conv_same(3, 3x3)")
    assert str(model.graph.outputs["y"].type) == "float32[N, 4, 4, 3]"


@pytest.mark.parametrize(
    ("op", "argument", "message", "help"),
    [
        (
            Conv(filters=2, kernel=(3,), padding=((1, 1), (1, 1), (1, 1))),
            "padding",
            "padding has 3 pairs, the input [N, 6, 5, 3] has 2 spatial axes",
            "a pair for each axis, or one number for all of them",
        ),
        (
            Conv(filters=2, kernel=(9,), padding=((1, 1),)),
            "kernel",
            "kernel 9x9 does not fit input 8x7",
            "a smaller kernel, or `padding=same`",
        ),
        (
            DepthwiseConv(kernel=(8,), padding=((1, 1),)),
            "kernel",
            "kernel 8x8 does not fit input 8x7",
            "a smaller kernel, or `padding=same`",
        ),
        (
            MaxPool(kernel=(3, 2), padding=((2, 2),)),
            "padding",
            "padding 2 is not less than the window 3x2",
            "each place of the window must meet the tensor",
        ),
        (
            AvgPool(kernel=(9,), padding=((1, 1),)),
            "kernel",
            "kernel 9x9 does not fit input 8x7",
            "a smaller kernel, or `padding=same`",
        ),
        (
            ConvSame(filters=2, kernel=(3,), stride=(2,), rate=(2,)),
            "rate",
            "stride 2x2 and rate 2x2 cannot be combined",
            "one of them must be 1",
        ),
        (
            Subsample(factor=(2, 2, 2)),
            "factor",
            "factor 2x2x2 has 3 axes, the input [N, 6, 5, 3] has 2 spatial axes",
            "write `2x2`",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_made(op: Op, argument: str, message: str, help: str) -> None:
    builder = TestBuilder()
    assert isinstance(op, Layer)
    with pytest.raises(ShapeError) as caught:
        builder.apply(op, builder.input("x", IMAGE))
    assert (caught.value.message, caught.value.argument, caught.value.help) == (message, argument, help)
    assert (builder.variables, builder.nodes) == ([], [])
