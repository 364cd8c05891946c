"""Record what TF-Slim computes for the GANs of its model library, as `gans/<network>.json` has it.

    python -m tests.conformance.record_gans FOLDER

FOLDER and the environment are those of `record`.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf
import tf_slim

from tests.conformance.record import HERE, WEIGHT_DECAY, Built, record, write

FILTERS = [64, 128, 256, 512]


class Gan(NamedTuple):
    """A network of two, or of one whose discriminator is another's."""

    function: Callable[..., Built]
    input: tuple[int, ...]
    classes: int | None = None

    def build(self, images: tf.Tensor, *, is_training: bool, **arguments: Any) -> Built:
        """The result and the end points, built in the graph that is open."""
        return self.function(images, is_training=is_training, **arguments)


def _dcgan(function: str, images: tf.Tensor, **arguments: Any) -> Built:
    return getattr(importlib.import_module("nets.dcgan"), function)(images, **arguments)


def _cyclegan_generator_resnet(images: tf.Tensor, **arguments: Any) -> Built:
    cyclegan = importlib.import_module("nets.cyclegan")
    arg_scope = functools.partial(cyclegan.cyclegan_arg_scope, weight_decay=WEIGHT_DECAY)
    return cyclegan.cyclegan_generator_resnet(images, arg_scope_fn=arg_scope, **arguments)


def _pix2pix_generator(images: tf.Tensor, **arguments: Any) -> Built:
    """Without dropout, which draws at random for inference too."""
    pix2pix = importlib.import_module("nets.pix2pix")
    blocks = [pix2pix.Block(filters, 0) for filters in (*FILTERS, 512, 512, 512)]
    with tf_slim.arg_scope(pix2pix.pix2pix_arg_scope()):
        return pix2pix.pix2pix_generator(images, 3, blocks=blocks, **arguments)


def _pix2pix_discriminator(images: tf.Tensor, **arguments: Any) -> Built:
    pix2pix = importlib.import_module("nets.pix2pix")
    with tf_slim.arg_scope(pix2pix.pix2pix_arg_scope()):
        return pix2pix.pix2pix_discriminator(images, FILTERS, **arguments)


GANS = {
    "discriminator": Gan(functools.partial(_dcgan, "discriminator"), (2, 32, 32, 3)),
    "generator": Gan(functools.partial(_dcgan, "generator"), (2, 100)),
    "cyclegan_generator_resnet": Gan(_cyclegan_generator_resnet, (1, 64, 64, 3)),
    "pix2pix_generator": Gan(_pix2pix_generator, (1, 128, 128, 3)),
    "pix2pix_discriminator": Gan(_pix2pix_discriminator, (1, 64, 64, 3)),
}


def main() -> None:
    """Record all of them."""
    parser = argparse.ArgumentParser(description="Record what TF-Slim computes for the GANs.")
    parser.add_argument("library", type=Path, help="the folder that holds the package `nets`")
    options = parser.parse_args()
    sys.path.insert(0, str(options.library.resolve()))
    for name, gan in GANS.items():
        write(HERE / "gans", record(name, gan, {}))


if __name__ == "__main__":
    main()
