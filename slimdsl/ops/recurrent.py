"""LSTM and GRU over sequences of a known length, step after step.

The products with the inputs of all steps are one; each step is a primitive of its own that takes its part of that.
"""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, InitializerKind, IntKind, NumberKind, arg
from slimdsl.ops.axes import axis_of
from slimdsl.ops.base import Builder, Initializer, Layer, Operand, Primitive, Regularizer, ShapeError
from slimdsl.ops.bias import AddBias
from slimdsl.ops.dense import MatMul
from slimdsl.ops.initializers import Orthogonal
from slimdsl.ops.merge import Pack
from slimdsl.ops.windows import known, known_channels, require_rank
from slimdsl.types import Dim, TensorType, product, shape_text
from slimdsl.values import value


@value
class Unstack(Primitive):
    """All places along an axis, each a tensor without it. TensorFlow: ``tf.unstack``."""

    name: ClassVar[str] = "unstack"
    node_name: ClassVar[str] = "unstack"
    writable: ClassVar[bool] = False
    axis: int = arg(IntKind(minimum=0), doc="the axis that goes")

    def infer(self, *inputs: TensorType) -> TensorType:
        return self.infer_all(*inputs)[0]

    def infer_all(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """One type as often as the axis is long."""
        (x,) = inputs
        along = axis_of(x, self.axis)
        part = TensorType(dtype=x.dtype, shape=(*x.shape[:along], *x.shape[along + 1 :]))
        return (part,) * known(x.shape[along], x)


@value
class Step(Primitive):
    """Base of the steps: ``[N, gates * units]`` of the input, then state and weights, to ``[N, units]``.

    Attributes:
        gates: how many vectors of `units` numbers each step computes.
        weights_at: which of the inputs the recurrent weights are.
    """

    writable: ClassVar[bool] = False
    gates: ClassVar[int]
    weights_at: ClassVar[int]
    units: int = arg(IntKind(minimum=1), doc="length of the state")

    def infer(self, *inputs: TensorType) -> TensorType:
        x = inputs[0]
        if x.rank != 2 or x.shape[1] != self.gates * self.units:
            raise ShapeError(f"{shape_text(x.shape)} is not {self.gates} * {self.units} numbers", operand=0)
        return TensorType(dtype=x.dtype, shape=(x.shape[0], self.units))

    def macs(self, inputs: tuple[TensorType, ...], result: TensorType) -> Dim:
        """The product of the state and the recurrent weights, which the first step has not."""
        return result.shape[0] * product(inputs[self.weights_at].shape) if len(inputs) > self.weights_at else 0


@value
class LstmStep(Step):
    """One step: of the input, the state h, the cell c and the recurrent weights, the new h and c.

    The first step has the input alone; h and c are 0 before it. The gates are in, forget, cell, out.
    """

    name: ClassVar[str] = "lstm_step"
    node_name: ClassVar[str] = "step"
    gates: ClassVar[int] = 4
    weights_at: ClassVar[int] = 3
    forget_bias: float = arg(NumberKind(), doc="added to the forget gate")

    def infer_all(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The types of h and c."""
        return (self.infer(*inputs),) * 2


@value
class GruStep(Step):
    """One step: of the input, the state h and the recurrent weights, the new h.

    The first step has no h and no weights; h is 0 before it. The recurrent biases come last, where there are any. The
    gates are update, reset, new.
    """

    name: ClassVar[str] = "gru_step"
    node_name: ClassVar[str] = "step"
    gates: ClassVar[int] = 3
    weights_at: ClassVar[int] = 2
    reset_after: bool = arg(BoolKind(), doc="whether the reset gate acts on the product with the state")


@value
class _Recurrent(Layer):
    """Base of the two."""

    gates: ClassVar[int]
    units: int = arg(IntKind(minimum=1), doc="length of the state: the channels of the result")
    sequence: bool = arg(BoolKind(), False, doc="give the states of all steps, not that of the last alone")
    reverse: bool = arg(BoolKind(), False, doc="go from the last position to the first")
    weights_init: Initializer = shared.weights_init_argument()
    recurrent_init: Initializer = arg(InitializerKind(), Orthogonal(), doc="first values of the recurrent weights")
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    biases_init: Initializer | None = shared.biases_init_argument()
    biases_reg: Regularizer | None = shared.biases_reg_argument()
    trainable: bool = shared.trainable_argument()

    def _inputs(self, builder: Builder, x: Operand) -> tuple[list[Operand], Operand]:
        """Of each step its part in the product of input and weights; and the recurrent weights."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (3,), "`reshape([positions, channels])` before it makes a sequence of it")
        channels, length = known_channels(self.name, x.type), x.type.shape[1]
        if not isinstance(length, int):
            shape = shape_text(x.type.shape)
            raise ShapeError(
                f"{self.name} wants a known number of positions, this tensor has `{length}`: {shape}",
                operand=0,
                help="give the input a number for that axis",
            )
        weights = self._weights(builder, "weights", channels, self.weights_init, x)
        recurrent = self._weights(builder, "recurrent_weights", self.units, self.recurrent_init, x)
        result = builder.emit(MatMul(), x, weights)
        if self.biases_init is not None:
            result = builder.emit(AddBias(), result, self._biases(builder, "biases", self.biases_init, x))
        steps = list(builder.emit_all(Unstack(axis=1), result))
        return steps[::-1] if self.reverse else steps, recurrent

    def _weights(self, builder: Builder, leaf: str, rows: int, initializer: Initializer, x: Operand) -> Operand:
        return builder.variable(
            leaf,
            (rows, self.gates * self.units),
            initializer=initializer,
            regularizer=self.weights_reg if leaf == "weights" else None,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )

    def _biases(self, builder: Builder, leaf: str, initializer: Initializer, x: Operand) -> Operand:
        return builder.variable(
            leaf,
            (self.gates * self.units,),
            initializer=initializer,
            regularizer=self.biases_reg,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )

    def _result(self, builder: Builder, states: list[Operand]) -> Operand:
        """The last state, or all of them in the order of the positions."""
        if not self.sequence:
            return states[-1]
        return builder.emit(Pack(axis=1), *(states[::-1] if self.reverse else states))


@value
class Lstm(_Recurrent):
    """Long short-term memory over a sequence. TensorFlow: ``tf.keras.layers.LSTM``.

    Takes ``[N, L, C]``, L being known, and gives the state after the last position, ``[N, units]``, or with `sequence`
    all of them, ``[N, L, units]``. Makes ``weights`` [C, 4 * units], ``recurrent_weights`` [units, 4 * units] and
    ``biases`` [4 * units], each in the order in, forget, cell, out. Keras has the same numbers with ``forget_bias=0``,
    which it puts into the first values of its biases. Paper: https://www.bioinf.jku.at/publications/older/2604.pdf.
    Example: ``lstm(64, sequence=true)``.
    """

    name: ClassVar[str] = "lstm"
    scope_name: ClassVar[str] = "LSTM"
    gates: ClassVar[int] = 4
    forget_bias: float = arg(NumberKind(), 1.0, doc="added to the forget gate besides its bias")

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Multiply once, then step by step."""
        steps, recurrent = self._inputs(builder, x)
        op = LstmStep(units=self.units, forget_bias=self.forget_bias)
        states: list[Operand] = []
        carried: tuple[Operand, ...] = ()
        for number, part in enumerate(steps):
            state, cell = builder.emit_all(op, part, *carried, name=f"step_{number}")
            carried = (state, cell, recurrent)
            states.append(state)
        return self._result(builder, states)


@value
class Gru(_Recurrent):
    """Gated recurrent unit over a sequence. TensorFlow: ``tf.keras.layers.GRU``.

    Takes ``[N, L, C]``, L being known, and gives the state after the last position, ``[N, units]``, or with `sequence`
    all of them, ``[N, L, units]``. Makes ``weights`` [C, 3 * units], ``recurrent_weights`` [units, 3 * units],
    ``biases`` [3 * units] and, with `reset_after`, ``recurrent_biases`` [3 * units], each in the order update, reset,
    new; Keras has both biases in one variable [2, 3 * units]. Paper: https://arxiv.org/abs/1406.1078.
    Example: ``gru(64)``.
    """

    name: ClassVar[str] = "gru"
    scope_name: ClassVar[str] = "GRU"
    gates: ClassVar[int] = 3
    reset_after: bool = arg(
        BoolKind(),
        True,
        doc="the reset gate acts after the product with the state, as in Keras and cuDNN; else before it",
    )

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Multiply once, then step by step."""
        steps, recurrent = self._inputs(builder, x)
        op = GruStep(units=self.units, reset_after=self.reset_after)
        biases: tuple[Operand, ...] = ()
        if self.reset_after and self.biases_init is not None:
            biases = (self._biases(builder, "recurrent_biases", self.biases_init, x),)
        states: list[Operand] = []
        carried: tuple[Operand, ...] = ()
        for number, part in enumerate(steps):
            state = builder.emit(op, part, *carried, *biases, name=f"step_{number}")
            carried = (state, recurrent)
            states.append(state)
        return self._result(builder, states)
