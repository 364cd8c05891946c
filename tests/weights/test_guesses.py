"""Guesses at renames: the same shape, and the same place in the order."""

from __future__ import annotations

from slimdsl.weights.guesses import guess_renames, natural, rename_rules


def test_a_renamed_root_explains_everything() -> None:
    missing = {f"vgg_16/conv{i}/{leaf}": (i,) for i in range(1, 12) for leaf in ("weights", "biases")}
    extra = {name.replace("vgg_16/", "vgg16/"): shape for name, shape in missing.items()}
    guessed = guess_renames(missing, extra)
    assert guessed == {name: name.replace("vgg_16/", "vgg16/") for name in missing}
    assert rename_rules(guessed, len(missing)) == [("vgg16", "vgg_16")]


def test_what_changed_its_shape_goes_the_way_of_its_neighbours() -> None:
    missing = {"new/conv1/weights": (3,), "new/conv2/weights": (4,), "new/logits/weights": (4, 10)}
    extra = {"old/conv1/weights": (3,), "old/conv2/weights": (4,), "old/logits/weights": (4, 7)}
    assert guess_renames(missing, extra)["new/logits/weights"] == "old/logits/weights"


def test_another_network_is_no_other_name() -> None:
    guessed = {f"a/{i}": f"b/{i}" for i in range(5)}
    assert rename_rules(guessed, 5) == [("b", "a")]
    assert rename_rules(guessed, 10) == []


def test_other_leaves_go_by_shape_and_order() -> None:
    missing = {"n/conv2/weights": (3, 3), "n/conv10/weights": (3, 3), "n/fc/weights": (9, 2)}
    extra = {"layer_10/kernel": (3, 3), "layer_2/kernel": (3, 3), "dense/kernel": (9, 2)}
    assert guess_renames(missing, extra) == {
        "n/conv2/weights": "layer_2/kernel",
        "n/conv10/weights": "layer_10/kernel",
        "n/fc/weights": "dense/kernel",
    }


def test_shapes_that_nothing_has_are_not_guessed() -> None:
    assert guess_renames({"a": (1,)}, {"b": (2,)}) == {}


def test_where_the_counts_differ_likeness_decides() -> None:
    guessed = guess_renames({"a/conv1/weights": (3,)}, {"a/conv1/weightz": (3,), "b/other": (3,)})
    assert guessed == {"a/conv1/weights": "a/conv1/weightz"}


def test_no_tensor_is_guessed_twice() -> None:
    missing = {f"net/conv_{i}/weights": (4,) for i in range(5)}
    guessed = guess_renames(missing, {"net/conv_a/weights": (4,), "net/conv_b/weights": (4,)})
    assert len(set(guessed.values())) == len(guessed)


def test_numbers_are_ordered_as_numbers() -> None:
    assert sorted(["conv10", "conv2", "conv1"], key=natural) == ["conv1", "conv2", "conv10"]
