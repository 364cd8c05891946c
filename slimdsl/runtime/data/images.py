"""What the preprocessings are made of: TensorFlow's operations as TF-Slim's scripts call them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Size = tuple[int, int]


def decode(encoded: Any, channels: int) -> Any:
    """An encoded image (JPEG, PNG, BMP, GIF) as uint8 [height, width, channels]; 1 is grey, 3 RGB, 4 RGB and alpha.

    Of 0 channels: as many as it has.
    """
    image = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
    image.set_shape([None, None, channels or None])
    return image


def resize(image: Any, height: Any, width: Any) -> Any:
    """TensorFlow 1's `resize_bilinear`: no half-pixel centres, no corners aligned."""
    resized = tf.raw_ops.ResizeBilinear(
        images=image[tf.newaxis], size=tf.stack([height, width]), align_corners=False, half_pixel_centers=False
    )
    return resized[0]


def fit(images: Any, size: Size) -> Any:
    """Images [height, width, channels], or [N, …], brought to a size by bilinear interpolation, as float32."""
    images = tf.cast(images, tf.float32)
    if tuple(images.shape[-3:-1]) == size:
        return images
    return tf.image.resize(images, size)


def with_channels(images: Any, channels: int) -> Any:
    """Grey images as RGB, and RGB as grey."""
    if images.shape[-1] == channels:
        return images
    if channels == 1:
        return tf.image.rgb_to_grayscale(images[..., :3])
    return tf.repeat(images[..., :1], channels, axis=-1)


def flip(image: Any, draw: Any) -> Any:
    """Mirrored left to right where the draw, of [0, 1), is below a half."""
    return tf.cond(draw < 0.5, lambda: tf.reverse(image, [1]), lambda: image)


def between(draw: Any, low: float, high: float) -> Any:
    """A draw of [0, 1) as one of [low, high)."""
    return low + draw * (high - low)


def whole(draw: Any, count: Any) -> Any:
    """A draw of [0, 1) as one of 0, …, count - 1."""
    number = tf.cast(draw * tf.cast(count, tf.float32), tf.int32)
    # A product may be rounded up to the count itself.
    return tf.minimum(number, tf.cast(count, tf.int32) - 1)
