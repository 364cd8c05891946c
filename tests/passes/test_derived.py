"""The numbers of derived weights: rounded once, in whatever pieces they come, and stable."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

import slimdsl
from slimdsl.ir.graph import Tensor, Variable
from slimdsl.ops.initializers import Zeros
from slimdsl.ops.layout import Transpose
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.shape import ExpandDims, Squeeze, Tile
from slimdsl.passes.constants import COMPUTABLE
from slimdsl.passes.deploy import deploy
from slimdsl.passes.derivation import Computed, Derivation, Gain, Number, Original, Product, ScaledKernel
from slimdsl.types import DType, TensorType
from slimdsl.weights.derived import BLOCK, MOVES, DerivedWeights
from slimdsl.weights.source import FileRange, WeightSource
from tests.harness import Array, numbers


class Arrays(WeightSource):
    """Given values, in pieces of so many bytes, each in the same buffer."""

    def __init__(self, values: Mapping[str, Array], piece: int = 1 << 30) -> None:
        self._values = values
        self._piece = piece

    def write(self, variable: Variable, sink: Callable[[bytes | memoryview], None]) -> None:
        content = self._values[variable.name].tobytes()
        buffer = bytearray(min(self._piece, len(content)))
        for start in range(0, len(content), self._piece):
            part = content[start : start + self._piece]
            buffer[: len(part)] = part
            sink(memoryview(buffer)[: len(part)])

    def file_range(self, variable: Variable) -> FileRange | None:
        return FileRange(descriptor=0, offset=len(variable.name), size=4)


def variable(name: str, *shape: int, dtype: DType = DType.FLOAT32) -> Variable:
    kind = TensorType(dtype=dtype, shape=shape)
    return Variable(name, Tensor(name, 0, kind), Zeros(), None, True, "")


def written(source: WeightSource, of: Variable) -> bytes:
    content = bytearray()
    source.write(of, content.extend)
    return bytes(content)


def values(derivation: Derivation, of: Variable, given: Mapping[str, Array], piece: int = 1 << 30) -> Array:
    source = DerivedWeights(Arrays(given, piece), {of.name: derivation})
    return np.frombuffer(written(source, of), of.tensor.type.dtype.value).reshape(of.shape)


KERNEL, FACTORS = numbers("kernel", (3, 5, 7)), numbers("factors", (7,))


@pytest.mark.parametrize("piece", [1, 3, 4, 10, 1 << 20])
def test_a_kernel_may_come_in_any_pieces(piece: int) -> None:
    derivation = ScaledKernel(Original(variable("kernel", 3, 5, 7)), Original(variable("factors", 7)), 1)
    found = values(derivation, variable("new", 3, 5, 7), {"kernel": KERNEL, "factors": FACTORS}, piece)
    np.testing.assert_array_equal(found, (KERNEL.astype(np.float64) * FACTORS).astype(np.float32))


def test_factors_of_an_axis_before_the_last() -> None:
    factors = numbers("factors", (5,))
    derivation = ScaledKernel(Original(variable("kernel", 3, 5, 7)), Original(variable("factors", 5)), 7)
    found = values(derivation, variable("new", 3, 5, 7), {"kernel": KERNEL, "factors": factors})
    np.testing.assert_array_equal(found, (KERNEL.astype(np.float64) * factors[:, None]).astype(np.float32))


def test_a_kernel_is_never_whole_in_memory() -> None:
    rows = BLOCK // 7 + 20
    given = {"kernel": numbers("kernel", (rows, 7)), "factors": FACTORS}
    sizes: list[int] = []
    derivation = ScaledKernel(Original(variable("kernel", rows, 7)), Original(variable("factors", 7)), 1)
    source = DerivedWeights(Arrays(given), {"new": derivation})
    found = bytearray()

    def sink(data: bytes | memoryview) -> None:
        sizes.append(len(data))
        found.extend(data)

    source.write(variable("new", rows, 7), sink)
    assert max(sizes) == 4 * BLOCK < len(found)
    product = (given["kernel"].astype(np.float64) * FACTORS).astype(np.float32)
    np.testing.assert_array_equal(np.frombuffer(found, np.float32).reshape(rows, 7), product)


def test_one_number_stands_for_a_vector() -> None:
    np.testing.assert_array_equal(values(Number(0.1), variable("new", 3), {}), np.full(3, 0.1, np.float32))
    derivation = ScaledKernel(Original(variable("kernel", 3, 5, 7)), Number(0.1), 1)
    found = values(derivation, variable("new", 3, 5, 7), {"kernel": KERNEL})
    np.testing.assert_array_equal(found, (KERNEL.astype(np.float64) * 0.1).astype(np.float32))


def test_float64_stays_float64() -> None:
    kernel = numbers("kernel", (3, 5, 7), DType.FLOAT64)
    derivation = ScaledKernel(Original(variable("kernel", 3, 5, 7, dtype=DType.FLOAT64)), Number(1 / 3), 1)
    found = values(derivation, variable("new", 3, 5, 7, dtype=DType.FLOAT64), {"kernel": kernel})
    np.testing.assert_array_equal(found, kernel * (1 / 3))


def test_what_is_not_derived_is_that_of_the_source() -> None:
    kernel = variable("kernel", 3, 5, 7)
    source = DerivedWeights(Arrays({"kernel": KERNEL}), {"new": Original(kernel)})
    assert written(source, kernel) == KERNEL.tobytes()
    assert source.file_range(kernel) == FileRange(descriptor=0, offset=6, size=4)
    assert source.file_range(variable("new", 3, 5, 7)) is None


def test_whatever_may_be_computed_can_be() -> None:
    assert set(MOVES) == set(COMPUTABLE)


MOVED = [
    (ExpandDims(axis=1), (3, 1, 4), lambda array: array[:, None]),
    (Reshape(shape=(2, -1)), (3, 2, 2), lambda array: array.reshape(3, 2, 2)),
    (Squeeze(axes=(0,)), (4,), lambda array: array[0]),
    (Tile(multiples=(2, 3)), (6, 12), lambda array: np.tile(array, (2, 3))),
    (Transpose(perm=(1, 0)), (4, 3), lambda array: array.T),
]


@pytest.mark.parametrize(("op", "shape", "move"), MOVED, ids=[type(op).__name__ for op, _, _ in MOVED])
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT64, DType.FLOAT16, DType.BFLOAT16])
def test_moved_elements_keep_their_bits(
    op: Tile, shape: tuple[int, ...], move: Callable[[Array], Array], dtype: DType
) -> None:
    rows = 1 if isinstance(op, Squeeze) else 3
    bits = np.arange(rows * 4, dtype=f"<u{dtype.size}").reshape(rows, 4) + 0x7F00
    derivation = Computed(op, Original(variable("table", rows, 4, dtype=dtype)))
    source = DerivedWeights(Arrays({"table": bits}), {"new": derivation})
    assert written(source, variable("new", *shape, dtype=dtype)) == np.ascontiguousarray(move(bits)).tobytes()


def test_steps_follow_each_other() -> None:
    filter = numbers("filter", (2, 2))
    tiled = Computed(Tile(multiples=(1, 3)), Computed(Transpose(perm=(1, 0)), Original(variable("filter", 2, 2))))
    vector = Product(Gain(Original(variable("variance", 6)), 0.5), Original(variable("gamma", 6)))
    variance, gamma = np.exp(numbers("variance", (6,))), numbers("gamma", (6,))
    given = {"filter": filter, "variance": variance, "gamma": gamma}
    found = values(ScaledKernel(tiled, vector, 1), variable("new", 2, 6), given)
    wide = {name: array.astype(np.float64) for name, array in given.items()}
    factors = 1 / np.sqrt(wide["variance"] + 0.5) * wide["gamma"]
    np.testing.assert_array_equal(found, (np.tile(wide["filter"].T, (1, 3)) * factors).astype(np.float32))


TEXT = """slim 1
net f() {
  input x: float32[N, 64]
  fc(48, norm=batch_norm(scale=true, epsilon=0.00001), activation=none)
  output y
}
"""


def test_moments_of_any_size_lose_no_digits() -> None:
    """The bound of `passes.deploy`, and that the other order of computing has errors as large."""
    graph = slimdsl.loads(TEXT).graph
    deployed = deploy(graph)
    random = np.random.default_rng(7)
    sizes = 10.0 ** random.uniform(-6, 6, 48)
    given = {
        "f/fully_connected/weights": random.standard_normal((64, 48)),
        "f/fully_connected/BatchNorm/gamma": 10.0 ** random.uniform(-3, 3, 48),
        "f/fully_connected/BatchNorm/beta": random.standard_normal(48) * sizes[::-1],
        "f/fully_connected/BatchNorm/moving_mean": random.standard_normal(48) * sizes,
        "f/fully_connected/BatchNorm/moving_variance": sizes**2,
    }
    given = {name: array.astype(np.float32) for name, array in given.items()}
    source = DerivedWeights(Arrays(given), deployed.derivations)
    kernel, biases = (np.frombuffer(written(source, v), np.float32).reshape(v.shape) for v in deployed.graph.variables)
    weights, gamma, beta, mean, variance = (array.astype(np.float64) for array in given.values())
    gain = gamma / np.sqrt(variance + 1e-5)
    np.testing.assert_array_equal(kernel, (weights * gain).astype(np.float32))
    np.testing.assert_array_equal(biases, (beta - mean * gain).astype(np.float32))

    x = random.standard_normal((100, 64)).astype(np.float32)
    exact = (x @ weights - mean) * gain + beta
    folded = x @ kernel + biases
    plain = (x @ given["f/fully_connected/weights"] - mean.astype(np.float32)) * gain.astype(np.float32)
    plain += beta.astype(np.float32)
    unit = np.finfo(np.float32).eps * (gain * (np.abs(x) @ np.abs(weights) + np.abs(mean)) + np.abs(beta))
    errors = [float((np.abs(found - exact) / unit).max()) for found in (folded, plain)]
    assert max(errors) <= 4, errors


@pytest.mark.filterwarnings("error")
def test_what_is_no_number_stays_none_without_a_word() -> None:
    vector = Gain(Original(variable("variance", 3)), 0.0)
    given = {"variance": np.array([-1, 0, 4], np.float32), "kernel": np.array([[1, 1, 3e38]], np.float32)}
    np.testing.assert_array_equal(
        values(vector, variable("new", 3), given), np.array([np.nan, np.inf, 0.5], np.float32)
    )
    kernel = ScaledKernel(Original(variable("kernel", 1, 3)), Number(10.0), 1)
    np.testing.assert_array_equal(
        values(kernel, variable("new", 1, 3), given), np.array([[10, 10, np.inf]], np.float32)
    )
