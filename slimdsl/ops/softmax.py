"""Softmax over the last axis, as TF-Slim does it: the tensor becomes a matrix of rows and then itself again."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.base import Builder, Layer, Operand, Primitive, ShapeError
from slimdsl.ops.windows import known_channels
from slimdsl.types import TensorType, product, shape_text
from slimdsl.values import value


@value
class MergeRows(Primitive):
    """All axes but the last become one: ``[N, …, C]`` becomes a matrix. TensorFlow: ``tf.reshape(x, [-1, C])``."""

    name: ClassVar[str] = "merge_rows"
    node_name: ClassVar[str] = "Reshape"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the matrix."""
        (x,) = inputs
        return TensorType(dtype=x.dtype, shape=(product(x.shape[:-1]), x.shape[-1]))


@value
class SplitRows(Primitive):
    """A matrix takes the shape of the second input, of whose rows it is made: ``tf.reshape(x, tf.shape(y))``."""

    name: ClassVar[str] = "split_rows"
    node_name: ClassVar[str] = "Reshape"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the result."""
        rows, like = inputs
        return TensorType(dtype=rows.dtype, shape=like.shape)


@value
class SoftmaxRows(Primitive):
    """exp(x) / Σ exp(x) over each row of a matrix. TensorFlow: ``tf.nn.softmax``."""

    name: ClassVar[str] = "softmax_rows"
    node_name: ClassVar[str] = "Softmax"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the matrix."""
        (x,) = inputs
        require_floating("softmax", x)
        return x


@value
class Softmax(Layer):
    """Softmax over the last axis: exp(x) / Σ exp(x), the probabilities that belong to logits. TF-Slim: ``softmax``.

    Takes a tensor ``[N, …, C]`` of rank 2 or more and gives the same shape. Makes no variables; its nodes are
    ``Reshape``, ``Softmax`` and ``Reshape_1``, which is the result.
    Example: ``output predictions = logits -> softmax as Predictions``.
    """

    name: ClassVar[str] = "softmax"
    scope_name: ClassVar[str] = "softmax"

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Merge the rows, softmax, split them."""
        require_floating(self.name, x.type)
        if x.type.rank < 2:
            raise ShapeError(
                f"softmax wants a tensor of rank 2 or more, not of {x.type.rank}: {shape_text(x.type.shape)}",
                operand=0,
            )
        known_channels(self.name, x.type)
        probabilities = builder.emit(SoftmaxRows(), builder.emit(MergeRows(), x))
        return builder.emit(SplitRows(), probabilities, x)
