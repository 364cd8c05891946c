"""First values as bytes of the variable's own element type."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import slimdsl
from slimdsl.ir.graph import Tensor, Variable
from slimdsl.ops.base import Initializer
from slimdsl.ops.initializers import Constant, Identity, Orthogonal, RandomNormal
from slimdsl.types import DType, TensorType
from slimdsl.weights.initial_values import BLOCK, draw
from slimdsl.weights.seeded import SeedWeights

NUMPY = {
    DType.FLOAT16: np.dtype("<f2"),
    DType.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
    DType.FLOAT32: np.dtype("<f4"),
    DType.FLOAT64: np.dtype("<f8"),
}
NET = """\
slim 1
net t {{
  input x: {dtype}[N, 8, 8, 3]
  conv(4, 3x3, norm=batch_norm) as c
  flatten
  fc(10, weights_init=orthogonal, activation=none) as logits
  output logits
}}
"""


def written(initializer: Initializer, shape: tuple[int, ...], dtype: DType) -> bytes:
    content = bytearray()
    variable = Variable("w", Tensor("w", 0, TensorType(dtype=dtype, shape=shape)), initializer, None, True, "")
    SeedWeights(3).write(variable, lambda piece: content.extend(memoryview(piece).cast("B")))
    return bytes(content)


@pytest.mark.parametrize("dtype", NUMPY, ids=lambda dtype: dtype.value)
@pytest.mark.parametrize("initializer", [RandomNormal(), Constant(value=0.1), Orthogonal(), Identity()], ids=str)
def test_values_are_rounded_to_the_type_of_the_variable(initializer: Initializer, dtype: DType) -> None:
    shape = (3, BLOCK // 2) if isinstance(initializer, RandomNormal) else (8, 6)
    expected = draw(initializer, "w", shape, 3).astype(NUMPY[dtype])
    assert written(initializer, shape, dtype) == expected.tobytes()


@pytest.mark.parametrize("number", [1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1 - 2**-8, 3.4e38, -3.4e38, 1e-40])
def test_bfloat16_is_rounded_to_the_nearest_and_ties_to_even(number: float) -> None:
    expected = np.float32(number).astype(ml_dtypes.bfloat16)
    assert written(Constant(value=number), (1,), DType.BFLOAT16) == expected.tobytes()


def test_what_is_beyond_the_range_is_infinite_without_a_warning() -> None:
    assert np.frombuffer(written(Constant(value=1e6), (2,), DType.FLOAT16), "<f2").tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("form", ["frozen", "graphdef"])
@pytest.mark.parametrize("dtype", [dtype.value for dtype in NUMPY])
def test_a_network_of_any_floating_type_is_written(dtype: str, form: slimdsl.model.Form) -> None:
    assert slimdsl.loads(NET.format(dtype=dtype)).to_bytes(form)
