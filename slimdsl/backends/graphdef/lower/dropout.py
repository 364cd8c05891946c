"""Dropout in the training graph.

The mask is made of random bits that are compared with a threshold: bits are the same in every compiler and on every
device, random floats are not. So is a threshold that changes with the step, as long as it is computed in integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from slimdsl.backends.graphdef.lower.sizes import pack, size_of_axis
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.ir.graph import Node
from slimdsl.ops.dropout import RandomDrop
from slimdsl.types import DType

_PHILOX = 1
"""TensorFlow's number of the algorithm that all its devices have."""


def lower_random_drop(node: Node, op: RandomDrop, inputs: Sequence[str], out: NodeWriter) -> tuple[str, ...]:
    """``x / keep_prob`` where 32 random bits are below ``keep_prob * 2**32``, else 0."""
    name, dtype = node.name, node.inputs[0].type.dtype
    threshold = min(max(round(op.keep_prob * 2**32), 1), 2**32 - 1)
    if op.burn_in:
        return (_drop_by_step(node, op, inputs[0], threshold, out),)
    # There is no constant of type uint32 to be had, so the same bits are written as an int32.
    signed = out.const(out.unique(f"{name}/threshold/bits"), threshold - 2**32 * (threshold >> 31), DType.INT32)
    limit = out.node("Bitcast", out.unique(f"{name}/threshold"), [signed], T=DType.INT32, type="uint32")
    keep = out.node("Less", out.unique(f"{name}/keep"), [_bits(node, op, inputs[0], out), limit], T="uint32")
    factor = out.const(out.unique(f"{name}/scaled/y"), 1.0 / op.keep_prob, dtype)
    scaled = out.node("Mul", out.unique(f"{name}/scaled"), [inputs[0], factor], T=dtype)
    zero = out.const(out.unique(f"{name}/zero"), 0.0, dtype)
    return (out.node("SelectV2", name, [keep, scaled, zero], T=dtype),)


def _drop_by_step(node: Node, op: RandomDrop, x: str, last: int, out: NodeWriter) -> str:
    """The same with a threshold that goes from 2**32 at step 0 to `last` at step `burn_in`.

    No rounding of floats decides a bit: a product and a sum are one operation for some compilers and two for others.
    """
    name, dtype = node.name, node.inputs[0].type.dtype

    def integer(part: str, number: int) -> str:
        return out.const(out.unique(f"{name}/{part}"), number, DType.INT64)

    def compute(kind: str, part: str, *operands: str, type: DType = DType.INT64) -> str:
        return out.node(kind, out.unique(f"{name}/{part}"), operands, T=type)

    step = compute("Minimum", "step", out.training_step(), integer("burn_in", op.burn_in))
    share = compute("Mul", "step/share", step, integer("share", 2**32 - last))
    dropped = compute("FloorDiv", "dropped", share, integer("dropped/y", op.burn_in))
    # The largest bits that are kept, as those at step 0 are one less than what does not fit into 32.
    largest = compute("Sub", "threshold", integer("threshold/x", 2**32 - 1), dropped)
    limit = out.node("Cast", out.unique(f"{name}/threshold/bits"), [largest], SrcT=DType.INT64, DstT="uint32")
    drop = out.node("Less", out.unique(f"{name}/drop"), [limit, _bits(node, op, x, out)], T="uint32")
    kept = compute("Sub", "keep", integer("keep/x", 2**32), dropped)
    whole = out.const(out.unique(f"{name}/whole"), 2.0**32, DType.FLOAT64)
    divisor = out.node("Cast", out.unique(f"{name}/keep/y"), [kept], SrcT=DType.INT64, DstT=DType.FLOAT64)
    exact = compute("RealDiv", "factor", whole, divisor, type=DType.FLOAT64)
    factor = out.node("Cast", out.unique(f"{name}/scaled/y"), [exact], SrcT=DType.FLOAT64, DstT=dtype)
    scaled = compute("Mul", "scaled", x, factor, type=dtype)
    zero = out.const(out.unique(f"{name}/zero"), 0.0, dtype)
    return out.node("SelectV2", name, [drop, zero, scaled], T=dtype)


def _bits(node: Node, op: RandomDrop, x: str, out: NodeWriter) -> str:
    """32 random bits for each element or example.

    They are those of the Philox generator with the key seed[0] and a counter from seed[1].
    The checksum of the node's name goes into the upper half of the key, so that no two layers draw the same bits.
    """
    name = f"{node.name}/random"
    seed, checksum = out.random_seed(), crc32(node.name.encode())
    own = out.const(out.unique(f"{name}/name"), (checksum << 32) - (checksum >> 31 << 64), DType.INT64)
    key = out.node("BitwiseXor", out.unique(f"{name}/key"), [_entry(name, seed, 0, out), own], T=DType.INT64)
    start = out.const(out.unique(f"{name}/start"), (0,), DType.INT64, (1,))
    axis = out.const(out.unique(f"{name}/counter/axis"), 0, DType.INT32)
    counter = out.node(
        "ConcatV2",
        out.unique(f"{name}/counter"),
        [start, _entry(name, seed, 1, out), axis],
        N=2,
        T=DType.INT64,
        Tidx=DType.INT32,
    )
    dtype = node.inputs[0].type.dtype
    shape = out.node("Shape", out.unique(f"{name}/shape"), [x], T=dtype, out_type=DType.INT32)
    if op.whole:
        shape = pack(
            out, f"{name}/batch", [size_of_axis(out, name, shape, 0), *(1 for _ in node.inputs[0].type.shape[1:])]
        )
    algorithm = out.const(out.unique(f"{name}/algorithm"), _PHILOX, DType.INT32)
    inputs = [shape, _unsigned(key, out), _unsigned(counter, out), algorithm]
    return out.node("StatelessRandomUniformFullIntV2", out.unique(name), inputs, dtype="uint32", Tshape=DType.INT32)


def _unsigned(tensor: str, out: NodeWriter) -> str:
    """The bits of an int64 tensor as uint64."""
    return out.node("Bitcast", out.unique(f"{tensor}/unsigned"), [tensor], T=DType.INT64, type="uint64")


def _entry(name: str, seed: str, index: int, out: NodeWriter) -> str:
    """An entry of the seed, as a vector of one."""
    node = out.unique(f"{name}/seed_{index}")
    bounds = [
        out.const(out.unique(f"{node}/{part}"), (number,), DType.INT32, (1,))
        for part, number in (("begin", index), ("end", index + 1), ("strides", 1))
    ]
    return out.node("StridedSlice", node, [seed, *bounds], T=DType.INT64, Index=DType.INT32)
