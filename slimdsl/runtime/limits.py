"""What the integers of inputs count or index: classes, by the losses and metrics, and words, by tables and one-hots."""

from __future__ import annotations

from slimdsl.ir.graph import Graph, Node, Tensor
from slimdsl.ops.base import Primitive
from slimdsl.ops.embedding import Lookup, OneHot
from slimdsl.ops.layout import Reverse, Transpose
from slimdsl.ops.merge import Concat, Pack
from slimdsl.ops.reshape import Reshape
from slimdsl.ops.shape import ExpandDims, Identity, Squeeze, Tile
from slimdsl.ops.slicing import Index, Slice, SplitPart
from slimdsl.recipe.base import Loss, Metric
from slimdsl.recipe.losses import Hinge, LogLoss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from slimdsl.recipe.metrics import Auc, Precision, Recall
from slimdsl.recipe.operands import CLASSES, CLASSES_OR_SHARES
from slimdsl.recipe.recipe import Recipe
from slimdsl.runtime.data.wanted import ANY, ONES, SHARES, Limit

_LOGITS = "logits"

_MOVING: tuple[type[Primitive], ...] = (
    Concat, ExpandDims, Identity, Index, Pack, Reshape, Reverse, Slice, SplitPart, Squeeze, Tile, Transpose,
)  # fmt: skip
"""What passes numbers on as they are."""

_BINARY: tuple[type[Loss | Metric], ...] = (SigmoidCrossEntropy, Hinge, LogLoss, Precision, Recall, Auc)
"""Losses and metrics of labels that are 0 or 1."""


def limits_of(graph: Graph, recipe: Recipe) -> dict[str, Limit]:
    """Name of an input of the network or the recipe -> what its integers stay below; the least, where there are more.

    Args:
        graph: the network.
        recipe: whose losses and metrics count classes.
    """
    found = [*_classes(graph, recipe), *_words(graph)]
    limits: dict[str, Limit] = {}
    for name, limit in found:
        known = limits.get(name)
        # An error for one consumer is an error; what has no place in a one-hot is none.
        if known is None or (limit.strict, -limit.count) > (known.strict, -known.count):
            limits[name] = limit
    return limits


def drawn_for(recipe: Recipe, name: str) -> str:
    """Which floating-point numbers make sense for an input, as its losses and metrics have it."""
    for part, operands in _terms(recipe):
        if operands[1] == name and isinstance(part, _BINARY):
            return ONES
        if operands[1] == name and isinstance(part, SoftmaxCrossEntropy):
            return SHARES
    return ANY


def _terms(recipe: Recipe) -> list[tuple[Loss | Metric, tuple[str, ...]]]:
    losses: list[tuple[Loss | Metric, tuple[str, ...]]] = [(term.loss, term.operands) for term in recipe.losses]
    return [*losses, *((term.metric, term.operands) for term in recipe.metrics)]


def _classes(graph: Graph, recipe: Recipe) -> list[tuple[str, Limit]]:
    """The limits of labels that are class numbers."""
    inputs = {**{name: tensor.type for name, tensor in graph.inputs.items()}, **recipe.inputs}
    # The last axis of embeddings counts no classes.
    counting = {given[0] for part, given in _terms(recipe) if part.operands[0] == _LOGITS}
    found = []
    for part, (output, label, *_) in _terms(recipe):
        if part.takes not in (CLASSES, CLASSES_OR_SHARES) or output not in counting or output not in graph.outputs:
            continue
        type = graph.outputs[output].type
        last = type.shape[-1] if type.rank > 1 else None
        if label in inputs and not inputs[label].dtype.floating and isinstance(last, int):
            found.append((label, Limit(last, f"classes of `{output}`")))
    return found


def _words(graph: Graph) -> list[tuple[str, Limit]]:
    """The limits of inputs that are looked up in tables or become one-hot vectors, maybe cut and moved before."""
    comes_from: dict[Tensor, frozenset[str]] = {
        tensor: frozenset([name]) for name, tensor in graph.inputs.items() if not tensor.type.dtype.floating
    }
    found = []
    for node in graph.nodes:
        if isinstance(node.op, _MOVING):
            names = frozenset().union(*(comes_from.get(tensor, frozenset()) for tensor in node.inputs))
            comes_from.update(dict.fromkeys(node.results, names))
        elif isinstance(node.op, (Lookup, OneHot)):
            limit = _limit(node)
            names = comes_from.get(node.inputs[0], frozenset())
            found += [(name, limit) for name in sorted(names)] if limit is not None else []
    return found


def _limit(node: Node) -> Limit | None:
    if isinstance(node.op, OneHot):
        return Limit(node.op.depth, f"places of `{node.name}`", strict=False)
    count = node.inputs[1].type.shape[0]
    return Limit(count, f"words of `{node.scope}`") if isinstance(count, int) else None
