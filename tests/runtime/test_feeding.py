"""Which inputs the data are for, and what of that does not suit."""

from __future__ import annotations

import numpy as np
import pytest

from slimdsl.compiler import Compilation
from slimdsl.diagnostics.source import Source
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.source import ArraySource
from slimdsl.runtime.feeding import Feed, check_class_names, feed_of

NET = """net a {
  input images: float32[N, %s, 3]
  conv(5, 3x3) as c
  global_avg_pool
  flatten
  output logits
}
"""


def feed(text: str, *, size: int = 16) -> Feed:
    compilation = Compilation(Source("a.slim", f"slim 1\n\n{text}"), training=True)
    graph, recipe = compilation.graph, compilation.recipe()
    assert graph is not None, compilation.diagnostics
    assert recipe is not None, compilation.diagnostics
    return feed_of(graph, recipe, arrays(size=size))


def arrays(*, size: int = 16, classes: tuple[str, ...] = ()) -> ArraySource:
    images = np.zeros([4, size, size, 3], np.uint8)
    return ArraySource(images, np.arange(4), kind="an archive", path="x.npz", classes=classes)


def test_a_classifier() -> None:
    found = feed(NET % "8, 8")
    assert (found.image, found.size, found.channels) == ("images", (8, 8), 3)
    assert (found.label, found.label_dtype, found.classes, found.sizes) == ("labels", "int32", 5, {})


def test_a_size_that_is_left_open_is_that_of_the_images() -> None:
    found = feed(NET % "H, W", size=24)
    assert (found.size, found.sizes) == ((24, 24), {"H": 24, "W": 24})


def test_names_of_more_classes_than_the_network_has() -> None:
    found = feed(NET % "8, 8")
    check_class_names(arrays(classes=("a", "b", "c")), found)
    with pytest.raises(DataError, match="the data have 6 classes, and the network has 5"):
        check_class_names(arrays(classes=tuple("abcdef")), found)


@pytest.mark.parametrize(
    "text",
    [
        "net a {\n  input vectors: float32[N, 7]\n  fc(5) as f\n  output logits\n}\n",
        NET % "8, 8" + "train {\n  input x: float32[N, 5]\n  input y: float32[N, 5]\n"
        "  loss mean_squared_error(logits, x)\n  loss mean_squared_error(logits, y)\n}\n",
    ],
)
def test_data_are_images_with_a_label_each(text: str) -> None:
    with pytest.raises(MissingDataError, match="data are images with a label each, and `a` is trained with"):
        feed(text)


def test_labels_that_are_no_class_numbers() -> None:
    text = NET % "8, 8" + "train {\n  input x: float32[N, 5]\n  loss mean_squared_error(logits, x)\n}\n"
    found = feed(text)
    assert (found.label, found.label_dtype, found.classes) == ("x", "float32", None)
