"""Which inputs of a network and a recipe the data are for: images for one, labels for the other."""

from __future__ import annotations

from slimdsl.ir.graph import Graph
from slimdsl.recipe.operands import CLASSES, CLASSES_OR_SHARES
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.source import ArraySource, DataSource
from slimdsl.types import SymbolicDim, TensorType, symbol_names
from slimdsl.values import Value, value

_IMAGE_AXES = 4


@value
class Feed(Value):
    """What a batch has to have.

    Attributes:
        image: name of the input that takes the images.
        size: their height and width.
        channels: their channels.
        label: name of the input that takes the labels; None where there is none.
        label_dtype: the element type of the labels.
        classes: how many classes there are; None where labels are no class numbers.
        sizes: numbers for the sizes that the network leaves open.
    """

    image: str
    size: tuple[int, int]
    channels: int
    label: str | None
    label_dtype: str
    classes: int | None
    sizes: dict[str, int]


def feed_of(graph: Graph, recipe: Recipe, source: DataSource) -> Feed:
    """Find out what goes where.

    Args:
        graph: the training graph.
        recipe: the recipe.
        source: the data, whose images decide a size that the network leaves open.

    Raises:
        MissingDataError: images and labels are not what the network is trained with.
    """
    types = {**{name: tensor.type for name, tensor in graph.inputs.items()}, **recipe.inputs}
    images = [name for name, type in types.items() if type.rank == _IMAGE_AXES and type.dtype.floating]
    others = [name for name in types if name not in images]
    if len(images) != 1 or len(others) > 1:
        listed = ", ".join(f"`{name}: {type}`" for name, type in types.items())
        raise MissingDataError(f"data are images with a label each, and `{graph.name}` is trained with {listed}")
    image, label = images[0], others[0] if others else None
    channels = types[image].shape[3]
    if not isinstance(channels, int):
        raise MissingDataError(f"`{graph.name}` leaves the channels of `{image}` open: {types[image]}")
    sizes = _sizes(graph.name, image, types[image], source)
    height, width = (dim if isinstance(dim, int) else sizes[str(dim)] for dim in types[image].shape[1:3])
    return Feed(
        image=image,
        size=(height, width),
        channels=channels,
        label=label,
        label_dtype=types[label].dtype.value if label else "int64",
        classes=_classes(graph, recipe, label, types),
        sizes=sizes,
    )


def check_class_names(source: DataSource, feed: Feed) -> None:
    """Refuse data with names for more classes than the network has.

    Raises:
        DataError: they have.
    """
    if feed.classes is not None and len(source.classes) > feed.classes:
        one_more = len(source.classes) == feed.classes + 1
        raise DataError(
            f"the data have {len(source.classes)} classes, and the network has {feed.classes}: "
            f"-D classes={len(source.classes)}, where the net has such a parameter"
            + (", or --labels-offset 1, where their class 0 is no class of the network" if one_more else "")
        )


def _sizes(network: str, image: str, type: TensorType, source: DataSource) -> dict[str, int]:
    """Numbers for open sizes: those of the images, where all have the same."""
    found = {}
    for axis, dim in enumerate(type.shape[1:3]):
        if not isinstance(dim, SymbolicDim):
            continue
        if str(dim) not in symbol_names(dim) or not isinstance(source, ArraySource) or source.image_shape is None:
            raise MissingDataError(
                f"`{network}` leaves the size of `{image}` open, {type}, and the images have sizes of their own: "
                "write the size in the net"
            )
        found[str(dim)] = source.image_shape[axis]
    return found


def _classes(graph: Graph, recipe: Recipe, label: str | None, types: dict[str, TensorType]) -> int | None:
    """How many classes a loss or a metric of class numbers has."""
    if label is None or types[label].dtype.floating or types[label].rank != 1:
        return None
    terms = [(term.operands, term.loss.takes) for term in recipe.losses]
    terms += [(term.operands, term.metric.takes) for term in recipe.metrics]
    for operands, takes in terms:
        if takes in (CLASSES, CLASSES_OR_SHARES) and operands[1] == label and operands[0] in graph.outputs:
            last = graph.outputs[operands[0]].type.shape[-1]
            if isinstance(last, int) and graph.outputs[operands[0]].type.rank > 1 and _is_logits(recipe, operands[0]):
                return last
    return None


def _is_logits(recipe: Recipe, output: str) -> bool:
    """Whether the last axis of an output counts classes; that of embeddings does not."""
    terms = [(term.operands, term.loss.operands) for term in recipe.losses]
    terms += [(term.operands, term.metric.operands) for term in recipe.metrics]
    return any(given[0] == output and called[0] == "logits" for given, called in terms)
