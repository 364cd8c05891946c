"""A node that TensorFlow would not accept, or would silently read otherwise, is never written."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from slimdsl.backends.graphdef.node_writer import EmitterError, NodeWriter
from slimdsl.types import DType

FLOAT = DType.FLOAT32


@pytest.fixture
def out() -> NodeWriter:
    writer = NodeWriter(training=False, seed=5, reserved=("conv1/Conv2D",))
    writer.node("Placeholder", "x", dtype=FLOAT, shape=(None, 4))
    writer.const("axis", 0, DType.INT32)
    return writer


# What is wrong -> (op, name, inputs, attrs, what the message must say).
REFUSED: dict[str, tuple[str, str, list[str], dict[str, Any], str]] = {
    "unknown op": ("Rleu", "n", ["x"], {"T": FLOAT}, "no op `Rleu`"),
    "unknown attr": ("Relu", "n", ["x"], {"T": FLOAT, "alpha": 1.0}, "no attr `alpha`"),
    "missing attr": ("Relu", "n", ["x"], {}, "needs the attr `T`"),
    "type for a type": ("Relu", "n", ["x"], {"T": 1}, "must be a type"),
    "type not allowed": ("Relu", "n", ["x"], {"T": DType.STRING}, "must be one of"),
    "bool for an int": ("ConcatV2", "n", ["x", "x", "axis"], {"T": FLOAT, "N": True}, "must be an integer"),
    "int too small": ("ConcatV2", "n", ["x", "axis"], {"T": FLOAT, "N": 1}, "at least 2"),
    "int for a bool": ("Mean", "n", ["x", "axis"], {"T": FLOAT, "keep_dims": 1}, "true or false"),
    "string not allowed": ("BiasAdd", "n", ["x", "x"], {"T": FLOAT, "data_format": "NCWH"}, "must be one of"),
    "string for a float": ("LeakyRelu", "n", ["x"], {"T": FLOAT, "alpha": "0.2"}, "must be a number"),
    "int for a list": ("Squeeze", "n", ["x"], {"T": FLOAT, "squeeze_dims": 1}, "must be a list"),
    "number for a shape": ("Placeholder", "n", [], {"dtype": FLOAT, "shape": 3}, "must be a shape"),
    "dimension below -1": ("Placeholder", "n", [], {"dtype": FLOAT, "shape": (-2,)}, "must be a shape"),
    "list too short": ("MaxPool", "n", ["x"], {"ksize": [1], "strides": [1] * 4, "padding": "SAME"}, "4 entries"),
    "too few inputs": ("AddV2", "n", ["x"], {"T": FLOAT}, "takes 2 inputs, not 1"),
    "too many inputs": ("Relu", "n", ["x", "x"], {"T": FLOAT}, "takes 1 inputs, not 2"),
    "inputs against N": ("AddN", "n", ["x", "x"], {"T": FLOAT, "N": 3}, "takes 3 inputs, not 2"),
    "input of another type": ("AddV2", "n", ["x", "axis"], {"T": FLOAT}, "`axis` is int32, not float32"),
    "input of a wrong fixed type": ("Reshape", "n", ["x", "x"], {"T": FLOAT}, "`x` is float32, not int32"),
    "unknown input": ("Relu", "n", ["y"], {"T": FLOAT}, "no node `y` yet"),
    "result that is not there": ("Relu", "n", ["x:1"], {"T": FLOAT}, "no `x:1`"),
    "unknown control input": ("NoOp", "n", ["^y"], {}, "no node `y` yet"),
    "control input first": ("Relu", "n", ["^x", "x"], {"T": FLOAT}, "control inputs come last"),
    "name taken": ("Relu", "x", ["x"], {"T": FLOAT}, "node of that name already"),
    "name with a colon": ("Relu", "a:0", ["x"], {"T": FLOAT}, "is not a name"),
    "name with a line end": ("Relu", "a\n", ["x"], {"T": FLOAT}, "is not a name"),
    "empty name": ("Relu", "", ["x"], {"T": FLOAT}, "is not a name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_nodes_are_refused_and_leave_nothing_behind(out: NodeWriter, case: str) -> None:
    op, name, inputs, attrs, message = REFUSED[case]
    before = len(out.nodes)
    with pytest.raises(EmitterError) as raised:
        out.node(op, name, inputs, **attrs)
    assert message in str(raised.value)
    assert len(out.nodes) == before


def test_every_default_is_written_out(out: NodeWriter) -> None:
    out.node("Mean", "mean", ["x", "axis"], T=FLOAT)
    attrs = out.nodes[-1].attr
    assert set(attrs) == {"T", "Tidx", "keep_dims"}
    assert attrs["keep_dims"].WhichOneof("value") == "b"


def test_an_empty_list_is_a_value(out: NodeWriter) -> None:
    out.node("Squeeze", "s", ["x"], T=FLOAT)
    assert out.nodes[-1].attr["squeeze_dims"].WhichOneof("value") == "list"


def test_the_shape_of_a_scalar_is_set(out: NodeWriter) -> None:
    """OpenVINO refuses a constant whose shape was never set."""
    tensor = out.nodes[-1].attr["value"].tensor
    assert tensor.HasField("tensor_shape")
    assert not tensor.tensor_shape.dim


# Element type -> numbers and their bytes.
ENCODED: dict[DType, tuple[list[Any], bytes]] = {
    DType.FLOAT32: ([1.5, -0.0], struct.pack("<2f", 1.5, -0.0)),
    DType.FLOAT64: ([0.1], struct.pack("<d", 0.1)),
    DType.FLOAT16: ([0.5], b"\x00\x38"),
    DType.BFLOAT16: ([1.0, 1.00390625, 1.01171875, float("inf")], b"\x80\x3f\x80\x3f\x82\x3f\x80\x7f"),
    DType.INT8: ([-1], b"\xff"),
    DType.UINT8: ([255], b"\xff"),
    DType.INT32: ([-2, 1], b"\xfe\xff\xff\xff\x01\x00\x00\x00"),
    DType.INT64: ([-1], b"\xff" * 8),
    DType.BOOL: ([True, False], b"\x01\x00"),
}


@pytest.mark.parametrize("dtype", ENCODED)
def test_constants_are_little_endian_bytes(out: NodeWriter, dtype: DType) -> None:
    numbers, encoded = ENCODED[dtype]
    out.const("k", numbers, dtype, (len(numbers),))
    assert out.nodes[-1].attr["value"].tensor.tensor_content == encoded


@pytest.mark.parametrize(
    ("values", "dtype", "shape"),
    [([1, 2], DType.INT32, ()), ([1], DType.INT32, (2,)), ([2**31], DType.INT32, (1,)), (["a"], DType.FLOAT32, (1,))],
)
def test_constants_that_do_not_fit_are_refused(
    out: NodeWriter, values: Any, dtype: DType, shape: tuple[int, ...]
) -> None:
    with pytest.raises(EmitterError):
        out.const("k", values, dtype, shape)


def test_a_single_int32_stands_where_opencv_looks_for_it(out: NodeWriter) -> None:
    out.const("k", -1, DType.INT32)
    found = out.nodes[-1].attr["value"].tensor
    assert list(found.int_val) == [-1]
    assert found.tensor_content == b""
    with pytest.raises(EmitterError):
        out.const("large", 2**31, DType.INT32)


def test_a_float_beyond_the_range_is_infinite(out: NodeWriter) -> None:
    out.const("k", [1e39, -1e39, 1.0], FLOAT, (3,))
    content = out.nodes[-1].attr["value"].tensor.tensor_content
    assert struct.unpack("<3f", content) == (float("inf"), float("-inf"), 1.0)


def test_unique_names_stay_clear_of_everything(out: NodeWriter) -> None:
    assert out.unique("free") == "free"
    assert out.unique("free") == "free_1"
    assert out.unique("x") == "x_1"
    assert out.unique("conv1/Conv2D") == "conv1/Conv2D_1"
    assert out.node("Relu", "conv1/Conv2D", ["x"], T=FLOAT) == "conv1/Conv2D"


def test_the_random_seed_is_made_once(out: NodeWriter) -> None:
    assert out.random_seed_name == ""
    assert out.random_seed() == out.random_seed() == out.random_seed_name == "random_seed"
    made = [node for node in out.nodes if node.name.startswith("random_seed")]
    assert [node.op for node in made] == ["Const", "PlaceholderWithDefault"]
    assert made[0].attr["value"].tensor.tensor_content == struct.pack("<2q", 5, 0)


def test_the_training_step_is_made_once_and_beyond_every_training(out: NodeWriter) -> None:
    assert out.training_step_name == ""
    assert out.training_step() == out.training_step() == out.training_step_name == "training_step"
    made = [node for node in out.nodes if node.name.startswith("training_step")]
    assert [node.op for node in made] == ["Const", "PlaceholderWithDefault"]
    assert made[0].attr["value"].tensor.tensor_content == struct.pack("<q", 2**63 - 1)


def test_in_a_function_they_are_arguments() -> None:
    out = NodeWriter(training=True, seed=5, seed_argument="seed", step_argument="step")
    assert (out.random_seed(), out.training_step()) == ("seed", "step")
    assert (out.tensor_type("seed"), out.tensor_type("step"), out.nodes) == ("int64", "int64", [])
