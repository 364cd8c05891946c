"""Small networks that converters may stumble over, with inputs to run them on."""

from __future__ import annotations

from typing import Any

import numpy as np

import slimdsl

Array = np.ndarray[Any, Any]

BATCH = """
slim 1
net batch {
  input images: float32[N, 8, 8, 2]
  conv(4, 3x3, norm=batch_norm) as conv1
  max_pool(2x2) as pool1
  flatten
  dropout(0.5) as dropout1
  fc(3, activation=none) as fc2
  output logits
  output predictions = logits -> softmax as predictions
}
"""

OPEN_SIZES = """
slim 1
net open_sizes {
  input images: float32[N, H, W, 3]
  conv(4, 3x3, stride=2) as conv1
  output features
  global_avg_pool as pool
  flatten
  fc(2, activation=none) as fc2
  output logits
}
"""

WORDS = """
slim 1
net words {
  input words: int32[N, T]
  input bias: float32[N, 5]
  words -> embedding(7, 5) as embedding
  reduce_mean(axes=[1]) as mean
  add(it, bias) as sum
  output zeros = it
  output again = it
  output bias = bias
  output words = it -> relu as relu
}
"""

TEXTS = {"batch": BATCH, "open_sizes": OPEN_SIZES, "words": WORDS}


def graph_of(name: str) -> Any:
    """The graph of a network."""
    return slimdsl.loads(TEXTS[name]).graph


def inputs_of(name: str, *, count: int = 3, size: int = 9) -> dict[str, Array]:
    """Inputs for it: `count` examples, `size` where another size is open."""
    random = np.random.RandomState(7)
    if name == "words":
        words = random.randint(0, 7, (count, size)).astype(np.int32)
        return {"words": words, "bias": random.standard_normal((count, 5)).astype(np.float32)}
    shape = (count, 8, 8, 2) if name == "batch" else (count, size, size + 2, 3)
    return {"images": random.standard_normal(shape).astype(np.float32)}
