"""How large an image says it is, before anybody makes room for its pixels: a small file may stand for billions."""

from __future__ import annotations

import tensorflow as tf

LARGEST_IMAGE = 1 << 28
"""Pixels of an image beyond which it is not decoded."""

_PNG, _GIF, _BMP, _JPEG = b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"\xff\xd8\xff"
_OLD_BMP_HEADER = 12


def too_large(encoded: bytes) -> str:
    """What is wrong with an image of more than `LARGEST_IMAGE` pixels, as it reads after its name; "" for others."""
    size = _size(encoded)
    if size is None or size[0] * size[1] <= LARGEST_IMAGE:
        return ""
    return f"has {size[1]} x {size[0]} pixels, more than the {LARGEST_IMAGE:,} that are decoded"


def _size(encoded: bytes) -> tuple[int, int] | None:
    """Height and width by the head of a file; None where it has none that can be read."""
    if encoded.startswith(_PNG):
        return _number(encoded, 20, 4, "big"), _number(encoded, 16, 4, "big")
    if encoded.startswith(_GIF):
        return _number(encoded, 8, 2), _number(encoded, 6, 2)
    if encoded.startswith(_BMP):
        if _number(encoded, 14, 4) == _OLD_BMP_HEADER:
            return _number(encoded, 20, 2), _number(encoded, 18, 2)
        # A negative height is that of an image whose first row is the top one.
        return abs(_number(encoded, 22, 4, signed=True)), abs(_number(encoded, 18, 4, signed=True))
    if encoded.startswith(_JPEG):
        try:
            height, width, _ = tf.io.extract_jpeg_shape(encoded).numpy()
        except (tf.errors.OpError, ValueError):
            return None
        return int(height), int(width)
    return None


def _number(encoded: bytes, start: int, size: int, order: str = "little", *, signed: bool = False) -> int:
    return int.from_bytes(encoded[start : start + size], "big" if order == "big" else "little", signed=signed)
