"""The weights of a deployed network: constants that follow from the variables of the network as it was written.

Products of kernels are made while the kernel is passed on, in float64, and rounded once: no kernel is held in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from slimdsl.ir.graph import Variable
from slimdsl.ops.base import Primitive
from slimdsl.ops.layout import Transpose
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.shape import ExpandDims, Squeeze, Tile
from slimdsl.passes.derivation import (
    Computed,
    Derivation,
    Difference,
    Gain,
    Number,
    Original,
    Product,
    ScaledKernel,
    Sum,
)
from slimdsl.types import DType, TensorType
from slimdsl.weights.source import FileRange, Sink, WeightSource

Array = np.ndarray[Any, np.dtype[Any]]

_SPELLINGS = {DType.FLOAT32: "<f4", DType.FLOAT64: "<f8"}
BLOCK = 1 << 16
"""Elements that are multiplied at a time: 512 KiB in float64, which stay in the cache."""


class DerivedWeights(WeightSource):
    """The weights of a deployed network.

    Args:
        source: those of the network as it was written.
        derivations: name of a variable -> how its values are computed; all others are those of the source.
    """

    def __init__(self, source: WeightSource, derivations: Mapping[str, Derivation]) -> None:
        self._source = source
        self._derivations = derivations

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the variable's values, computed where they are derived ones."""
        derivation = self._derivations.get(variable.name)
        if derivation is None:
            self._source.write(variable, sink)
        elif isinstance(derivation, (ScaledKernel, Computed, Original)):
            self._pass_on(derivation, variable.tensor.type.dtype, sink)
        else:
            sink(self._rounded_vector(derivation, variable).data.cast("B"))

    def file_range(self, variable: Variable) -> FileRange | None:
        """Where the values stand in a file; derived ones stand nowhere."""
        return None if variable.name in self._derivations else self._source.file_range(variable)

    def _pass_on(self, derivation: Derivation, dtype: DType, sink: Sink) -> None:
        if isinstance(derivation, ScaledKernel):
            factors = np.repeat(np.atleast_1d(self._vector(derivation.factors)), derivation.repeat)
            multiplier = _Multiplier(factors, _SPELLINGS[dtype], sink)
            self._pass_on(derivation.kernel, dtype, multiplier.take)
        elif isinstance(derivation, Original):
            self._source.write(derivation.variable, sink)
        else:
            sink(np.ascontiguousarray(self._moved(derivation)[0]).data.cast("B"))

    def _rounded_vector(self, derivation: Derivation, variable: Variable) -> Array:
        """The numbers of a vector in its own type; a number that stands for all of them as often as it is wanted."""
        wide = np.broadcast_to(self._vector(derivation), variable.shape)
        with np.errstate(over="ignore"):
            return wide.astype(_SPELLINGS[variable.tensor.type.dtype], order="C")

    def _vector(self, derivation: Derivation) -> Array:
        """The exact numbers: in float64."""
        # What is no number in the weights is none in the result either, as in a network that is not deployed.
        with np.errstate(all="ignore"):
            if isinstance(derivation, Number):
                return np.asarray(derivation.number, np.float64)
            if isinstance(derivation, Gain):
                gain: Array = 1.0 / np.sqrt(self._vector(derivation.variance) + derivation.epsilon)
                return gain
            if isinstance(derivation, (Product, Sum, Difference)):
                left, right = self._vector(derivation.left), self._vector(derivation.right)
                return _ARITHMETIC[type(derivation)](left, right)
            values, kind = self._moved(derivation)
            return values.view(_SPELLINGS[kind.dtype]).astype(np.float64)

    def _moved(self, derivation: Derivation) -> tuple[Array, TensorType]:
        """The elements of a constant, as integers of the same bits, in their shape; and their type."""
        if isinstance(derivation, Original):
            variable = derivation.variable
            content = bytearray()
            self._source.write(variable, content.extend)
            kind = variable.tensor.type
            return np.frombuffer(content, f"<u{kind.dtype.size}").reshape(variable.shape), kind
        if not isinstance(derivation, Computed):
            raise TypeError(f"{type(derivation).__name__} is nothing that can be computed here")
        elements, kind = self._moved(derivation.operand)
        result = derivation.op.infer(kind)
        return MOVES[type(derivation.op)](derivation.op, elements, result), result


_ARITHMETIC: dict[type[Derivation], Callable[[Array, Array], Array]] = {
    Product: np.multiply,
    Sum: np.add,
    Difference: np.subtract,
}


def _reshaped(_: Any, elements: Array, result: TensorType) -> Array:
    return elements.reshape([dim for dim in result.shape if isinstance(dim, int)])


MOVES: dict[type[Primitive], Callable[[Any, Array, TensorType], Array]] = {
    ExpandDims: _reshaped,
    Reshape: _reshaped,
    Squeeze: _reshaped,
    Tile: lambda op, elements, _: np.tile(elements, op.multiples),
    Transpose: lambda op, elements, _: elements.transpose(op.perm),
}
"""What computes the primitives of `passes.constants.COMPUTABLE`."""


class _Multiplier:
    """Multiplies what is passed on by factors that come over and over.

    Args:
        factors: the factors, exact.
        spelling: numpy's name of the element type.
        sink: takes the products.
    """

    def __init__(self, factors: Array, spelling: str, sink: Sink) -> None:
        # So many rounds that a block can begin anywhere in the first.
        self._factors = np.resize(factors, len(factors) + BLOCK)
        self._period = len(factors)
        self._type = np.dtype(spelling)
        self._sink = sink
        self._at = 0
        self._rest = b""

    def take(self, data: bytes | memoryview) -> None:
        """Pass on the products; a part of an element waits for the next call."""
        view = memoryview(data).cast("B")
        if self._rest:
            missing = (self._type.itemsize - len(self._rest)) % self._type.itemsize
            whole = self._rest + bytes(view[:missing])
            self._rest = b""
            self._elements(memoryview(whole))
            view = view[missing:]
        self._elements(view)

    def _elements(self, view: memoryview) -> None:
        cut = len(view) - len(view) % self._type.itemsize
        self._rest += bytes(view[cut:])
        elements = np.frombuffer(view[:cut], self._type)
        for start in range(0, len(elements), BLOCK):
            block = elements[start : start + BLOCK]
            factors = self._factors[self._at : self._at + len(block)]
            with np.errstate(all="ignore"):
                product = (block * factors).astype(self._type)
            self._sink(product.data.cast("B"))
            self._at = (self._at + len(block)) % self._period
