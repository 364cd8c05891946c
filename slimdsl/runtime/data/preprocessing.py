"""How images become the input of a network: TF-Slim's preprocessings, and none.

A preprocessing has two forms, one for evaluation and one for training, which draws. Every draw is a stateless function
of a seed for the example and the pass, so that a run which is resumed or parallel in another way draws the same.

As TF-Slim's `preprocessing_factory` as it was last, with these differences, each where TF-Slim's fails:
images too small for the crop of `cifarnet` are brought to the network's size first, `vgg` resizes to a side of at least
the crop's where that is more than 256, and `lenet` and `cifarnet` take heights for heights (TF-Slim's swap the two).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.images import Size, between, decode, fit, flip, resize, whole, with_channels
from slimdsl.values import Value, field, value

VGG_MEANS = (123.68, 116.78, 103.94)
VGG_SIDES = (256, 512)
CIFARNET_PADDING = 4
INCEPTION_CENTRE = 0.875
INCEPTION_BRIGHTNESS = 32.0 / 255.0

Evaluate = Callable[[Any, Size, int], Any]
"""(image, size, channels) -> float32 [height, width, channels]."""

Train = Callable[[Any, Size, int, Any], Any]
"""The same with a seed behind: two integers."""


@value
class Preprocessing(Value):
    """A way from images to a network's input.

    Attributes:
        name: how it is asked for.
        evaluate: of an image.
        train: of an image, with draws; None where it is that for evaluation.
        train_encoded: the same of an encoded image, where that can leave out work; None where not.
        colour: True where it works on three channels, whatever the network takes.
        batched: True where `evaluate` takes a batch of images of one size as well.
    """

    name: str
    evaluate: Evaluate
    train: Train | None = field(default=None)
    train_encoded: Train | None = field(default=None)
    colour: bool = field(default=False)
    batched: bool = field(default=False)

    def decoded_channels(self, channels: int) -> int:
        """With how many channels an image is decoded for a network that takes `channels`."""
        return 3 if self.colour else channels


def _none(image: Any, size: Size, channels: int) -> Any:
    return fit(with_channels(image, channels), size)


def _lenet(image: Any, size: Size, channels: int) -> Any:
    image = with_channels(tf.cast(image, tf.float32), channels)
    return (tf.image.resize_with_crop_or_pad(image, *size) - 128.0) / 128.0


def _cifarnet(image: Any, size: Size, channels: int) -> Any:
    image = with_channels(tf.cast(image, tf.float32), channels)
    return tf.image.per_image_standardization(tf.image.resize_with_crop_or_pad(image, *size))


def _cifarnet_train(image: Any, size: Size, channels: int, seed: Any) -> Any:
    draws = tf.random.stateless_uniform([5], seed)
    padding = CIFARNET_PADDING
    image = with_channels(tf.cast(image, tf.float32), channels)
    smallest = (size[0] - 2 * padding, size[1] - 2 * padding)
    image = tf.cond(tf.reduce_any(tf.shape(image)[:2] < smallest), lambda: resize(image, *size), lambda: image)
    image = tf.pad(image, [[padding, padding], [padding, padding], [0, 0]])
    image = flip(_crop(image, size, draws[0], draws[1]), draws[2])
    image = image + between(draws[3], -63.0, 63.0)
    image = tf.image.adjust_contrast(image, between(draws[4], 0.2, 1.8))
    return tf.image.per_image_standardization(image)


def _crop(image: Any, size: Size, down: Any, right: Any) -> Any:
    shape = tf.shape(image)
    top, left = whole(down, shape[0] - size[0] + 1), whole(right, shape[1] - size[1] + 1)
    return tf.image.crop_to_bounding_box(image, top, left, *size)


def _smallest_side(image: Any, side: Any) -> Any:
    """Resized so that the smaller side is this, the ratio kept."""
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = tf.cast(side, tf.float32) / tf.minimum(shape[0], shape[1])
    new = tf.cast(tf.math.rint(shape * scale), tf.int32)
    return resize(tf.cast(image, tf.float32), new[0], new[1])


def _vgg(image: Any, size: Size, channels: int) -> Any:
    image = _smallest_side(image, max(VGG_SIDES[0], *size))
    shape = tf.shape(image)
    image = tf.image.crop_to_bounding_box(image, (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2, *size)
    return image - tf.constant(VGG_MEANS)


def _vgg_train(image: Any, size: Size, channels: int, seed: Any) -> Any:
    draws = tf.random.stateless_uniform([4], seed)
    low = max(VGG_SIDES[0], *size)
    side = low + whole(draws[0], max(VGG_SIDES[1], low) - low + 1)
    image = flip(_crop(_smallest_side(image, side), size, draws[1], draws[2]), draws[3])
    return image - tf.constant(VGG_MEANS)


def _unit(image: Any) -> Any:
    """Pixels of [0, 1]; float images are taken to be that already."""
    return image if image.dtype == tf.float32 else tf.image.convert_image_dtype(image, tf.float32)


def _inception(image: Any, size: Size, channels: int) -> Any:
    image = with_channels(_unit(image), channels)
    image = resize(tf.image.central_crop(image, INCEPTION_CENTRE), *size)
    return (image - 0.5) * 2.0


def _inception_window(shape: Any, seed: Any) -> tuple[Any, Any]:
    """Where the crop begins, and its size."""
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed,
        min_object_covered=0.1,
        aspect_ratio_range=(0.75, 1.33),
        area_range=(0.05, 1.0),
        max_attempts=100,
        use_image_if_no_bounding_boxes=True,
    )
    return begin, extent


def _inception_distorted(image: Any, size: Size, channels: int, seed: Any) -> Any:
    """All that comes after the crop."""
    draws = tf.random.stateless_uniform([3], seed)
    image = flip(resize(_unit(image), *size), draws[0])
    image = image + between(draws[1], -INCEPTION_BRIGHTNESS, INCEPTION_BRIGHTNESS)
    image = tf.image.adjust_saturation(image, between(draws[2], 0.5, 1.5))
    image = with_channels(tf.clip_by_value(image, 0.0, 1.0), channels)
    return (image - 0.5) * 2.0


def _inception_train(image: Any, size: Size, channels: int, seed: Any) -> Any:
    image = with_channels(image, 3)
    begin, extent = _inception_window(tf.shape(image), seed)
    image = tf.slice(image, begin, extent)
    image.set_shape([None, None, 3])
    return _inception_distorted(image, size, channels, seed)


def _inception_train_encoded(encoded: Any, size: Size, channels: int, seed: Any) -> Any:
    """Of a JPEG only the window is decoded: most of the work of this preprocessing is the rest of the picture."""

    def of_jpeg() -> Any:
        begin, extent = _inception_window(tf.image.extract_jpeg_shape(encoded), seed)
        window = tf.concat([begin[:2], extent[:2]], 0)
        return tf.image.decode_and_crop_jpeg(encoded, window, channels=3)

    def of_others() -> Any:
        image = decode(encoded, 3)
        return tf.slice(image, *_inception_window(tf.shape(image), seed))

    image = tf.cond(tf.io.is_jpeg(encoded), of_jpeg, of_others)
    image.set_shape([None, None, 3])
    return _inception_distorted(image, size, channels, seed)


PREPROCESSINGS: tuple[Preprocessing, ...] = (
    Preprocessing(name="none", evaluate=_none, batched=True),
    Preprocessing(name="lenet", evaluate=_lenet, batched=True),
    Preprocessing(name="cifarnet", evaluate=_cifarnet, train=_cifarnet_train),
    Preprocessing(name="vgg", evaluate=_vgg, train=_vgg_train, colour=True),
    Preprocessing(
        name="inception",
        evaluate=_inception,
        train=_inception_train,
        train_encoded=_inception_train_encoded,
        colour=True,
    ),
)

OF_NETWORKS: tuple[tuple[str, str], ...] = (
    ("lenet", "lenet"),
    ("cifarnet", "cifarnet"),
    ("inception", "inception"),
    ("mobilenet", "inception"),
    ("nasnet", "inception"),
    ("pnasnet", "inception"),
    ("resnet", "vgg"),
    ("vgg", "vgg"),
    # TF-Slim's factory lacks the two; its networks for them are fed as VGG's.
    ("alexnet", "vgg"),
    ("overfeat", "vgg"),
)
"""How the names of networks begin, and their preprocessing, as TF-Slim's factory has it."""


def preprocessing_named(name: str, channels: int) -> Preprocessing:
    """The preprocessing of a name, for a network that takes images of so many channels.

    Raises:
        MissingDataError: there is none of that name.
        DataError: it cannot make such images.
    """
    for found in PREPROCESSINGS:
        if found.name == name:
            if name == "vgg" and channels != 3:
                raise DataError(
                    f"the preprocessing `vgg` makes images of 3 channels, and the network takes {channels}: "
                    "choose another, such as `lenet` or `none`"
                )
            return found
    names = ", ".join(f"`{found.name}`" for found in PREPROCESSINGS)
    raise MissingDataError(f"there is no preprocessing `{name}`: there are {names}")


def preprocessing_of_network(network: str) -> str:
    """The preprocessing that TF-Slim has for a network; "" where it has none."""
    lowered = network.lower()
    return next((name for prefix, name in OF_NETWORKS if lowered.startswith(prefix)), "")
