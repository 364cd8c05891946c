"""Products of two tensors, and the mask of those who may not look ahead."""

from __future__ import annotations

from typing import ClassVar

from slimdsl.ops.activations import require_floating
from slimdsl.ops.arguments import BoolKind, arg
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.ops.merge import Merge
from slimdsl.types import Dim, TensorType, product, shape_text, surely_unequal
from slimdsl.values import value


@value
class MatrixProduct(Merge):
    """The matrix products of two tensors over their last two axes. TensorFlow: ``tf.matmul``.

    ``[…, A, B]`` and ``[…, B, C]`` give ``[…, A, C]``; with `transpose_a` or `transpose_b` the last two axes of that
    tensor are exchanged first. The axes before are the same in both, or the second is a matrix that serves all.
    Example: ``matmul(it, it, transpose_b=true)``.
    """

    name: ClassVar[str] = "matmul"
    node_name: ClassVar[str] = "MatMul"
    transpose_a: bool = arg(BoolKind(), False, doc="exchange the last two axes of the first tensor")
    transpose_b: bool = arg(BoolKind(), False, doc="exchange the last two axes of the second tensor")

    def infer(self, *inputs: TensorType) -> TensorType:
        if len(inputs) != 2:
            raise ShapeError(f"matmul multiplies two tensors, not {len(inputs)}", operand=2)
        left, right = inputs
        for number, tensor in enumerate(inputs):
            if not tensor.dtype.floating:
                raise ShapeError(
                    f"branch {number + 1} is {tensor}, matmul wants floating-point tensors", operand=number
                )
            if tensor.rank < 2:
                message = f"branch {number + 1} is {shape_text(tensor.shape)}, which has fewer than two axes"
                raise ShapeError(message, operand=number)
        pair = f"branch 2 is {right}, branch 1 is {left}"
        if left.dtype is not right.dtype:
            raise ShapeError(pair, operand=1)
        if right.rank not in (2, left.rank):
            raise ShapeError(pair, operand=1, help="give both the same number of axes")
        if right.rank > 2 and any(surely_unequal(a, b) for a, b in zip(left.shape[:-2], right.shape[:-2])):
            raise ShapeError(pair, operand=1, help="the axes before the last two are the same in both")
        (rows, inner), (other, columns) = self._matrix(left, self.transpose_a), self._matrix(right, self.transpose_b)
        if surely_unequal(inner, other):
            raise ShapeError(f"{pair}: rows of {inner} and columns of {other} cannot be multiplied", operand=1)
        return TensorType(dtype=left.dtype, shape=(*left.shape[:-2], rows, columns))

    @staticmethod
    def _matrix(x: TensorType, transposed: bool) -> tuple[Dim, Dim]:
        rows, columns = x.shape[-2:]
        return (columns, rows) if transposed else (rows, columns)

    def macs(self, inputs: tuple[TensorType, ...], result: TensorType) -> Dim:
        """Elements of the result times the length of a row."""
        return product(result.shape) * self._matrix(inputs[0], self.transpose_a)[1]


@value
class MaskFuture(Primitive):
    """Lets no position look ahead: what lies right of the diagonal becomes the least number. TensorFlow: ``tf.where``.

    Takes ``[…, L, L]``, scores of each position for each, and gives the same; a softmax over the last axis then has 0
    there. Opens no scope: `as` names the node. Example: ``mask_future``.
    """

    name: ClassVar[str] = "mask_future"
    node_name: ClassVar[str] = "SelectV2"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_floating(self.name, x)
        if x.rank < 2 or x.shape[-1] != x.shape[-2]:
            # Sizes that may differ are no less wrong: the mask would stretch an axis of size 1 when the graph runs.
            message = f"mask_future wants scores of each position for each, [N, L, L], not {shape_text(x.shape)}"
            raise ShapeError(message, operand=0)
        return x
