"""Words and places as vectors: tables of embeddings, learned positions, learned tokens, one-hot vectors."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops import layer_arguments as shared
from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import InitializerKind, IntKind, NumberKind, arg
from slimdsl.ops.base import Builder, Initializer, Layer, Operand, Primitive, Regularizer, ShapeError
from slimdsl.ops.element_types import require_integers
from slimdsl.ops.initializers import RandomUniform, TruncatedNormal, Zeros
from slimdsl.ops.matrix import MatrixProduct
from slimdsl.ops.windows import known_channels, require_rank
from slimdsl.types import Dim, DType, TensorType, shape_text, surely_unequal
from slimdsl.values import value

VOCABULARY = IntKind(minimum=1, maximum=2**31 - 1)


@value
class Lookup(Primitive):
    """Rows of a table by their numbers: ``[…]`` and ``[V, C]`` give ``[…, C]``. TensorFlow: ``tf.gather``."""

    name: ClassVar[str] = "lookup"
    node_name: ClassVar[str] = "embedding_lookup"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        ids, table = inputs
        require_integers("embedding", ids)
        return TensorType(dtype=table.dtype, shape=(*ids.shape, table.shape[-1]))


@value
class Embedding(Layer):
    """A trained vector for each number. TensorFlow: ``tf.keras.layers.Embedding``.

    Takes int32 or int64 ``[N, …]``, numbers from 0 to below `vocabulary`, and gives float32 ``[N, …, size]``. Makes
    ``embeddings`` [vocabulary, size]. Example: ``embedding(10K, 128)``.
    """

    name: ClassVar[str] = "embedding"
    scope_name: ClassVar[str] = "Embedding"
    vocabulary: int = arg(VOCABULARY, doc="how many numbers there are")
    size: int = arg(IntKind(minimum=1), doc="length of a vector: the channels of the result")
    weights_init: Initializer = arg(InitializerKind(), RandomUniform(), doc="first values of the vectors")
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the table and look up."""
        require_integers(self.name, x.type)
        return builder.emit(Lookup(), x, _table(builder, self, (self.vocabulary, self.size), DType.FLOAT32))


@value
class Unembed(Layer):
    """A score for each word by the product with its vector: the way back from `embedding`. Paper: arXiv:1608.05859.

    Takes ``[N, …, C]`` of rank 2 or more and gives ``[N, …, vocabulary]``. Makes ``embeddings`` [vocabulary, C], or
    shares those of an `embedding`: ``unembed(10K) as logits sharing tokens``. Example: ``unembed(10K)``.
    """

    name: ClassVar[str] = "unembed"
    scope_name: ClassVar[str] = "Unembed"
    vocabulary: int = arg(VOCABULARY, doc="how many words there are: the channels of the result")
    weights_init: Initializer = arg(InitializerKind(), RandomUniform(), doc="first values of the vectors")
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the table and multiply by it."""
        require_floating(self.name, x.type)
        if x.type.rank < 2:
            raise ShapeError(f"unembed wants a tensor of rank 2 or more, not {shape_text(x.type.shape)}", operand=0)
        table = _table(builder, self, (self.vocabulary, known_channels(self.name, x.type)), x.type.dtype)
        return builder.emit(MatrixProduct(transpose_b=True), x, table)


def _table(builder: Builder, layer: Embedding | Unembed, shape: tuple[int, int], dtype: DType) -> Operand:
    return builder.variable(
        "embeddings",
        shape,
        initializer=layer.weights_init,
        regularizer=layer.weights_reg,
        trainable=layer.trainable,
        dtype=dtype,
    )


@value
class AddPositions(Primitive):
    """Add the first rows of a table to the positions: ``[N, L, C]`` and ``[M, C]``, M being L or more."""

    name: ClassVar[str] = "add_positions"
    node_name: ClassVar[str] = "add"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        x, table = inputs
        if x.rank != 3 or table.rank != 2 or surely_unequal(x.shape[-1], table.shape[-1]):
            raise ShapeError(f"positions {shape_text(table.shape)} do not fit {shape_text(x.shape)}", operand=1)
        missing = x.shape[1] - table.shape[0]
        if isinstance(missing, int) and missing > 0:
            raise ShapeError(f"{table.shape[0]} positions are less than those of {shape_text(x.shape)}", operand=1)
        return x


@value
class PositionEmbedding(Layer):
    """Add a trained vector for each position. Paper: https://arxiv.org/abs/1810.04805 (BERT).

    Takes ``[N, L, C]`` and gives the same. Makes ``embeddings`` [length, C], of which the first L are added.
    Example: ``position_embedding(1024)``.
    """

    name: ClassVar[str] = "position_embedding"
    scope_name: ClassVar[str] = "PositionEmbedding"
    length: int | None = arg(
        IntKind(minimum=1, optional=True), None, doc="how many positions there can be; `none`: as many as the input has"
    )
    weights_init: Initializer = arg(InitializerKind(), TruncatedNormal(stddev=0.02), doc="first values of the vectors")
    weights_reg: Regularizer | None = shared.weights_reg_argument()
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the table and add it."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (3,), "`reshape([positions, channels])` before it makes a sequence of it")
        channels = known_channels(self.name, x.type)
        positions: Dim = x.type.shape[1]
        if self.length is not None and isinstance(positions, int) and positions > self.length:
            raise ShapeError(
                f"length {self.length} is less than the {positions} positions there are", argument="length"
            )
        if self.length is None and not isinstance(positions, int):
            raise ShapeError(
                f"the number of positions `{positions}` is not known", argument="length", help="give a `length`"
            )
        table = builder.variable(
            "embeddings",
            (positions if self.length is None else self.length, channels),
            initializer=self.weights_init,
            regularizer=self.weights_reg,
            trainable=self.trainable,
            dtype=x.type.dtype,
        )
        return builder.emit(AddPositions(), x, table)


@value
class Prepend(Primitive):
    """Put the rows of a table before the positions: ``[N, L, C]`` and ``[M, C]`` give ``[N, M + L, C]``."""

    name: ClassVar[str] = "prepend"
    node_name: ClassVar[str] = "concat"
    writable: ClassVar[bool] = False

    def infer(self, *inputs: TensorType) -> TensorType:
        x, table = inputs
        if x.rank != 3 or table.rank != 2 or surely_unequal(x.shape[-1], table.shape[-1]):
            raise ShapeError(f"tokens {shape_text(table.shape)} do not fit {shape_text(x.shape)}", operand=1)
        return TensorType(dtype=x.dtype, shape=(x.shape[0], table.shape[0] + x.shape[1], x.shape[2]))


@value
class PrependTokens(Layer):
    """Put trained vectors before the first position, such as a class token. Paper: https://arxiv.org/abs/2010.11929.

    Takes ``[N, L, C]`` and gives ``[N, count + L, C]``. Makes ``tokens`` [count, C]. Example: ``prepend_tokens``.
    """

    name: ClassVar[str] = "prepend_tokens"
    scope_name: ClassVar[str] = "PrependTokens"
    count: int = arg(IntKind(minimum=1), 1, doc="number of vectors")
    weights_init: Initializer = arg(InitializerKind(), Zeros(), doc="first values of the vectors")
    trainable: bool = shared.trainable_argument()

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Make the tokens and put them there."""
        require_floating(self.name, x.type)
        require_rank(self.name, x.type, (3,), "`reshape([positions, channels])` before it makes a sequence of it")
        shape = (self.count, known_channels(self.name, x.type))
        tokens = builder.variable(
            "tokens", shape, initializer=self.weights_init, trainable=self.trainable, dtype=x.type.dtype
        )
        return builder.emit(Prepend(), x, tokens)


@value
class OneHot(Primitive):
    """A vector for each number, `on` at its place and `off` elsewhere. TF-Slim: ``one_hot_encoding``.

    Takes int32 or int64 ``[…]`` and gives float32 ``[…, depth]``. Opens no scope: `as` names the node.
    Example: ``one_hot(10)``.
    """

    name: ClassVar[str] = "one_hot"
    node_name: ClassVar[str] = "one_hot"
    depth: int = arg(VOCABULARY, doc="length of a vector; numbers from there on have no place")
    on: float = arg(NumberKind(), 1.0, doc="the element at the place")
    off: float = arg(NumberKind(), 0.0, doc="all others")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_integers(self.name, x)
        return TensorType(dtype=DType.FLOAT32, shape=(*x.shape, self.depth))
