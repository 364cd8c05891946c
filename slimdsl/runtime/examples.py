"""What is predicted for: image files, or the rows of arrays; each becomes one example with a name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.ir.graph import Graph, Tensor
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.fitting import fit_shapes, in_type, numpy_type
from slimdsl.runtime.data.image_headers import too_large
from slimdsl.runtime.data.images import decode, fit
from slimdsl.runtime.data.preprocessing import Preprocessing, preprocessing_named, preprocessing_of_network
from slimdsl.runtime.errors import tensorflow_text
from slimdsl.types import DType, SymbolicDim, symbol_names
from slimdsl.values import Value, field, value
from slimdsl.weights.npz import NpzFile
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile

Array = npt.NDArray[Any]

LARGEST_FILE = 1 << 29
"""Bytes of an image file beyond which it is none."""


@value
class Example(Value):
    """One example.

    Attributes:
        name: what it is called: its file, with the row for arrays.
        feeds: name of each input -> its values, without the axis of the batch; empty where it cannot be used.
        problem: why it cannot be used; "" where it can.
    """

    name: str
    feeds: Mapping[str, Array] = field(compare=False)
    problem: str = field(default="")


@value
class ImageInput(Value):
    """The input that images are fed to.

    Attributes:
        name: its name.
        size: height and width.
        channels: how many there are.
        resized: whether images are brought to the size before any preprocessing, as the digits are in training.
    """

    name: str
    size: tuple[int, int]
    channels: int
    resized: bool


def image_input(graph: Graph, size: tuple[int, int] | None, *, resized: bool = False) -> ImageInput:
    """The input of a network that images can be fed to.

    Args:
        graph: the network.
        size: height and width, for a network that leaves them open.
        resized: as in `ImageInput`.

    Raises:
        MissingDataError: it has none, or more than one input, or does not say how large its images are.
    """
    listed = ", ".join(f"`{name}: {tensor.type}`" for name, tensor in graph.inputs.items())
    (name, tensor), *others = graph.inputs.items()
    shape = tensor.type.shape
    channels = shape[-1] if len(shape) == 4 and tensor.type.dtype.floating else None
    if others or channels not in {1, 3, 4}:
        raise MissingDataError(
            f"image files are for a network with one input [N, height, width, channels] of 1, 3 or 4 channels, and "
            f"`{graph.name}` has {listed}: give it an .npz with an array for every input"
        )
    height, width = (dim if isinstance(dim, int) else None for dim in shape[1:3])
    if size is None and (height is None or width is None):
        raise MissingDataError(f"`{graph.name}` leaves the size of its images open, {listed}: --size 224 decides it")
    if size is not None and (height or size[0], width or size[1]) != size:
        raise MissingDataError(f"--size {size[0]}x{size[1]} does not fit {listed}")
    found = (height or (size or (0, 0))[0], width or (size or (0, 0))[1])
    assert isinstance(channels, int)
    return ImageInput(name=name, size=found, channels=channels, resized=resized)


def choose_preprocessing(network: str, given: str, target: ImageInput, paths: Sequence[str]) -> Preprocessing:
    """The preprocessing that was asked for, TF-Slim's for the network, or what training takes for other networks.

    Raises:
        MissingDataError: there is none of that name.
        DataError: it cannot make such images.
    """
    name = given or preprocessing_of_network(network)
    if not name:
        # As training has it: images that have the network's size are scaled alone.
        name = "lenet" if _size_of_first(paths) == target.size else "inception"
    return preprocessing_named(name, target.channels)


def _size_of_first(paths: Sequence[str]) -> tuple[int, int] | None:
    """Height and width of the first image that can be read."""
    for path in paths:
        try:
            shape = _decoded(path, 3).shape
        except DataError:
            continue
        return int(shape[0]), int(shape[1])
    return None


def image_examples(paths: Sequence[str], target: ImageInput, preprocessing: Preprocessing) -> Iterator[Example]:
    """An example for each image; one that cannot be read has a problem, and the others go on."""
    for path in paths:
        try:
            image = _decoded(path, preprocessing.decoded_channels(target.channels))
            if target.resized:
                # Preprocessings tell pixels by their type.
                image = tf.saturate_cast(tf.round(fit(image, target.size)), tf.uint8)
            made = preprocessing.evaluate(image, target.size, target.channels)
        except DataError as error:
            yield Example(name=path, feeds={}, problem=str(error))
        except tf.errors.OpError as error:
            yield Example(name=path, feeds={}, problem=f"`{path}` cannot be preprocessed: {tensorflow_text(error)}")
        else:
            yield Example(name=path, feeds={target.name: made.numpy()})


def _decoded(path: str, channels: int) -> Any:
    """The pixels of an image file.

    Raises:
        DataError: it cannot be read, or is no image.
    """
    try:
        if not os.path.isfile(path):
            # A pipe or a device would be waited for, maybe for ever.
            reason = "it is a folder" if os.path.isdir(path) else "there is no such file"
            raise DataError(f"cannot read `{path}`: {reason}")
        with open(path, "rb") as file:
            encoded = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise DataError(f"cannot read `{path}`: {error.strerror}") from None
    if not encoded:
        raise DataError(f"`{path}` is empty")
    if len(encoded) > LARGEST_FILE:
        raise DataError(f"`{path}` is larger than any image, over {LARGEST_FILE >> 20} MiB")
    if problem := too_large(encoded):
        raise DataError(f"`{path}` {problem}")
    try:
        image = decode(encoded, channels)
    except (tf.errors.OpError, ValueError):
        raise DataError(f"`{path}` is no JPEG, PNG, BMP or GIF that can be decoded, or it is damaged") from None
    if 0 in image.shape:
        raise DataError(f"`{path}` has {image.shape[1]} x {image.shape[0]} pixels, which cannot be used")
    return image


def batch_size(graph: Graph) -> int | None:
    """How many examples the network takes at once: 0 for any number, None where its inputs have no common batch."""
    firsts = {tensor.type.shape[0] if tensor.type.shape else None for tensor in graph.inputs.values()}
    if len(firsts) != 1:
        return None
    (first,) = firsts
    if isinstance(first, SymbolicDim):
        return 0 if str(first) in symbol_names(first) else None
    return first


def array_examples(path: str, graph: Graph) -> list[Example]:
    """The examples of an archive with an array for every input.

    Where the inputs have a batch, each row is an example; else the arrays are fed as they are.

    Raises:
        DataError: it cannot be read, or does not fit the network.
    """
    arrays = _read_archive(path, graph)
    if batch_size(graph) is None:
        return [Example(name=path, feeds=arrays)]
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} of `{name}`" for name, count in counts.items())
        raise DataError(f"`{path}`: the numbers of examples do not go together: {listed}")
    count = next(iter(counts.values()))
    if not count:
        raise DataError(f"`{path}` has no examples: its arrays are empty")
    rows = ({name: array[row] for name, array in arrays.items()} for row in range(count))
    return [Example(name=f"{path}[{row}]", feeds=feeds) for row, feeds in enumerate(rows)]


def _read_archive(path: str, graph: Graph) -> dict[str, Array]:
    """The arrays for the inputs, compared with their types.

    Raises:
        DataError: as `array_examples`.
    """
    listed = ", ".join(f"{name}=…" for name in graph.inputs)
    if not os.path.isfile(path):
        reason = "it is a folder" if os.path.isdir(path) else "there is no such file"
        raise DataError(f"cannot read `{path}`: {reason}")
    try:
        with NpzFile.open(path) as archive:
            for problem in archive.problems.values():
                raise DataError(problem.message)
            for name in archive.tensors:
                if name not in graph.inputs:
                    hint = did_you_mean(name, graph.inputs) or f"the inputs are {', '.join(graph.inputs)}"
                    raise DataError(f"`{path}`: `{name}` is no input of `{graph.name}`; {hint}")
            for name in graph.inputs:
                if name not in archive.tensors:
                    raise DataError(f"`{path}` has no array for the input `{name}`: numpy.savez(path, {listed})")
            types = {name: tensor.type for name, tensor in graph.inputs.items()}
            shapes = {name: archive.tensors[name].shape for name in types}
            fit_shapes(path, types, shapes, batched=batch_size(graph) is not None)
            return {name: _array(path, archive, name, tensor) for name, tensor in graph.inputs.items()}
    except WeightsError as error:
        raise DataError(error.diagnostics[0].message) from None
    except OSError as error:
        raise DataError(f"cannot read `{path}`: {error.strerror}") from None


def _array(path: str, archive: WeightsFile, name: str, tensor: Tensor) -> Array:
    """One array, in the input's element type."""
    stored = archive.tensors[name]
    if stored.dtype is None or stored.dtype is DType.STRING:
        raise DataError(
            f"`{path}`: `{name}` is {stored.type_text}, and the input is {tensor.type}: "
            f"save it as numpy.{tensor.type.dtype.value}"
        )
    content = bytearray()
    archive.write(name, content.extend)
    found = np.frombuffer(content, numpy_type(stored.dtype)).reshape(stored.shape)
    return in_type(path, name, found, tensor.type)
