"""Dilated convolutions as ordinary ones: taps that are `rate` apart lie side by side in one of `rate` sub-images.

TensorFlow's own way (``tf.nn.with_space_to_batch``). The `dilations` attr says the same in one node, but on a CPU
without oneDNN no depthwise and no 3-D convolution has it, and no gradient.
"""

from __future__ import annotations

from collections.abc import Callable

from slimdsl.backends.graphdef.lower.sizes import integers, shape_of, sizes_of_axes
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.windows import Window, span, spatial_part
from slimdsl.types import DType


def convolve_in_batches(
    node: Node,
    x: str,
    kernel: Window,
    rate: Window,
    padding: str,
    convolve: Callable[[str, str], str],
    out: NodeWriter,
) -> str:
    """Spread the places over the batch, convolve without a rate, and put them together again.

    Args:
        node: the dilated convolution, of stride 1.
        x: its input.
        kernel: the window.
        rate: distance between its taps, for each axis.
        padding: ``same`` or ``valid``.
        convolve: adds the VALID convolution of a given name over a given tensor; returns its result.
        out: where nodes go.
    """
    name, dtype = node.name, node.inputs[0].type.dtype
    total = tuple(reach - 1 if padding == "same" else 0 for reach in span(kernel, rate))
    before = tuple(count // 2 for count in total)
    after = tuple(count - part for count, part in zip(total, before))
    spatial = spatial_part(node.inputs[0].type.shape)
    known = tuple(size for size in spatial if isinstance(size, int))
    block, _ = integers(out, f"{name}/block_shape", rate, (len(rate),))
    if len(known) == len(spatial):
        more = tuple(-(size + count) % step for size, count, step in zip(known, total, rate))
        paddings = _pairs(out, f"{name}/paddings", before, tuple(a + b for a, b in zip(after, more)))
        crops = _pairs(out, f"{name}/crops", (0,) * len(rate), more)
    else:
        paddings, crops = _runtime_margins(node, x, before, after, block, out)
    types = {"T": dtype, "Tblock_shape": DType.INT32}
    spread = out.node(
        "SpaceToBatchND", out.unique(f"{name}/SpaceToBatchND"), [x, block, paddings], **types, Tpaddings=DType.INT32
    )
    result = convolve(out.unique(f"{name}/convolution"), spread)
    return out.node("BatchToSpaceND", name, [result, block, crops], **types, Tcrops=DType.INT32)


def _pairs(out: NodeWriter, name: str, first: Window, second: Window) -> str:
    values = [number for pair in zip(first, second) for number in pair]
    return out.const(out.unique(name), tuple(values), DType.INT32, (len(first), 2))


def _runtime_margins(node: Node, x: str, before: Window, after: Window, block: str, out: NodeWriter) -> tuple[str, str]:
    """Paddings and crops where a size is not known: what is missing to a multiple of the block is (-n) mod block."""
    name, axes = node.name, len(before)
    shape = shape_of(out, name, x, node.inputs[0].type.dtype)
    sizes = sizes_of_axes(out, name, shape, 1, 1 + axes)

    def vector(part: str, values: Window) -> str:
        return out.const(out.unique(f"{name}/{part}"), values, DType.INT32, (axes,))

    def combine(op: str, part: str, left: str, right: str) -> str:
        return out.node(op, out.unique(f"{name}/{part}"), [left, right], T=DType.INT32)

    def pairs(part: str, left: str, right: str) -> str:
        return out.node("Pack", out.unique(f"{name}/{part}"), [left, right], N=2, T=DType.INT32, axis=1)

    padded = combine("AddV2", "padded", sizes, vector("total", tuple(a + b for a, b in zip(before, after))))
    negative = out.node("Neg", out.unique(f"{name}/negative"), [padded], T=DType.INT32)
    more = combine("FloorMod", "missing", negative, block)
    end = combine("AddV2", "end", more, vector("after", after))
    return pairs("paddings", vector("before", before), end), pairs("crops", vector("zeros", (0,) * axes), more)
