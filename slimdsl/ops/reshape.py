"""Reshape and flatten: the same elements in another shape, example by example."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.arguments import MAX_ENTRIES, ArgumentError, Kind, arg, describe
from slimdsl.ops.base import Builder, Layer, Operand, Primitive, ShapeError
from slimdsl.types import (
    Dim,
    Shape,
    SymbolicDim,
    TensorType,
    product,
    rounded,
    shape_text,
    surely_unequal,
    symbol_names,
)
from slimdsl.values import value


@value
class DimsKind(Kind):
    """A list of sizes, one of which may be -1; stored as a tuple."""

    description: str = "a list of sizes such as `[7, 7, -1]`"

    def check(self, given: object) -> Shape:
        items = given if isinstance(given, tuple) else (given,)
        if len(items) > MAX_ENTRIES:
            raise ArgumentError(f"must have at most {MAX_ENTRIES} sizes, not {len(items):,}")
        sizes: list[Dim] = []
        for item in items:
            if isinstance(item, bool) or not isinstance(item, (int, SymbolicDim)):
                raise self.refuse(given)
            if isinstance(item, int) and (item < -1 or item == 0):
                raise ArgumentError(f"must have no size but -1 below 1, not {describe(item, bare=True)}")
            sizes.append(item)
        if sizes.count(-1) > 1:
            raise ArgumentError("must have at most one -1", "only one size can be worked out from the others")
        return tuple(sizes)


@value
class Reshape(Primitive):
    """Give each example another shape. TensorFlow: ``tf.reshape(x, [batch, …])``.

    The batch stays as it is and is not written: ``[N, 16, 16, 3]`` becomes ``[N, 256, 3]`` by ``reshape([256, 3])``.
    One size may be -1 and is worked out. A size that is not known must be one of the input's, such as ``height(it)``;
    one other may be anything. Opens no scope: `as` names the node. Example: ``reshape([7, 7, -1])``.
    """

    name: ClassVar[str] = "reshape"
    node_name: ClassVar[str] = "Reshape"
    shape: Shape = arg(DimsKind(), doc="sizes of one example, without the batch; one may be -1")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if not x.rank:
            raise ShapeError("reshape wants a tensor with a batch, this one is a scalar", operand=0)
        count = product(x.shape[1:])
        shape = self._sizes(x, count)
        known = {name for dim in x.shape for name in symbol_names(dim)}
        foreign = [dim for dim in shape if dim not in x.shape and (rounded(dim) or not symbol_names(dim) <= known)]
        if len(foreign) > 1:
            raise ShapeError(
                f"the sizes `{foreign[0]}` and `{foreign[1]}` are not sizes of {shape_text(x.shape)}",
                argument="shape",
                help="write -1 for one of them, and sizes of the input for the others",
            )
        # A foreign size is worked out when the graph runs; without one the counts must agree for all sizes.
        if surely_unequal(count, product(shape)) or (not foreign and count != product(shape)):
            raise ShapeError(
                f"{self._counts(x, count)}, {shape_text(shape)} has {product(shape)}",
                argument="shape",
                help="the batch is not written: it stays as it is",
            )
        return TensorType(dtype=x.dtype, shape=(x.shape[0], *shape))

    def _sizes(self, x: TensorType, count: Dim) -> Shape:
        """The sizes of one example, with -1 worked out."""
        if -1 not in self.shape:
            return self.shape
        rest = product(tuple(dim for dim in self.shape if dim != -1))
        missing = divide(count, rest)
        if missing is None:
            raise ShapeError(f"{self._counts(x, count)}, which are no multiple of {rest}", argument="shape")
        return tuple(missing if dim == -1 else dim for dim in self.shape)

    @staticmethod
    def _counts(x: TensorType, count: Dim) -> str:
        return f"an example of {shape_text(x.shape)} has {count} elements"


def divide(numerator: Dim, denominator: Dim) -> Dim | None:
    """The quotient; None where the division surely leaves a rest, or where its result cannot be written down."""
    if isinstance(numerator, int) and isinstance(denominator, int):
        return None if numerator % denominator else numerator // denominator
    if isinstance(denominator, int):
        return numerator // denominator
    if isinstance(numerator, int) or len(denominator.terms) > 1:
        return 1 if numerator == denominator else None
    return _divide_by_term(numerator, denominator)


def _divide_by_term(numerator: SymbolicDim, denominator: SymbolicDim) -> Dim | None:
    """Divide each term by the one term of the denominator, where its names stand in all of them."""
    names, count = denominator.terms[0]
    total: Dim = 0
    for monomial, coefficient in numerator.terms:
        left = list(monomial)
        for name in names:
            if name not in left:
                return None
            left.remove(name)
        total = total + (SymbolicDim(((tuple(left), coefficient),)) if left else coefficient)
    return divide(total, count)


@value
class Flatten(Layer):
    """Put all axes after the batch into one. TF-Slim: ``flatten``.

    Takes ``[N, …]`` of rank 2 or more and gives ``[N, K]``, K being the number of elements of one example.
    Example: ``flatten``.
    """

    name: ClassVar[str] = "flatten"
    scope_name: ClassVar[str] = "Flatten"
    function_name: ClassVar[str] = "flatten"

    def build(self, builder: Builder, x: Operand) -> Operand:
        """Reshape."""
        if x.type.rank < 2:
            shape = shape_text(x.type.shape)
            raise ShapeError(
                f"flatten wants a tensor of rank 2 or more, this one has rank {x.type.rank}: {shape}",
                operand=0,
                help="`reshape([1])` gives each example an axis",
            )
        return builder.emit(Reshape(shape=(-1,)), x, name="flatten/Reshape")
