"""Values of attrs and constants as protobuf messages, checked against what the op declares. Numbers without numpy."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from slimdsl.backends.graphdef.opdefs import AttrDef
from slimdsl.backends.graphdef.proto import DATA_TYPES, NameAttrList, TensorProto, TensorShapeProto
from slimdsl.types import DType


class EmitterError(Exception):
    """The emitter would have written a node that TensorFlow does not accept: a fault of the compiler."""


_FORMATS = {
    DType.FLOAT32: "f", DType.FLOAT64: "d", DType.FLOAT16: "e", DType.INT8: "b", DType.UINT8: "B", DType.INT32: "i",
    DType.INT64: "q", DType.BOOL: "?",
}  # fmt: skip


def type_name(given: object) -> str:
    """The name of an element type, given as DType or by its name.

    Raises:
        EmitterError: it is neither.
    """
    name = given.value if isinstance(given, DType) else given
    if not isinstance(name, str) or name not in DATA_TYPES:
        raise EmitterError(f"must be a type, not {given!r}")
    return name


def set_attr(target: Any, declared: AttrDef, given: object) -> object:
    """Store a value in an AttrValue message; return it in the plain form that argument types are read from.

    Raises:
        EmitterError: the value is of the wrong kind or not allowed; the message completes "the attr `T` …".
    """
    if not declared.kind.startswith("list("):
        value = _plain(declared.kind, declared, given)
        field = _FIELDS[declared.kind]
        if declared.kind == "type":
            target.type = DATA_TYPES[str(value)]
        elif declared.kind in ("shape", "tensor", "func"):
            getattr(target, field).CopyFrom(value)
        else:
            setattr(target, field, value)
        return value
    if not isinstance(given, (list, tuple)):
        raise EmitterError(f"must be a list, not {given!r}")
    if declared.minimum is not None and len(given) < declared.minimum:
        raise EmitterError(f"must have at least {declared.minimum} entries, not {len(given)}")
    kind = declared.kind[5:-1]
    values = [_plain(kind, declared, item) for item in given]
    # An empty list is a value too.
    target.list.SetInParent()
    stored = [DATA_TYPES[str(value)] for value in values] if kind == "type" else values
    getattr(target.list, _FIELDS[kind]).extend(stored)
    return values


_FIELDS = {
    "type": "type", "string": "s", "int": "i", "float": "f", "bool": "b", "shape": "shape", "tensor": "tensor",
    "func": "func",
}  # fmt: skip
"""The field of AttrValue that holds a value of each kind."""


def _plain(kind: str, declared: AttrDef, given: object) -> object:
    """The value as the message field takes it (a type by its name)."""
    check = _CHECKS.get(kind)
    if check is None:
        raise EmitterError(f"is of the kind {kind}, which the emitter does not write")
    value = check(given)
    name = value.decode() if isinstance(value, bytes) else value
    if declared.allowed and name not in declared.allowed:
        raise EmitterError(f"must be one of {list(declared.allowed)}, not {name}")
    # Of a list, `minimum` is the least number of entries.
    if declared.kind == "int" and declared.minimum is not None and _int(value) < declared.minimum:
        raise EmitterError(f"must be at least {declared.minimum}, not {value}")
    return value


def _string(given: object) -> bytes:
    if not isinstance(given, (str, bytes)):
        raise EmitterError(f"must be a string, not {given!r}")
    return given.encode() if isinstance(given, str) else given


def _bool(given: object) -> bool:
    if not isinstance(given, bool):
        raise EmitterError(f"must be true or false, not {given!r}")
    return given


def _int(given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not -(2**63) <= given < 2**63:
        raise EmitterError(f"must be an integer of 64 bits, not {given!r}")
    return given


def _float(given: object) -> float:
    if not isinstance(given, (int, float)) or isinstance(given, bool):
        raise EmitterError(f"must be a number, not {given!r}")
    return float(given)


def _tensor(given: object) -> object:
    if not isinstance(given, TensorProto):
        raise EmitterError(f"must be a tensor, not {given!r}")
    return given


def _function(given: object) -> object:
    if not isinstance(given, str):
        raise EmitterError(f"must be the name of a function, not {given!r}")
    return NameAttrList(name=given)


def shape_message(given: object) -> Any:
    """The TensorShapeProto of a shape: a tuple with None or -1 for what is unknown, or None for an unknown rank.

    Raises:
        EmitterError: it is no shape.
    """
    if given is None:
        return TensorShapeProto(unknown_rank=True)
    if not isinstance(given, (tuple, list)):
        raise EmitterError(f"must be a shape, not {given!r}")
    message = TensorShapeProto()
    for dim in given:
        if dim is not None and (not isinstance(dim, int) or isinstance(dim, bool) or dim < -1):
            raise EmitterError(f"must be a shape, not {given!r}")
        message.dim.add(size=-1 if dim is None else dim)
    return message


_CHECKS: dict[str, Callable[[object], object]] = {
    "type": type_name, "string": _string, "int": _int, "float": _float, "bool": _bool, "shape": shape_message,
    "tensor": _tensor, "func": _function,
}  # fmt: skip


def tensor_content(values: Sequence[Any], dtype: DType, shape: tuple[int, ...]) -> Any:
    """The TensorProto of a constant: numbers as little-endian bytes, but strings, and a single int32, as values.

    Raises:
        EmitterError: the count of values is not that of the shape, or a value does not fit the type.
    """
    count = 1
    for dim in shape:
        count *= dim
    if len(values) != count:
        raise EmitterError(f"{len(values)} values for the shape {list(shape)}")
    message = TensorProto(dtype=DATA_TYPES[dtype.value], tensor_shape=shape_message(shape))
    # A scalar's shape is empty, but must be there: OpenVINO refuses a constant whose shape was never set.
    message.tensor_shape.SetInParent()
    if dtype is DType.STRING:
        message.string_val.extend(item.encode() if isinstance(item, str) else item for item in values)
        return message
    content = encode(values, dtype)
    if dtype is DType.INT32 and not shape:
        # OpenCV looks for the axis of a concatenation there alone, as TensorFlow writes it, and else reads wild memory.
        message.int_val.extend(values)
    else:
        message.tensor_content = content
    return message


def encode(values: Sequence[Any], dtype: DType) -> bytes:
    """Numbers as little-endian bytes; floats beyond the type's range become infinite, as when they are rounded.

    Raises:
        EmitterError: an integer does not fit the type, or a value is no number.
    """
    try:
        if dtype is DType.BFLOAT16:
            return b"".join(_bfloat16(value) for value in values)
        return struct.pack(f"<{len(values)}{_FORMATS[dtype]}", *values)
    except OverflowError:
        if not dtype.floating:
            raise EmitterError(f"a value does not fit {dtype.value}") from None
        return b"".join(_float_or_infinity(value, _FORMATS[dtype]) for value in values)
    except struct.error as error:
        raise EmitterError(f"a value does not fit {dtype.value}: {error}") from None


def _float_or_infinity(value: float, letter: str) -> bytes:
    try:
        return struct.pack(f"<{letter}", value)
    except OverflowError:
        return struct.pack(f"<{letter}", float("inf") if value > 0 else float("-inf"))


def _bfloat16(value: float) -> bytes:
    """The upper half of the float32, rounded to the nearest, ties to even."""
    bits: int = struct.unpack("<I", _float_or_infinity(value, "f"))[0]
    if not math.isnan(value):
        bits += 0x7FFF + (bits >> 16 & 1)
    return struct.pack("<H", bits >> 16)
