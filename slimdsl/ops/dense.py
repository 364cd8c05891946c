"""The fully connected layer."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import IntKind, arg
from slimdsl.ops.base import Applicable, Builder, Initializer, Layer, Operand, Primitive, Regularizer, ShapeError
from slimdsl.ops.bias import complete
from slimdsl.ops.windows import known_channels
from slimdsl.types import Dim, TensorType, product, shape_text, surely_unequal
from slimdsl.values import value


@value
class MatMul(Primitive):
    """Multiply the last axis with a matrix of weights: ``[N, …, C]`` and ``[C, F]`` give ``[N, …, F]``.

    TensorFlow: ``tf.matmul``, and ``tf.tensordot`` on ranks above 2.
    """

    name: ClassVar[str] = "dense_product"
    node_name: ClassVar[str] = "MatMul"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        x, weights = inputs
        require_floating("fc", x)
        if x.rank < 2 or weights.rank != 2 or surely_unequal(x.shape[-1], weights.shape[0]):
            raise ShapeError(f"weights {shape_text(weights.shape)} do not fit {shape_text(x.shape)}", operand=1)
        return TensorType(dtype=x.dtype, shape=(*x.shape[:-1], weights.shape[1]))

    def macs(self, inputs: tuple[TensorType, ...], result: TensorType) -> Dim:
        """Elements of the result times the length of a row."""
        return product(result.shape) * inputs[1].shape[0]


@value
class FullyConnected(Layer):
    """Fully connected layer. TF-Slim: ``fully_connected``.

    Takes ``[N, C]`` and gives ``[N, units]``; with ``axis=-1`` takes ``[N, …, C]`` and gives ``[N, …, units]``.
    Makes ``weights`` [C, units] and, without a `norm`, ``biases`` [units].
    Example: ``fc(1000, activation=none)``.
    """

    name: ClassVar[str] = "fc"
    scope_name: ClassVar[str] = "fully_connected"
    function_name: ClassVar[str] = "fully_connected"
    reserves_scope_name: ClassVar[bool] = True
    units: int = arg(IntKind(minimum=1), doc="number of outputs")
    activation: Applicable | None = shared.activation_argument()
    norm: Applicable | None = shared.norm_argument()
    weights_init: Initializer = shared.weights_init_argument()
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    biases_init: Initializer | None = shared.biases_init_argument()
    biases_reg: Regularizer | None = shared.biases_reg_argument()
    trainable: bool = shared.trainable_argument()
    axis: int | None = arg(
        IntKind(minimum=-1, optional=True), None, doc="-1: act on the last axis of a tensor of any rank from 2"
    )

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the weights, multiply, then biases or norm, then the activation."""
        require_floating(self.name, x.type)
        self._check_rank(x.type)
        weights = builder.variable(
            "weights",
            (known_channels(self.name, x.type), self.units),
            initializer=self.weights_init,
            regularizer=self.weights_reg,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )
        result = builder.emit(MatMul(), x, weights, name="MatMul" if x.type.rank == 2 else "Tensordot")
        return complete(builder, result, self)

    def _check_rank(self, x: TensorType) -> None:
        given = f"this one has rank {x.rank}: {shape_text(x.shape)}"
        if x.rank < 2:
            raise ShapeError(
                f"fc wants a tensor of rank 2, {given}",
                operand=0,
                help="`reshape([channels])` gives each example an axis of channels",
            )
        if self.axis is None and x.rank > 2:
            raise ShapeError(
                f"fc wants a tensor of rank 2, {given}",
                operand=0,
                help="write `flatten` before it, or `axis=-1` if it is to act on the last axis alone",
            )
        if self.axis is not None and self.axis not in (-1, x.rank - 1):
            raise ShapeError(
                f"fc acts on the last axis only, {self.axis} is another one of {shape_text(x.shape)}",
                argument="axis",
                help="write `axis=-1`",
            )
