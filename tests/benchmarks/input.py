"""How fast batches come from TFRecords of 224-pixel JPEGs, beside a tf.data pipeline tuned by hand.

`python -m tests.benchmarks.input` makes records of JPEGs, then takes turns: ours, and the pipeline that TensorFlow's
guide to performance describes (files interleaved, a shuffle buffer, parallel decoding of the window alone, batches,
prefetching, any order), both with TF-Slim's inception preprocessing for training. The ratio is the median of those
within a turn; asked for is at least 0.9. Processor time for each image is printed too: on a machine that does other
things it says more than the clock.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from slimdsl.runtime.data.conversion import convert
from slimdsl.runtime.data.memory import LARGEST
from slimdsl.runtime.data.opening import open_data
from slimdsl.runtime.data.pipeline import batches
from slimdsl.runtime.data.records import RecordSource

SIDE = 224
BATCH = 32
# More than are decoded once and kept in memory: it is reading that is measured.
IMAGES = LARGEST // (SIDE * SIDE * 3) + BATCH
STEPS = 32
ROUNDS = 14

FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64),
}


def make_images(folder: Path) -> None:
    """JPEGs with detail at several scales, about as large as photographs of this size."""
    random = np.random.default_rng(0)
    for number in range(IMAGES):
        image = sum(
            tf.image.resize(random.uniform(-1, 1, (side, side, 3)) * weight, [SIDE, SIDE])
            for side, weight in ((4, 60), (16, 40), (56, 20), (SIDE, 6))
        )
        pixels = tf.cast(tf.clip_by_value(image + 128, 0, 255), tf.uint8)
        path = folder / f"{number % 8}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(tf.io.encode_jpeg(pixels, quality=90).numpy())


def distorted(record: Any) -> tuple[Any, Any]:
    """A record as a distorted image and its label, written as one would for this data alone."""
    example = tf.io.parse_single_example(record, FEATURES)
    encoded = example["image/encoded"]
    begin, size, _ = tf.image.sample_distorted_bounding_box(
        tf.io.extract_jpeg_shape(encoded),
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        min_object_covered=0.1,
        aspect_ratio_range=(0.75, 1.33),
        area_range=(0.05, 1.0),
        max_attempts=100,
    )
    image = tf.image.decode_and_crop_jpeg(encoded, tf.concat([begin[:2], size[:2]], 0), channels=3)
    image = tf.image.convert_image_dtype(image, tf.float32)
    image = tf.compat.v1.image.resize_bilinear(image[tf.newaxis], [SIDE, SIDE])[0]
    image = tf.image.random_flip_left_right(image)
    image = tf.image.random_brightness(image, 32 / 255)
    image = tf.image.random_saturation(image, 0.5, 1.5)
    return (tf.clip_by_value(image, 0, 1) - 0.5) * 2, example["image/class/label"]


def by_hand(pattern: str) -> tf.data.Dataset:
    """The pipeline tuned by hand."""
    options = tf.data.Options()
    options.deterministic = False
    return (
        tf.data.Dataset.list_files(pattern)
        .interleave(tf.data.TFRecordDataset, cycle_length=4, num_parallel_calls=tf.data.AUTOTUNE)
        .shuffle(512)
        .repeat()
        .map(distorted, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(BATCH, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(options)
    )


def ours(folder: str) -> tf.data.Dataset:
    """Ours."""
    source = open_data(folder, holdout=0.0)
    assert isinstance(source, RecordSource), "records are measured"
    made = batches(source, preprocessing="inception", size=(SIDE, SIDE), channels=3, batch=BATCH, training=True)
    assert not any(source.decoded.values()), "what is kept in memory is not read"
    return made


def measure(pipelines: dict[str, Any]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Images a second, and processor seconds an image, of each in all turns but the first.

    Each turn makes an iterator and warms it; its order is the other way round than that of the turn before.
    """
    rates: dict[str, list[float]] = {name: [] for name in pipelines}
    costs: dict[str, list[float]] = {name: [] for name in pipelines}
    names = list(pipelines)
    for number in range(ROUNDS + 1):
        for name in names if number % 2 else reversed(names):
            iterator = iter(pipelines[name])
            for _ in range(4):
                next(iterator)
            start, begun = time.perf_counter(), time.process_time()
            for _ in range(STEPS):
                next(iterator)
            if number:
                rates[name].append(STEPS * BATCH / (time.perf_counter() - start))
                costs[name].append((time.process_time() - begun) / (STEPS * BATCH))
            del iterator
    return rates, costs


def main() -> int:
    """Measure, print, and return 1 where ours is slower than asked for."""
    with tempfile.TemporaryDirectory() as below:
        images, records = Path(below, "images"), Path(below, "records")
        images.mkdir()
        make_images(images)
        written = convert(str(images), str(records), shards=8, holdout=0.0)
        print(f"{IMAGES} JPEGs of {SIDE} x {SIDE}, {written.size / IMAGES / 1000:.1f} kB each, batch {BATCH}")
        rates, costs = measure({"ours": ours(str(records)), "by hand": by_hand(f"{records}/*.tfrecord")})
    for name, taken in rates.items():
        cost = statistics.median(costs[name]) * 1e6
        print(f"{name:10} {statistics.median(taken):8.0f} images/s {cost:8.0f} us of processor time an image")
    pairs = [(taken["ours"], taken["by hand"]) for taken in (rates, costs)]
    ratio, cost = (statistics.median(a / b for a, b in zip(*pair, strict=True)) for pair in pairs)
    print(f"ours / by hand: {ratio:.2f} (at least 0.90 asked), with {cost:.2f} of the processor time an image")
    return 0 if ratio >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
