"""Convolutions and transposed convolutions, batch first and channels last."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.dilation import convolve_in_batches
from slimdsl.backends.graphdef.lower.sizes import integers, pack, shape_of, size_of_axis
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.conv import Convolution, TransposedConvolution
from slimdsl.ops.windows import Window, stretch, weights_window
from slimdsl.types import DType, SymbolicDim

FORMATS = {4: "NHWC", 5: "NDHWC"}
"""TensorFlow's name for the layout, by rank."""


def lower_convolution(node: Node, op: Convolution, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """Conv2D or Conv3D; a dilated one in batches where TensorFlow's CPU kernels have no `dilations`."""
    x, weights = node.inputs[0].type, node.inputs[1].type
    in_batches = max(op.rate) > 1 and (x.rank == 5 or out.training)

    def convolve(name: str, source: str) -> str:
        return out.node(
            "Conv2D" if x.rank == 4 else "Conv3D",
            name,
            [source, inputs[1]],
            T=x.dtype,
            strides=[1, *op.stride, 1],
            padding="VALID" if in_batches else op.padding.upper(),
            data_format=FORMATS[x.rank],
            dilations=[1] * x.rank if in_batches else [1, *op.rate, 1],
        )

    if in_batches:
        return (convolve_in_batches(node, inputs[0], weights_window(weights), op.rate, op.padding, convolve, out),)
    return (convolve(node.name, inputs[0]),)


def lower_transposed_convolution(
    node: Node, op: TransposedConvolution, inputs: Sequence[str], out: NodeWriter
) -> tuple[str, ...]:
    """Conv2DBackpropInput or Conv3DBackpropInputV2, which are told the shape of their result."""
    x = node.inputs[0].type
    sizes, dtype = _result_shape(node, op, inputs[0], out)
    attrs: dict[str, object] = {
        "T": x.dtype,
        "strides": [1, *op.stride, 1],
        "padding": op.padding.upper(),
        "data_format": FORMATS[x.rank],
        "dilations": [1] * x.rank,
    }
    if x.rank == 5:
        attrs["Tshape"] = dtype
    operation = "Conv2DBackpropInput" if x.rank == 4 else "Conv3DBackpropInputV2"
    return (out.node(operation, node.name, [sizes, inputs[1], inputs[0]], **attrs),)


def _result_shape(node: Node, op: TransposedConvolution, x: str, out: NodeWriter) -> tuple[str, DType]:
    """The shape of the result, a constant where it is known."""
    name, shape = node.name, node.results[0].type.shape
    known = [dim for dim in shape if isinstance(dim, int)]
    if len(known) == len(shape):
        return integers(out, f"{name}/output_shape", known, (len(shape),))
    runtime = shape_of(out, name, x, node.inputs[0].type.dtype)
    kernel = weights_window(node.inputs[1].type)
    scalars: list[str | int] = []
    for axis, dim in enumerate(shape):
        if not isinstance(dim, SymbolicDim):
            scalars.append(dim)
        elif axis == 0:
            scalars.append(size_of_axis(out, name, runtime, 0))
        else:
            scalars.append(_stretched(name, size_of_axis(out, name, runtime, axis), op, kernel, axis - 1, out))
    return pack(out, f"{name}/output_shape", scalars), DType.INT32


def _stretched(name: str, size: str, op: TransposedConvolution, kernel: Window, axis: int, out: NodeWriter) -> str:
    """The size of one axis of the result: size * stride and, with VALID padding, the rest of the kernel."""
    (rest,) = stretch((0,), kernel[axis : axis + 1], op.stride[axis : axis + 1], op.padding)
    for operation, number, neutral in (("Mul", op.stride[axis], 1), ("AddV2", rest, 0)):
        if number != neutral and isinstance(number, int):
            constant = out.const(out.unique(f"{name}/{operation}/y"), number, DType.INT32)
            size = out.node(operation, out.unique(f"{name}/{operation}"), [size, constant], T=DType.INT32)
    return size
