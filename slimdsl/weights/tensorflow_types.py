"""Element types as TensorFlow numbers them in its files."""

from __future__ import annotations

from slimdsl.types import DType

DTYPES: dict[int, DType] = {
    1: DType.FLOAT32, 2: DType.FLOAT64, 3: DType.INT32, 4: DType.UINT8, 6: DType.INT8, 9: DType.INT64, 10: DType.BOOL,
    14: DType.BFLOAT16, 19: DType.FLOAT16,
}  # fmt: skip
"""Those that a variable can have and that stand in a file as plain numbers."""

NUMBERS: dict[DType, int] = {dtype: number for number, dtype in DTYPES.items()}

STRING = 7

_OTHERS = {
    5: "int16", STRING: "string", 8: "complex64", 11: "qint8", 12: "quint8", 13: "qint32", 15: "qint16",
    16: "quint16", 17: "uint16", 18: "complex128", 20: "resource", 21: "variant", 22: "uint32", 23: "uint64",
}  # fmt: skip


def type_text(number: int) -> str:
    """The words for a type."""
    if number in DTYPES:
        return DTYPES[number].value
    return _OTHERS.get(number, f"TensorFlow's type {number}")
