"""Sizes that are known only when the graph runs, as tensors: what several lowerings need.

Integers go out as int32, as TensorFlow itself does it, and as int64 only where they do not fit.
"""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.types import Dim, DType, Shape, TensorType

_INT32_MAX = 2**31 - 1


def integers(out: NodeWriter, name: str, values: Sequence[int], shape: tuple[int, ...]) -> tuple[str, DType]:
    """A constant of integers and its type."""
    dtype = DType.INT32 if all(-_INT32_MAX <= number <= _INT32_MAX for number in values) else DType.INT64
    return out.const(out.unique(name), tuple(values), dtype, shape), dtype


def shape_of(out: NodeWriter, name: str, tensor: str, dtype: DType) -> str:
    """The shape of a tensor, an int32 vector."""
    return out.node("Shape", out.unique(f"{name}/Shape"), [tensor], T=dtype, out_type=DType.INT32)


def size_of_axis(out: NodeWriter, name: str, shape: str, axis: int) -> str:
    """An entry of a shape, an int32 scalar."""
    return _slice(out, name, shape, axis, axis + 1, shrink_axis_mask=1)


def sizes_of_axes(out: NodeWriter, name: str, shape: str, first: int, end: int) -> str:
    """The entries ``first:end`` of a shape, an int32 vector."""
    return _slice(out, name, shape, first, end, shrink_axis_mask=0)


def _slice(out: NodeWriter, name: str, shape: str, first: int, end: int, *, shrink_axis_mask: int) -> str:
    node = out.unique(f"{name}/strided_slice")
    bounds = [
        out.const(out.unique(f"{node}/{part}"), (number,), DType.INT32, (1,))
        for part, number in (("stack", first), ("stack_1", end), ("stack_2", 1))
    ]
    return out.node(
        "StridedSlice", node, [shape, *bounds], T=DType.INT32, Index=DType.INT32, shrink_axis_mask=shrink_axis_mask
    )


def pack(out: NodeWriter, name: str, scalars: Sequence[str | int]) -> str:
    """An int32 vector of scalars and numbers."""
    refs = [
        out.const(out.unique(f"{name}/{position}"), scalar, DType.INT32) if isinstance(scalar, int) else scalar
        for position, scalar in enumerate(scalars)
    ]
    return out.node("Pack", out.unique(name), refs, N=len(refs), T=DType.INT32, axis=0)


def target_shape(out: NodeWriter, name: str, source: str, x: TensorType, shape: Shape) -> tuple[str, DType]:
    """The shape that the tensor `source` of type `x` is to be brought into, for a node called `name`.

    A constant, with -1 in the place of the one size that is not known; where there are several, they are read from the
    source when the graph runs. At most one of them may be no size of the source.

    Returns:
        The tensor and its element type.
    """
    unknown = [dim for dim in shape if not isinstance(dim, int)]
    if len(unknown) <= 1:
        return integers(out, f"{name}/shape", [dim if isinstance(dim, int) else -1 for dim in shape], (len(shape),))
    foreign = [dim for dim in unknown if dim not in x.shape]
    left_over: Dim = foreign[0] if foreign else unknown[-1]
    runtime = shape_of(out, name, source, x.dtype)
    scalars: list[str | int] = []
    for position, dim in enumerate(shape):
        if isinstance(dim, int):
            scalars.append(dim)
        elif dim == left_over and left_over not in shape[:position]:
            scalars.append(-1)
        else:
            scalars.append(size_of_axis(out, name, runtime, x.shape.index(dim)))
    return pack(out, f"{name}/shape", scalars), DType.INT32
