"""Artefacts for the tests of verification: small networks, written as `compile` writes them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from slimdsl import loads
from slimdsl.backends.order import Artefact, Options, Order
from slimdsl.backends.registry import FORMATS
from slimdsl.ir.graph import Graph
from slimdsl.passes.deploy import deploy
from slimdsl.weights.derived import DerivedWeights
from slimdsl.weights.seeded import SeedWeights
from slimdsl.weights.source import WeightSource

Made = tuple[str, Order, Artefact]
SEED = 7

CONVS = """slim 1
net convs {
  input images: float32[N, H, W, 3]
  with conv: norm=batch_norm
  conv(4, 3x3) as conv1
  conv(4, 3x3) as conv2
  dropout(0.5) as drop
  conv(3, 1x1, norm=none, activation=none) as logits
  output logits
  output classes = logits -> argmax(-1)
}
"""


def graph_of(text: str = CONVS, *, training: bool = False) -> Graph:
    """The graph of a text."""
    return loads(text, training=training).graph


def make(folder: Path, format: str, graph: Graph, *, level: int = 0, drawn: bool = False, **options: Any) -> Made:
    """Write an artefact as `compile` does.

    Args:
        folder: where.
        format: the name of the format.
        graph: the network.
        level: of the deploy passes.
        drawn: True where the graph draws its values itself.
        **options: of the format.
    """
    (known,) = [known for known in FORMATS if known.name == format]
    weights: WeightSource = SeedWeights(SEED)
    if level:
        deployed = deploy(graph)
        graph, weights = deployed.graph, DerivedWeights(weights, deployed.derivations)
    order = Order(
        graph=graph,
        weights=None if drawn else weights,
        seed=SEED,
        path=str(folder / f"{len(list(folder.iterdir()))}{known.suffix}"),
        options=Options(**options),
    )
    return format, order, import_module(known.module).write(order)
