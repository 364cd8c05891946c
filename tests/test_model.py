"""The Python interface: what it refuses, and how Python's values become the language's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slimdsl

NET = """\
slim 1
net t(classes = 3) {
  input x: float32[N, 4]
  fc(classes, activation=none) as logits
  output logits
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a network."""
    path = tmp_path / "t.slim"
    path.write_text(NET, encoding="utf-8")
    return path


def test_what_the_network_is_made_of_is_not_overwritten(path: Path) -> None:
    weights = path.with_suffix(".npz")
    arrays: dict[str, Any] = {"t/logits/weights": np.zeros((4, 3), "f4"), "t/logits/biases": np.zeros(3, "f4")}
    np.savez(weights, **arrays)
    before = weights.read_bytes()
    model = slimdsl.load(path)
    for target in (path, weights):
        with pytest.raises(slimdsl.UsageError, match="which the network is made of"):
            model.save(target, weights=weights)
    assert (path.read_text("utf-8"), weights.read_bytes()) == (NET, before)
    model.save(path.with_suffix(".pb"), weights=weights)
    model.save(path.with_suffix(".pb"), weights=weights)
