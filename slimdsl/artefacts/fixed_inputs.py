"""The fixed inputs that artefacts are run on: sizes for what a network leaves open, and numbers that its names decide.

The numbers come from numpy's PCG64, seeded with the name of the input: the same in every run and on every machine.
Floats are normally distributed with a standard deviation of a half, integers that count or index are 0 and 1, so that
they are inside any vocabulary, and those of eight bits, which are images, take their whole range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from slimdsl.ir.graph import Graph, Tensor
from slimdsl.ops.base import Primitive, ShapeError
from slimdsl.types import Dim, DType, SymbolicDim, TensorType, substitute, symbol_names
from slimdsl.values import fields

Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 2
"""The size of a batch: with one example, confusing the batch with another axis of size 1 would not show."""

SIZES = (64, 32, 128, 224, 299, 16, 8, 96, 100, 256, 512, 1024, 12, 4, 3, 2, 1)
"""What is tried for the other sizes, in this order."""

HEAVY = 20_000_000_000
"""Multiply-accumulates of a run beyond which smaller sizes come first: a second or so of a processor."""

TOO_HEAVY = 10_000_000_000_000
"""Multiply-accumulates of a run beyond which there is none: minutes."""

TOO_LARGE = 1 << 30
"""Bytes of a tensor beyond which there is no run."""

_MOST_PRODUCTS = 300
"""How many combinations of different sizes are tried at most."""

_MOST_FOUND = 30
"""How many that fit are looked at, for the one that asks least."""

_SPREAD = 0.5
_SPELLINGS = {
    DType.FLOAT32: "<f4", DType.FLOAT64: "<f8", DType.FLOAT16: "<f2", DType.INT32: "<i4", DType.INT64: "<i8",
    DType.UINT8: "|u1", DType.INT8: "|i1", DType.BOOL: "|b1",
}  # fmt: skip
_RANGES = {
    DType.BOOL: (0, 2), DType.INT32: (0, 2), DType.INT64: (0, 2), DType.UINT8: (0, 256), DType.INT8: (-128, 128),
}  # fmt: skip


class NoInputsError(Exception):
    """A network cannot be run on fixed inputs; the message says why, without a full stop."""


def candidate_sizes(graph: Graph, given: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """The sizes with which a graph's types fit, the best first; one empty dictionary where no size is open.

    A graph that fits by its types may still fail when it runs: some ops check a size only then.

    Args:
        graph: the network.
        given: sizes that are decided.

    Raises:
        NoInputsError: there are none, or a run with any of them would take too long or too much memory.
    """
    names, batches = _open_sizes(graph)
    batches -= given.keys()
    others = [name for name in names if name not in batches and name not in given]
    reason = "none of the sizes that were tried fits the network"
    found = 0
    later: list[tuple[int, int, dict[str, int]]] = []
    for chosen in _combinations(others):
        several = {name: given.get(name, chosen.get(name, BATCH)) for name in names}
        single = {**several, **dict.fromkeys(batches, 1)}
        for sizes in (several, single) if batches else (several,):
            types = types_with(graph, sizes)
            if types is None:
                continue
            macs = _macs(graph, types)
            burden = _burden(graph, macs, types)
            if burden:
                reason = burden
                continue
            found += 1
            if macs <= HEAVY and sizes is several:
                yield sizes
            else:
                # What is heavy comes last. Before it, batches of one: another size is more likely to help.
                later.append((max(macs, HEAVY), len(later), sizes))
        if found >= _MOST_FOUND:
            break
    yield from (sizes for _, _, sizes in sorted(later, key=lambda entry: entry[:2]))
    if not found:
        raise NoInputsError(reason)


def types_with(graph: Graph, sizes: Mapping[str, int]) -> dict[Tensor, TensorType] | None:
    """The types of all tensors where the open sizes are these; None where they do not fit."""
    types: dict[Tensor, TensorType] = {}
    for tensor in (*graph.inputs.values(), *(variable.tensor for variable in graph.variables)):
        types[tensor] = sized(tensor.type, sizes)
    try:
        for node in graph.nodes:
            inferred = with_sizes(node.op, sizes).infer_all(*(types[tensor] for tensor in node.inputs))
            types.update(zip(node.results, inferred))
    except ShapeError:
        return None
    fits = all(not isinstance(dim, int) or dim >= 1 for type in types.values() for dim in type.shape)
    return types if fits else None


def sized(type: TensorType, sizes: Mapping[str, int]) -> TensorType:
    """A type with the open sizes put in."""
    return TensorType(dtype=type.dtype, shape=tuple(substitute(dim, sizes) for dim in type.shape))


def with_sizes(op: Primitive, sizes: Mapping[str, int]) -> Primitive:
    """An op with the open sizes put into its arguments."""
    given = {field.name: getattr(op, field.name) for field in fields(op)}
    changed = {name: _filled(argument, sizes) for name, argument in given.items()}
    return op if changed == given else type(op)(**changed)


def fixed_inputs(graph: Graph, sizes: Mapping[str, int], *, zeros: bool = False) -> dict[str, Array]:
    """The inputs of a graph.

    Args:
        graph: the network.
        sizes: a size for each open one.
        zeros: True for integers that are all 0, which are inside a vocabulary of one.

    Raises:
        NoInputsError: an input is of texts, or still has an open size.
    """
    return {name: fixed_input(name, sized(tensor.type, sizes), zeros=zeros) for name, tensor in graph.inputs.items()}


def fixed_input(name: str, type: TensorType, *, zeros: bool = False) -> Array:
    """One input; arguments and errors as `fixed_inputs`."""
    shape = tuple(dim for dim in type.shape if isinstance(dim, int))
    if len(shape) != type.rank:
        raise NoInputsError(f"the input `{name}` has an open size")
    words = np.frombuffer(name.encode() + bytes(-len(name.encode()) % 4), "<u4").tolist()
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
    if type.dtype.floating:
        drawn: Array = np.asarray(generator.standard_normal(shape, dtype=np.float32)) * np.float32(_SPREAD)
        if type.dtype is DType.BFLOAT16:
            # numpy has no such type: its files hold the two bytes, the upper half of the float32.
            return np.asarray(drawn.reshape(-1).view(np.uint32) >> 16, "<u2").view("<V2").reshape(shape)
        return np.asarray(drawn, _SPELLINGS[type.dtype])
    if type.dtype not in _RANGES:
        raise NoInputsError(f"the input `{name}` is of texts")
    low, high = _RANGES[type.dtype]
    end = low + 1 if zeros and type.dtype in (DType.INT32, DType.INT64) else high
    return np.asarray(generator.integers(low, end, shape, dtype=np.int64), _SPELLINGS[type.dtype])


def _combinations(names: list[str]) -> Iterator[dict[str, int]]:
    """What the names may stand for: first all for the same size, then for different ones."""
    if not names:
        yield {}
        return
    for size in SIZES:
        yield dict.fromkeys(names, size)
    if len(names) > 1:
        for number, chosen in enumerate(product(SIZES, repeat=len(names))):
            if number == _MOST_PRODUCTS:
                return
            if len(set(chosen)) > 1:
                yield dict(zip(names, chosen))


def _open_sizes(graph: Graph) -> tuple[list[str], set[str]]:
    """The names of all open sizes in the order of the inputs, and those of them that are batches."""
    names: list[str] = []
    batches: set[str] = set()
    for tensor in graph.inputs.values():
        for axis, dim in enumerate(tensor.type.shape):
            found = sorted(symbol_names(dim))
            names += [name for name in found if name not in names]
            if axis == 0:
                batches.update(found)
    return names, batches


def _burden(graph: Graph, macs: int, types: Mapping[Tensor, TensorType]) -> str:
    """Why a run would be too much; "" where it would not."""
    if macs > TOO_HEAVY:
        return f"one run takes {macs:,} multiply-accumulates"
    results = (result for node in graph.nodes for result in node.results)
    for tensor in (*graph.inputs.values(), *results):
        size = types[tensor].dtype.size
        for dim in types[tensor].shape:
            size *= dim if isinstance(dim, int) else 1
        if size > TOO_LARGE:
            return f"the tensor `{tensor.name}` would have {size:,} bytes"
    return ""


def _macs(graph: Graph, types: Mapping[Tensor, TensorType]) -> int:
    total = 0
    for node in graph.nodes:
        macs = node.op.macs(tuple(types[tensor] for tensor in node.inputs), types[node.results[0]])
        total += macs if isinstance(macs, int) else 0
    return total


def _filled(argument: object, sizes: Mapping[str, int]) -> object:
    """An argument of an op with the sizes put into the dimensions in it."""
    if isinstance(argument, SymbolicDim):
        filled: Dim = substitute(argument, sizes)
        return filled
    if isinstance(argument, tuple):
        return tuple(_filled(item, sizes) for item in argument)
    return argument
