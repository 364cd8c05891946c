"""Initialisers as TensorFlow's nodes, run by the `init` op of a graph with variables.

The random ones are stateless and seeded by (seed, CRC-32 of the variable's name): the same values in every run on one
kind of device, whatever other variables there are. They are not the values of `weights.initial_values`, which no
TensorFlow op draws; their distribution is the same.
"""

from __future__ import annotations

import zlib

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Variable
from slimdsl.ops.base import Initializer
from slimdsl.ops.initializers import (
    Constant,
    Identity,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    elementary,
    middle_row,
)
from slimdsl.types import DType


def lower_initializer(initializer: Initializer, variable: Variable, seed: int, out: NodeWriter) -> str:
    """Add the nodes that draw the variable's first values, below ``<variable>/Initializer/``.

    Args:
        initializer: how they are distributed.
        variable: gives the name, the shape and the element type.
        seed: from 0 to 2^64 - 1.
        out: where the nodes go.

    Returns:
        The tensor with the values.
    """
    dtype = variable.tensor.type.dtype
    draw = _Draw(variable, dtype, seed, out)
    distribution = elementary(initializer, variable.shape)
    if isinstance(distribution, Constant):
        return draw.fill(distribution.value)
    if isinstance(distribution, Identity):
        return draw.identity(distribution)
    if isinstance(distribution, Orthogonal):
        # There is no decomposition of narrow types, and it would be too rough in them.
        wide = DType.FLOAT64 if dtype is DType.FLOAT64 else DType.FLOAT32
        return draw.cast(_Draw(variable, wide, seed, out).orthogonal(distribution), wide)
    if isinstance(distribution, RandomUniform):
        unit = draw.random("StatelessRandomUniform", "random_uniform", variable.shape)
        return draw.scaled(unit, distribution.maxval - distribution.minval, distribution.minval)
    op, label = ("StatelessTruncatedNormal", "truncated_normal")
    if isinstance(distribution, RandomNormal):
        op, label = ("StatelessRandomNormal", "random_normal")
    return draw.scaled(draw.random(op, label, variable.shape), distribution.stddev, distribution.mean)


class _Draw:
    """The nodes below the ``Initializer`` of one variable, of one element type."""

    def __init__(self, variable: Variable, dtype: DType, seed: int, out: NodeWriter) -> None:
        self._variable = variable
        self._dtype = dtype
        self._seed = seed
        self._out = out

    def _name(self, label: str) -> str:
        return self._out.unique(f"{self._variable.name}/Initializer/{label}")

    def _node(self, op: str, label: str, *inputs: str) -> str:
        return self._out.node(op, self._name(label), inputs, T=self._dtype)

    def _number(self, label: str, number: float) -> str:
        return self._out.const(self._name(label), number, self._dtype)

    def _integers(self, label: str, numbers: tuple[int, ...], dtype: DType = DType.INT32) -> str:
        return self._out.const(self._name(label), numbers, dtype, (len(numbers),))

    def cast(self, tensor: str, source: DType) -> str:
        """The tensor in this element type; itself where it is of it."""
        if source is self._dtype:
            return tensor
        return self._out.node("Cast", self._name("Cast"), [tensor], SrcT=source, DstT=self._dtype, Truncate=False)

    def random(self, op: str, label: str, shape: tuple[int, ...]) -> str:
        """Unit random numbers of this shape."""
        # The same 64 bits as a signed integer, which is what the op takes.
        signed = self._seed - (self._seed >> 63 << 64)
        key = (signed, zlib.crc32(self._variable.name.encode()))
        return self._out.node(
            op,
            self._name(label),
            [self._integers("shape", shape), self._integers("seed", key, DType.INT64)],
            dtype=self._dtype,
            T=DType.INT32,
            Tseed=DType.INT64,
        )

    def scaled(self, tensor: str, factor: float, offset: float) -> str:
        """The tensor times `factor`, plus `offset`."""
        if factor != 1.0:
            tensor = self._node("Mul", "mul", tensor, self._number("scale", factor))
        if offset != 0.0:
            tensor = self._node("AddV2", "add", tensor, self._number("offset", offset))
        return tensor

    def fill(self, number: float) -> str:
        """The same number everywhere."""
        return self._out.node(
            "Fill",
            self._name("Fill"),
            [self._integers("shape", self._variable.shape), self._number("Const", number)],
            T=self._dtype,
            index_type=DType.INT32,
        )

    def identity(self, distribution: Identity) -> str:
        """`gain` on the main diagonal, for a convolution on that of the matrix at the middle."""
        shape = self._variable.shape
        first, columns = middle_row(shape), shape[-1]
        rows = self._variable.size // columns
        diagonal = self._out.node(
            "Fill",
            self._name("diagonal"),
            [self._integers("length", (min(shape[-2:]),)), self._number("gain", distribution.gain)],
            T=self._dtype,
            index_type=DType.INT32,
        )
        scalars = [
            self._out.const(self._name(label), size, DType.INT32)
            for label, size in (("rows", rows), ("columns", columns))
        ]
        k = self._out.const(self._name("k"), -first, DType.INT32)
        inputs = [diagonal, k, *scalars, self._number("padding", 0.0)]
        matrix = self._out.node("MatrixDiagV3", self._name("MatrixDiagV3"), inputs, T=self._dtype, align="RIGHT_LEFT")
        return matrix if len(shape) == 2 else self._reshaped(matrix)

    def orthogonal(self, distribution: Orthogonal) -> str:
        """The Q of a normal matrix, its signs those of R's diagonal, as ``tf.compat.v1.orthogonal_initializer``."""
        shape = self._variable.shape
        columns = shape[-1]
        rows = self._variable.size // columns
        normal = self.random("StatelessRandomNormal", "random_normal", (max(rows, columns), min(rows, columns)))
        q = self._out.node("Qr", self._name("Qr"), [normal], T=self._dtype, full_matrices=False)
        zero = self._out.const(self._name("k"), 0, DType.INT32)
        padding = self._number("padding", 0.0)
        diagonal = self._out.node(
            "MatrixDiagPartV3", self._name("diagonal"), [f"{q}:1", zero, padding], T=self._dtype, align="RIGHT_LEFT"
        )
        matrix = self._node("Mul", "signed", q, self._node("Sign", "Sign", diagonal))
        if rows < columns:
            permutation = self._integers("permutation", (1, 0))
            matrix = self._out.node(
                "Transpose", self._name("Transpose"), [matrix, permutation], T=self._dtype, Tperm=DType.INT32
            )
        return self.scaled(self._reshaped(matrix), distribution.gain, 0.0)

    def _reshaped(self, matrix: str) -> str:
        target = self._integers("target", self._variable.shape)
        return self._out.node("Reshape", self._name("Reshape"), [matrix, target], T=self._dtype, Tshape=DType.INT32)
