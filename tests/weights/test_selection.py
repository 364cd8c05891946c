"""What is taken of a file, and under which names; nothing is left out or renamed in silence."""

from __future__ import annotations

import pytest

from slimdsl.weights.selection import Rename, Selected, Selection, select
from tests.weights.files import FakeFile

FILE = FakeFile(
    {
        "vgg16/conv1/weights": (3, 3),
        "vgg16/conv1/weights/ExponentialMovingAverage": (3, 3),
        "vgg16/conv1/BatchNorm/moving_mean": (3,),
        "vgg16/logits/weights": (3, 4),
        "vgg16/logits_old/weights": (3, 4),
    }
)
ROOT = Rename("vgg16", "vgg_16")


def chosen(file: FakeFile = FILE, **given: object) -> Selected:
    return select(Selection(**given), file)  # type: ignore[arg-type]  # the fields, by name


def messages(selected: Selected) -> list[str]:
    return [f"{problem.code} {problem.message} | {problem.help}" for problem in selected.problems]


def test_everything_is_taken_as_it_is() -> None:
    assert chosen().names == {name: name for name in FILE.tensors}


def test_a_scope_is_renamed_whole() -> None:
    selected = chosen(renames=(ROOT,))
    assert selected.problems == ()
    assert selected.names["vgg_16/logits/weights"] == "vgg16/logits/weights"
    assert not any(name.startswith("vgg16/") for name in selected.names)


def test_a_scope_is_no_beginning_of_a_name() -> None:
    names = chosen(renames=(Rename("vgg16/logits", "vgg16/top"),)).names
    assert "vgg16/top/weights" in names
    assert "vgg16/logits_old/weights" in names


def test_the_longest_rename_wins_and_only_once() -> None:
    names = chosen(renames=(ROOT, Rename("vgg16/logits", "vgg16/top"))).names
    assert "vgg16/top/weights" in names
    assert "vgg_16/conv1/weights" in names


@pytest.mark.parametrize(
    ("rename", "expected"), [(Rename("", "a"), "a/vgg16/conv1/weights"), (Rename("vgg16", ""), "conv1/weights")]
)
def test_the_root_may_be_put_before_names_or_taken_off(rename: Rename, expected: str) -> None:
    assert expected in chosen(renames=(rename,)).names


@pytest.mark.parametrize("scope", ["logits", "vgg16/logits", "/logits/", "vgg16/logits/weights", "logits/weights"])
def test_an_exception_names_a_scope_with_or_without_the_root(scope: str) -> None:
    selected = chosen(excepted=(scope,))
    assert selected.problems == ()
    assert selected.excepted == ("vgg16/logits/weights",)
    assert "vgg16/logits/weights" not in selected.names
    assert "vgg16/logits_old/weights" in selected.names


def test_exceptions_go_by_the_names_of_the_network() -> None:
    assert chosen(renames=(ROOT,), excepted=("vgg_16/logits",)).excepted == ("vgg_16/logits/weights",)
    assert messages(chosen(renames=(ROOT,), excepted=("vgg16",)))


def test_an_exception_may_name_what_only_the_network_has() -> None:
    selection = Selection(excepted=("vgg16/new",))
    assert select(selection, FILE, ["vgg16/new/weights"]).problems == ()
    assert select(selection, FILE).problems != ()


def test_what_fits_nothing_is_an_error_with_a_suggestion() -> None:
    assert messages(chosen(excepted=("vgg16/logit",))) == [
        "E0508 --except vgg16/logit: nothing in the network or the file is called so | did you mean `vgg16/logits`?"
    ]
    assert messages(chosen(renames=(Rename("vgg19", "a"),))) == [
        "E0508 --rename vgg19=a: nothing in the file `weights.fake` is called so | did you mean `vgg16`?"
    ]


def test_two_tensors_cannot_come_to_one_name() -> None:
    (message,) = messages(chosen(renames=(Rename("vgg16/logits_old", "vgg16/logits"),)))
    assert "`vgg16/logits/weights` and `vgg16/logits_old/weights` would both be called" in message


def test_moving_averages_take_the_place_of_the_values() -> None:
    selected = chosen(ema=True)
    assert selected.names["vgg16/conv1/weights"] == "vgg16/conv1/weights/ExponentialMovingAverage"
    assert selected.averaged == {"vgg16/conv1/weights"}
    assert "vgg16/conv1/weights/ExponentialMovingAverage" not in selected.names


def test_moving_averages_may_be_renamed_too() -> None:
    selected = chosen(ema=True, renames=(ROOT,))
    assert selected.names["vgg_16/conv1/weights"] == "vgg16/conv1/weights/ExponentialMovingAverage"
    assert selected.averaged == {"vgg_16/conv1/weights"}


def test_a_file_without_moving_averages_has_none_to_take() -> None:
    (message,) = messages(chosen(FakeFile({"a": (1,)}), ema=True))
    assert message.startswith("E0508 --ema: `weights.fake` has no moving averages")
