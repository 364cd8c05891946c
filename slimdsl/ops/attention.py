"""Multi-head self-attention."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, IntKind, NumberKind, arg
from slimdsl.ops.base import Builder, Initializer, Layer, Operand, Regularizer, ShapeError
from slimdsl.ops.bias import AddBias
from slimdsl.ops.dense import MatMul
from slimdsl.ops.dropout import RandomDrop
from slimdsl.ops.layout import Transpose
from slimdsl.ops.math import Scale
from slimdsl.ops.matrix import MaskFuture, MatrixProduct
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.softmax import SoftmaxRows
from slimdsl.ops.windows import known_channels, require_rank
from slimdsl.values import value


@value
class Attention(Layer):
    """Multi-head self-attention: each position takes a mean of all, weighted by how well their queries and keys fit.

    Takes ``[N, L, C]`` and gives the same. Of `heads` heads, each has queries, keys and values of `size` channels; its
    result is softmax(q · k / √size) · v. With `causal` a position sees none behind it. Makes ``query/weights``,
    ``key/weights`` and ``value/weights`` [C, heads * size] and ``output/weights`` [heads * size, C], and to each
    ``biases``; with weights [C, heads, size] and [heads, size, C] TensorFlow's ``tf.keras.layers.MultiHeadAttention``
    has the same numbers. Paper: https://arxiv.org/abs/1706.03762. Example: ``attention(heads=8, causal=true)``.
    """

    name: ClassVar[str] = "attention"
    scope_name: ClassVar[str] = "Attention"
    heads: int = arg(IntKind(minimum=1), doc="number of heads")
    size: int | None = arg(
        IntKind(minimum=1, optional=True),
        None,
        doc="channels of each head; `none`: those of the input, divided by heads",
    )
    causal: bool = arg(BoolKind(), False, doc="whether a position sees only itself and those before it")
    keep_prob: float = arg(
        NumberKind(above=0.0, maximum=1.0), 1.0, doc="probability that a weight of the mean is kept while training"
    )
    weights_init: Initializer = shared.weights_init_argument()
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    biases_init: Initializer | None = shared.biases_init_argument()
    biases_reg: Regularizer | None = shared.biases_reg_argument()
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Project, weigh, project back."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (3,), "`reshape([positions, channels])` before it makes a sequence of it")
        channels = known_channels(self.name, x.type)
        size = self._size(channels)
        query, key, value = (
            self._heads(builder, self._project(builder, part, x, channels, self.heads * size), size)
            for part in ("query", "key", "value")
        )
        query = builder.emit(Scale(factor=size**-0.5), query)
        scores = builder.emit(MatrixProduct(transpose_b=True), query, key, name="scores")
        if self.causal:
            scores = builder.emit(MaskFuture(), scores, name="masked")
        weights = builder.emit(SoftmaxRows(), scores)
        if builder.training and self.keep_prob < 1.0:
            weights = builder.emit(RandomDrop(keep_prob=self.keep_prob), weights)
        mean = builder.emit(MatrixProduct(), weights, value, name="mean")
        positions = builder.emit(Transpose(perm=(0, 2, 1, 3)), mean)
        together = builder.emit(Reshape(shape=(x.type.shape[1], self.heads * size)), positions)
        return self._project(builder, "output", together, self.heads * size, channels)

    def _size(self, channels: int) -> int:
        if self.size is not None:
            return self.size
        if channels % self.heads:
            raise ShapeError(
                f"{channels} channels cannot be divided by {self.heads} heads",
                argument="heads",
                help="give `size`, the channels of each head",
            )
        return channels // self.heads

    def _project(self, builder: Builder, part: str, x: Operand, channels: int, filters: int) -> Operand:
        weights = builder.variable(
            f"{part}/weights",
            (channels, filters),
            initializer=self.weights_init,
            regularizer=self.weights_reg,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )
        result = builder.emit(MatMul(), x, weights, name=f"{part}/MatMul")
        if self.biases_init is None:
            return result
        biases = builder.variable(
            f"{part}/biases",
            (filters,),
            initializer=self.biases_init,
            regularizer=self.biases_reg,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )
        return builder.emit(AddBias(), result, biases, name=f"{part}/BiasAdd")

    def _heads(self, builder: Builder, x: Operand, size: int) -> Operand:
        """``[N, L, heads * size]`` as ``[N, heads, L, size]``."""
        parts = builder.emit(Reshape(shape=(x.type.shape[1], self.heads, size)), x)
        return builder.emit(Transpose(perm=(0, 2, 1, 3)), parts)
