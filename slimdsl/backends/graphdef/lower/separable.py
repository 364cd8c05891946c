"""Depthwise convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.backends.graphdef.lower.dilation import convolve_in_batches
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.separable import DepthwiseConvolution
from slimdsl.ops.windows import weights_window


def lower_depthwise_convolution(
    node: Node, op: DepthwiseConvolution, inputs: Sequence[str], out: NodeWriter
) -> tuple[str, ...]:
    """DepthwiseConv2dNative; a dilated one in batches, as TensorFlow's CPU kernel has no `dilations`."""
    x = node.inputs[0].type
    dilated = max(op.rate) > 1

    def convolve(name: str, source: str) -> str:
        return out.node(
            "DepthwiseConv2dNative",
            name,
            [source, inputs[1]],
            T=x.dtype,
            strides=[1, *op.stride, 1],
            padding="VALID" if dilated else op.padding.upper(),
            data_format="NHWC",
            dilations=[1, 1, 1, 1],
        )

    if dilated:
        kernel = weights_window(node.inputs[1].type)
        return (convolve_in_batches(node, inputs[0], kernel, op.rate, op.padding, convolve, out),)
    return (convolve(node.name, inputs[0]),)
