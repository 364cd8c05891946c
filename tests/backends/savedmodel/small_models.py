"""Small networks and their SavedModels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import slimdsl
from slimdsl.backends.order import Artefact, Options, Order
from slimdsl.backends.savedmodel.writer import write
from slimdsl.ir.graph import Graph
from slimdsl.weights.seeded import SeedWeights

OPEN = """
slim 1
net open {
  input images: float32[N, H, W, 3]
  with conv, fc: weights_reg=l2(0.01)
  conv(4, 3x3, norm=batch_norm) as conv1
  max_pool(2x2) as pool1
  conv(6, 3x3, stride=2, norm=batch_norm) as conv2
  output features
  global_avg_pool as pool
  flatten
  dropout(0.5) as dropout1
  fc(3, activation=none) as fc1
  output logits
  output predictions = logits -> softmax as /Predictions
}
"""
"""Batch normalisation, dropout, penalties; every size of an image."""

FIXED = """
slim 1
net fixed {
  input images: float32[N, 8, 8, 1]
  input scale: float32[N, 5]
  with conv, fc: weights_reg=l2(0.01)
  conv(4, 5x5) as conv1
  max_pool(2x2) as pool1
  flatten
  fc(5) as fc2
  add(it, scale) as sum
  fc(3, activation=none) as fc3
  output logits
  output scale = scale
}
"""
"""LeNet's kind, with two inputs, one of which comes out again; nothing in it is drawn at random."""

BURNING = """
slim 1
net burning {
  input x: float32[N, 3]
  drop_path(0.25, burn_in=100) as path
  output dropped
}
"""
"""Something that changes in the course of a training."""

TEXTS = {"open": OPEN, "fixed": FIXED, "burning": BURNING}
SEED = 3


def graph_of(name: str, *, training: bool = False) -> Graph:
    return slimdsl.loads(TEXTS[name], training=training).graph


def save(name: str, path: Path, *, frozen: bool = False, train: bool = False) -> Artefact:
    order = Order(
        graph=graph_of(name),
        train_graph=graph_of(name, training=True) if train else None,
        weights=SeedWeights(SEED),
        seed=SEED,
        path=str(path),
        options=Options(frozen=frozen),
    )
    return write(order)


def images(count: int, height: int = 8, width: int = 8, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, height, width, channels)).astype("float32")


def inputs_of(name: str, count: int = 4) -> dict[str, np.ndarray]:
    if name == "open":
        return {"images": images(count)}
    return {"images": images(count, channels=1), "scale": np.full((count, 5), 0.5, "float32")}


def seeded_values(graph: Graph) -> dict[str, np.ndarray]:
    """The values that `save` has stored."""
    found = {}
    for variable in graph.variables:
        content = bytearray()
        SeedWeights(SEED).write(variable, content.extend)
        found[variable.name] = np.frombuffer(content, "<f4").reshape(variable.shape)
    return found
