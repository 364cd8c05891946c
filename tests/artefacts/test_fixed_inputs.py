"""The inputs that artefacts are run on: their numbers, and the sizes that a network's open ones get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl import load, loads
from slimdsl.artefacts.attempts import make_attempts
from slimdsl.artefacts.examples import example_inputs
from slimdsl.artefacts.fixed_inputs import (
    NoInputsError,
    candidate_sizes,
    fixed_input,
    fixed_inputs,
    types_with,
)
from slimdsl.backends.running import write_arrays
from slimdsl.ir.graph import Graph
from slimdsl.types import DType, TensorType

MODELS = Path(__file__).parents[2] / "models"

U_NET = """
  conv(4, 3x3) as down
  let skip = it
  max_pool(2x2) as pool1
  conv(8, 3x3) as bottom
  max_pool(2x2) as pool2
  conv_transpose(4, 2x2, stride=4) as up
  concat(skip, it) as both
  conv(2, 1x1, activation=none) as logits
"""


def net(body: str, input: str = "float32[N, H, W, 3]") -> Graph:
    return loads(f"slim 1\nnet n {{\n  input x: {input}\n{body}\n  output y = it\n}}\n").graph


def first_sizes(graph: Graph) -> dict[str, int]:
    return next(candidate_sizes(graph, {}))


@pytest.mark.parametrize("dtype", [dtype for dtype in DType if dtype is not DType.STRING], ids=lambda d: d.value)
def test_numbers_are_the_same_every_time_and_depend_on_the_name(dtype: DType) -> None:
    type = TensorType(dtype=dtype, shape=(4, 500))
    first, again, other = (fixed_input(name, type) for name in ("x", "x", "y"))
    assert first.shape == (4, 500)
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_the_numbers_themselves() -> None:
    values = fixed_input("images", TensorType(dtype=DType.FLOAT32, shape=(3,)))
    np.testing.assert_allclose(values, [0.15126492, 0.59469295, 0.87472141], rtol=1e-6)


def test_floats_are_small_and_integers_are_in_every_vocabulary() -> None:
    floats = fixed_input("x", TensorType(dtype=DType.FLOAT32, shape=(10_000,)))
    assert abs(floats.mean()) < 0.02
    assert abs(floats.std() - 0.5) < 0.02
    words = fixed_input("x", TensorType(dtype=DType.INT32, shape=(100,)))
    assert set(words.tolist()) == {0, 1}
    assert not fixed_input("x", TensorType(dtype=DType.INT64, shape=(100,)), zeros=True).any()
    image = fixed_input("x", TensorType(dtype=DType.UINT8, shape=(10_000,)))
    assert (image.min(), image.max()) == (0, 255)


def test_a_scalar_and_bfloat16() -> None:
    assert fixed_input("x", TensorType(dtype=DType.FLOAT32, shape=())).shape == ()
    halves = fixed_input("x", TensorType(dtype=DType.BFLOAT16, shape=(2, 3)))
    floats = fixed_input("x", TensorType(dtype=DType.FLOAT32, shape=(2, 3)))
    assert halves.dtype.str == "|V2"
    np.testing.assert_allclose((halves.view("<u2").astype("<u4") << 16).view("<f4"), floats, rtol=2**-7)


def test_texts_and_open_sizes_have_no_numbers() -> None:
    graph = net("", "string[N]")
    with pytest.raises(NoInputsError, match="the input `x` is of texts"):
        fixed_inputs(graph, {"N": 2})
    with pytest.raises(NoInputsError, match="the input `x` has an open size"):
        fixed_inputs(net(""), {"N": 2})


@pytest.mark.parametrize(
    ("file", "parameters", "sizes"),
    [
        ("slim/lenet.slim", {}, {"N": 2}),
        ("vgg16.slim", {}, {"N": 1}),
        ("unet.slim", {}, {"N": 1}),
        ("unet.slim", {"width": 4, "size": 188}, {"N": 2}),
        ("gpt.slim", {"layers": 1, "width": 8, "heads": 2, "vocabulary": 4}, {"N": 2, "L": 64}),
        ("gpt.slim", {"layers": 1, "width": 8, "heads": 2, "vocabulary": 4, "context": 20}, {"N": 2, "L": 16}),
        ("lstm_classifier.slim", {"length": 4}, {"N": 2}),
        ("slim/i3d.slim", {}, {"N": 1, "frames": 12}),
    ],
)
def test_sizes_of_networks(file: str, parameters: dict[str, Any], sizes: dict[str, int]) -> None:
    assert first_sizes(load(MODELS / file, **parameters).graph) == sizes


@pytest.mark.parametrize(
    ("body", "input", "sizes"),
    [
        (U_NET, "float32[N, H, W, 3]", {"N": 2, "H": 64, "W": 64}),
        ("  slice(1, 0, 100)", "float32[N, H]", {"N": 2, "H": 128}),
        ("  conv(2, 101x101, padding=valid)", "float32[N, H, W, 1]", {"N": 2, "H": 128, "W": 128}),
        ("  split_part(0, of=3, axis=1)", "float32[N, H]", {"N": 2, "H": 96}),
        ("  squeeze([0])", "float32[N, 3]", {"N": 1}),
        ("  reshape([4 * H])", "float32[N, H, 4]", {"N": 2, "H": 64}),
        ("  relu", "float32[7, 3]", {}),
    ],
    ids=["u-net", "slice", "large window", "thirds", "batch of one", "size in an argument", "no open size"],
)
def test_sizes_that_the_types_ask_for(body: str, input: str, sizes: dict[str, int]) -> None:
    assert first_sizes(net(body, input)) == sizes


def test_sizes_that_an_artefact_has_fixed() -> None:
    graph = net(U_NET)
    assert next(candidate_sizes(graph, {"N": 1, "H": 96})) == {"N": 1, "H": 96, "W": 64}
    with pytest.raises(NoInputsError, match="none of the sizes"):
        next(candidate_sizes(net("  slice(1, 0, 100)", "float32[N, H]"), {"H": 64}))


@pytest.mark.parametrize(
    ("body", "input", "reason"),
    [
        ("  slice(1, 0, 5000)", "float32[N, H]", "none of the sizes that were tried fits the network"),
        ("  relu", "float32[100000, 100000]", r"the tensor `x:0` would have 40,000,000,000 bytes"),
        ("  fc(100000, axis=-1)", "float32[1000, 1000000]", "one run takes 100,000,000,000,000 multiply-accumulates"),
    ],
    ids=["no size", "memory", "time"],
)
def test_a_network_that_is_not_run(body: str, input: str, reason: str) -> None:
    with pytest.raises(NoInputsError, match=reason):
        next(candidate_sizes(net(body, input), {}))


def test_types_with_sizes_are_those_that_the_ops_infer() -> None:
    graph = net("  max_pool(2x2)")
    types = types_with(graph, {"N": 2, "H": 9, "W": 8})
    assert types is not None
    assert types[graph.outputs["y"]].shape == (2, 4, 4, 3)
    assert types_with(graph, {"N": 2, "H": 1, "W": 8}) is None


def test_attempts_have_several_sizes_and_integers(tmp_path: Path) -> None:
    attempts = make_attempts(net("  embedding(5, 3)", "int32[N, L]"), {}, "", str(tmp_path))
    assert [attempt.sizes for attempt in attempts][:2] == [{"N": 2, "L": 64}] * 2
    with np.load(attempts[0].arrays) as first, np.load(attempts[1].arrays) as second:
        assert first["x"].any()
        assert not second["x"].any()
    assert [attempt.sizes for attempt in attempts][2:] == [{"N": 2, "L": size} for size in (32, 128, 224)]
    # Without other sizes, another batch is what is left to try.
    attempts = make_attempts(net("  relu", "float32[N, 3]"), {}, "", str(tmp_path))
    assert [attempt.sizes for attempt in attempts] == [{"N": 2}, {"N": 1}]


def test_the_examples_of_a_calibration_come_first(tmp_path: Path) -> None:
    path = tmp_path / "examples.npz"
    images = np.arange(3 * 8 * 8 * 3, dtype=np.float32).reshape(3, 8, 8, 3)
    np.savez(path, x=images)
    graph = net("  max_pool(2x2)")
    sizes, arrays = example_inputs(graph, str(path), {})
    assert sizes == {"N": 2, "H": 8, "W": 8}
    np.testing.assert_array_equal(arrays["x"], images[:2])
    (attempt,) = make_attempts(graph, {"N": 1}, str(path), str(tmp_path))
    assert attempt.sizes == {"N": 1, "H": 8, "W": 8}
    # Where they do not fit what another artefact has fixed, drawn numbers do.
    assert make_attempts(graph, {"H": 6}, str(path), str(tmp_path))[0].sizes == {"H": 6, "N": 2, "W": 64}


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"y": np.zeros((2, 8, 8, 3), np.float32)}, "there are no examples for the input `x`"),
        ({"x": np.zeros((2, 8, 8, 3))}, r"are float64\[2, 8, 8, 3\], not float32\[2, 8, 8, 3\]"),
        ({"x": np.zeros((2, 8, 8, 4), np.float32)}, "are float32"),
        ({"x": np.zeros((2, 8), np.float32)}, "are float32|the input `x` has an open size|do not fit"),
    ],
    ids=["none", "type", "shape", "rank"],
)
def test_examples_that_do_not_fit(tmp_path: Path, arrays: dict[str, np.ndarray], reason: str) -> None:
    write_arrays(str(tmp_path / "examples.npz"), arrays)
    with pytest.raises(NoInputsError, match=reason):
        example_inputs(net("  relu"), str(tmp_path / "examples.npz"), {})


def test_examples_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "examples.npz").write_bytes(b"PK")
    for name in ("examples.npz", "none.npz"):
        with pytest.raises(NoInputsError, match="the examples cannot be read"):
            example_inputs(net("  relu"), str(tmp_path / name), {})
