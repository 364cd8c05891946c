"""Which inputs the data are for, and what of that does not suit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slimdsl.compiler import Compilation
from slimdsl.diagnostics.source import Source
from slimdsl.runtime.data.errors import DataError, MissingDataError
from slimdsl.runtime.data.opening import open_data
from slimdsl.runtime.data.source import ArraySource, DataSource
from slimdsl.runtime.data.tables import TableSource
from slimdsl.runtime.data.wanted import SHARES, Limit, Wanted
from slimdsl.runtime.feeding import Feed, ImageFeed, TableFeed, check_class_names, choose_preprocessing, feed_of
from slimdsl.runtime.wanted_inputs import wanted_of

NET = """net a {
  input images: float32[N, %s, 3]
  conv(5, 3x3) as c
  global_avg_pool
  flatten
  output logits
}
"""

PAIRS = """net pairs {
  input left: float32[N, 4]
  input right: float32[N, 4]
  concat(left, right)
  fc(3, activation=none) as logits
  output logits
}
"""


def wanted(text: str, spec: str = "") -> Wanted:
    compilation = Compilation(Source("a.slim", f"slim 1\n\n{text}"), training=True)
    graph, recipe = compilation.graph, compilation.recipe()
    assert graph is not None, compilation.diagnostics
    assert recipe is not None, compilation.diagnostics
    return wanted_of(graph, recipe, spec)


def image_feed(text: str, *, size: int = 16) -> ImageFeed:
    found = feed_of(wanted(text), arrays(size=size))
    assert isinstance(found, ImageFeed)
    return found


def arrays(*, size: int = 16, classes: tuple[str, ...] = ()) -> ArraySource:
    images = np.zeros([4, size, size, 3], np.uint8)
    return ArraySource(images, np.arange(4), kind="an archive", path="x.npz", classes=classes)


def opened(text: str, spec: str) -> tuple[DataSource, Feed]:
    what = wanted(text, spec)
    source = open_data(spec, wanted=what)
    return source, feed_of(what, source)


def test_a_classifier() -> None:
    found = image_feed(NET % "8, 8")
    assert (found.image, found.size, found.channels) == ("images", (8, 8), 3)
    assert (found.label, found.label_dtype, found.classes, found.sizes) == ("labels", "int32", 5, {})


def test_a_size_that_is_left_open_is_that_of_the_images() -> None:
    found = image_feed(NET % "H, W", size=24)
    assert (found.size, found.sizes) == ((24, 24), {"H": 24, "W": 24})


def test_names_of_more_classes_than_the_network_has() -> None:
    found = image_feed(NET % "8, 8")
    check_class_names(arrays(classes=("a", "b", "c")), found)
    with pytest.raises(DataError, match="the data have 6 classes, and the network has 5"):
        check_class_names(arrays(classes=tuple("abcdef")), found)


def test_labels_that_are_no_class_numbers() -> None:
    found = image_feed(NET % "8, 8" + "train {\n  input x: float32[N, 5]\n  loss mean_squared_error(logits, x)\n}\n")
    assert (found.label, found.label_dtype, found.classes) == ("x", "float32", None)


TWO_TARGETS = (
    NET % "8, 8" + "train {\n  input x: float32[N, 5]\n  input y: float32[N, 5]\n"
    "  loss mean_squared_error(logits, x)\n  loss mean_squared_error(logits, y)\n}\n"
)
MASKS = """net masked {
  input images: float32[N, H, W, 3]
  conv(3, 3x3, activation=none) as logits
  output logits
}

train {
  input masks: int32[N, H, W]
  loss softmax_cross_entropy(logits, masks)
}
"""


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (PAIRS, "left: float32[N, 4]`, `right: float32[N, 4]`, `labels: int32[N]`"),
        (TWO_TARGETS, "images: float32[N, 8, 8, 3]`, `x: float32[N, 5]`, `y: float32[N, 5]`"),
        (MASKS, "images: float32[N, H, W, 3]`, `masks: int32[N, H, W]`"),
    ],
)
def test_images_with_class_numbers_do_not_do_for_others(text: str, listed: str, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as caught:
        feed_of(wanted(text), open_data())
    assert "data of this kind are images with a class number each" in str(caught.value)
    assert listed in str(caught.value)
    assert "--data takes an .npz with an array for each of them, written by numpy.savez(path, " in str(caught.value)


def saved(folder: Path, **given: Any) -> str:
    np.savez(folder / "x.npz", **given)
    return str(folder / "x.npz")


def test_an_array_for_each_input(tmp_path: Path) -> None:
    spec = saved(tmp_path, left=np.zeros((5, 4)), right=np.ones((5, 4)), labels=np.arange(5) % 3)
    source, feed = opened(PAIRS, spec)
    assert isinstance(feed, TableFeed)
    assert (list(feed.types), feed.classes, feed.sizes) == (["left", "right", "labels"], 3, {})
    assert source.count == 5
    assert choose_preprocessing("", "pairs", source, feed) == "none"
    assert feed.text("none") == "`left`, `right`, `labels` as they are"


def test_images_are_found_by_the_usual_names_and_by_those_of_the_inputs(tmp_path: Path) -> None:
    text = NET.replace("images", "photo") % "8, 8" + (
        "train {\n  input kind: int32[N]\n  loss softmax_cross_entropy(logits, kind)\n}\n"
    )
    images = np.zeros((4, 8, 8, 3), np.uint8)
    for names in (("images", "labels"), ("photo", "kind"), ("photo", "labels")):
        source, feed = opened(text, saved(tmp_path, **dict(zip(names, (images, np.arange(4)), strict=True))))
        assert isinstance(source, ArraySource)
        assert isinstance(feed, ImageFeed)
        assert (feed.image, feed.label, feed.classes) == ("photo", "kind", 5)


def test_images_alone_for_a_network_without_labels(tmp_path: Path) -> None:
    text = "net b {\n  input photo: float32[N, 4, 4, 1]\n  conv(1, 3x3) as again\n  output again\n}\n"
    text += "train {\n  loss mean_squared_error(again, photo)\n}\n"
    for name in ("images", "photo"):
        source, feed = opened(text, saved(tmp_path, **{name: np.zeros((3, 4, 4), np.uint8)}))
        assert isinstance(feed, ImageFeed)
        assert (source.count, feed.label) == (3, None)
    with pytest.raises(DataError, match="no array `images`: it has `other`; `b` is trained with `photo: "):
        opened(text, saved(tmp_path, other=np.zeros(3)))


def test_labels_of_images_are_compared_with_their_input(tmp_path: Path) -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    vectors = NET % "8, 8" + "train {\n  input x: float32[N, 5]\n  loss mean_squared_error(logits, x)\n}\n"
    with pytest.raises(DataError, match=r"`labels` has the shape \[4, 6\].*axis 1 must be 5"):
        opened(vectors, saved(tmp_path, images=images, labels=np.zeros((4, 6))))
    with pytest.raises(DataError, match=r"`labels` is float64, and the input is int32\[N\]: save it as numpy.int32"):
        opened(NET % "8, 8", saved(tmp_path, images=images, labels=np.full(4, 0.5)))


def test_masks_keep_images_where_they_are(tmp_path: Path) -> None:
    for image, mask in (("images", "masks"), ("images", "labels")):
        given = {image: np.zeros((4, 6, 5, 3), np.uint8), mask: np.zeros((4, 6, 5), bool)}
        source, feed = opened(MASKS, saved(tmp_path, **given))
        assert isinstance(feed, TableFeed)
        assert (feed.pixels, feed.sizes, feed.classes) == (("images",), {"H": 6, "W": 5}, 3)
        assert choose_preprocessing("", "vgg_masked", source, feed) == "lenet"
        assert choose_preprocessing("none", "masked", source, feed) == "none"
        assert feed.text("lenet") == "`images` by the preprocessing `lenet`; `masks` as they are"
        with pytest.raises(
            MissingDataError, match="no pixel may be moved: --preprocessing is lenet or none, not `vgg`"
        ):
            choose_preprocessing("vgg", "masked", source, feed)


def test_a_preprocessing_of_what_is_no_image(tmp_path: Path) -> None:
    spec = saved(tmp_path, left=np.zeros((5, 4)), right=np.ones((5, 4)), labels=np.arange(5) % 3)
    source, feed = opened(PAIRS, spec)
    with pytest.raises(MissingDataError, match=r"`lenet` is for uint8 images, and the arrays .* have none"):
        choose_preprocessing("lenet", "pairs", source, feed)


@pytest.mark.parametrize(
    ("inputs", "body", "message"),
    [
        ("input x: float32[N, 4]\n  input words: string[N]", "x -> fc(3)", "`words: string[N]` is of texts"),
        ("input x: float32[N, 4]\n  input heat: float32[]", "x -> fc(3)", "`heat: float32[]` has no axis of examples"),
        ("input y: float32[N, 4]\n  input x: float32[2 * N, 4]", "x -> fc(3)", "has 2*N examples for each batch"),
        ("input x: float32[N, 4]\n  input near: float32[N, N]", "x -> fc(3)", "has the batch in axis 1 too"),
    ],
)
def test_inputs_that_no_rows_can_be_fed_to(inputs: str, body: str, message: str) -> None:
    with pytest.raises(MissingDataError) as caught:
        wanted(f"net odd {{\n  {inputs}\n  {body} as logits\n  output logits\n}}\n")
    assert "`odd` cannot be trained from the command line" in str(caught.value)
    assert message in str(caught.value)


WORDS = """net words(vocabulary = 11) {
  input tokens: int32[N, 6]
  input kinds: int64[N, 2]
  let cut = tokens -> slice(1, 0, 3) -> embedding(vocabulary, 4) as table -> flatten
  let also = tokens -> embedding(7, 4) as small -> flatten
  let hot = kinds -> one_hot(5) -> flatten
  concat(cut, also, hot)
  fc(3, activation=none) as logits
  output logits
}

train {
  input labels: int32[N]
  input shares: float32[N, 3]
  loss softmax_cross_entropy(logits, labels)
  loss softmax_cross_entropy(logits, shares)
}
"""


def test_what_integers_stay_below() -> None:
    found = wanted(WORDS).inputs
    # The smaller of two tables; a number that has no place in a one-hot is no error.
    assert found["tokens"].limit == Limit(7, "words of `words/small`")
    assert found["kinds"].limit == Limit(5, "places of `words/one_hot`", strict=False)
    assert found["labels"].limit == Limit(3, "classes of `logits`")
    assert (found["shares"].limit, found["shares"].drawn) == (None, SHARES)


def test_made_up_data_for_any_inputs() -> None:
    source, feed = opened(WORDS, "synthetic:40")
    assert isinstance(source, TableSource)
    assert isinstance(feed, TableFeed)
    made = source.arrays
    assert {name: (array.shape, array.dtype.name) for name, array in made.items()} == {
        "tokens": ((40, 6), "int32"),
        "kinds": ((40, 2), "int64"),
        "labels": ((40,), "int32"),
        "shares": ((40, 3), "float32"),
    }
    assert [(made[name].min(), made[name].max()) for name in ("tokens", "kinds", "labels")] == [(0, 6), (0, 4), (0, 2)]
    np.testing.assert_allclose(made["shares"].sum(1), 1.0, rtol=1e-6)
    again, _ = opened(WORDS, "synthetic:40")
    held = open_data("synthetic:40", "validation", wanted=wanted(WORDS, "synthetic:40"))
    assert isinstance(again, TableSource)
    assert isinstance(held, TableSource)
    for name, array in made.items():
        np.testing.assert_array_equal(array, again.arrays[name])
        assert not np.array_equal(array, held.arrays[name])


def test_made_up_data_give_open_sizes_numbers() -> None:
    source, feed = opened(MASKS, "synthetic:3")
    assert isinstance(source, TableSource)
    height, width = feed.sizes["H"], feed.sizes["W"]
    assert source.arrays["images"].shape == (3, height, width, 3)
    assert source.arrays["masks"].shape == (3, height, width)
    assert "N" not in feed.sizes
