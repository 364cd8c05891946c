"""A network beside a file: every variable and every tensor has one place in the outcome."""

from __future__ import annotations

import pytest

from slimdsl.types import DType
from slimdsl.weights.comparison import Comparison, compare
from slimdsl.weights.findings import MOST_OF_A_CODE, findings, first_findings
from slimdsl.weights.selection import Rename, Selection
from slimdsl.weights.training_state import training_state
from tests.weights.files import FakeFile, variable

VARIABLES = (
    variable("net/conv1/weights", 3, 3, 1, 8),
    variable("net/conv1/BatchNorm/moving_mean", 8, trainable=False),
    variable("net/logits/weights", 8, 5),
    variable("net/logits/biases", 5),
)
SHAPES = {v.name: v.shape for v in VARIABLES}


def outcome(comparison: Comparison) -> dict[str, list[str]]:
    """The names of every kind that is not empty."""
    kinds = {
        "matching": [pair.variable.name for pair in comparison.matching],
        "shape": [pair.variable.name for pair in comparison.wrong_shape],
        "dtype": [pair.variable.name for pair in comparison.wrong_dtype],
        "missing": [v.name for v in comparison.missing],
        "extra": [extra.name for extra in comparison.extra],
        "excepted": [v.name for v in comparison.excepted],
        "left out": list(comparison.left_out),
        "state": [extra.name for extra, _ in comparison.state],
    }
    return {kind: sorted(names) for kind, names in kinds.items() if names}


def test_what_fits_loads_whole() -> None:
    comparison = compare(VARIABLES, FakeFile(SHAPES))
    assert outcome(comparison) == {"matching": sorted(SHAPES)}
    assert comparison.loads_whole
    assert findings(comparison) == ()


def test_a_kernel_of_another_size_is_refused() -> None:
    """TensorFlow's Saver puts a [8, 1001] into a resource variable of [8, 5] without a word."""
    comparison = compare(VARIABLES, FakeFile({**SHAPES, "net/logits/weights": (8, 1001)}))
    assert outcome(comparison)["shape"] == ["net/logits/weights"]
    assert not comparison.loads_whole
    (finding,) = findings(comparison)
    assert finding.code == "E0503"
    assert finding.message.endswith("`net/logits/weights` is [8, 1001], the variable is [8, 5]")


def test_what_is_excepted_is_neither_missing_nor_wrong() -> None:
    file = FakeFile({**SHAPES, "net/logits/weights": (8, 1001), "net/logits/extra": (1,)})
    comparison = compare(VARIABLES, file, Selection(excepted=("logits",)))
    assert outcome(comparison)["excepted"] == ["net/logits/biases", "net/logits/weights"]
    assert len(comparison.left_out) == 3
    assert comparison.loads_whole


def test_the_state_of_training_is_left_where_it_is() -> None:
    state = {
        "global_step": (),
        "net/conv1/weights/Momentum": (3, 3, 1, 8),
        "net/conv1/weights/ExponentialMovingAverage": (3, 3, 1, 8),
        "beta1_power": (),
        "beta2_power_1": (),
        "net/mean_rgb": (3,),
        "OptimizeLoss/net/conv1/weights/RMSProp_1": (3, 3, 1, 8),
    }
    comparison = compare(VARIABLES, FakeFile({**SHAPES, **state}))
    assert outcome(comparison)["state"] == sorted(state)
    assert comparison.loads_whole


def test_what_belongs_to_another_network_is_extra() -> None:
    """The first layers of a deeper network fit a shallower one, and would make it a wrong one."""
    comparison = compare(VARIABLES, FakeFile({**SHAPES, "net/conv2/weights": (3, 3, 8, 8)}))
    assert outcome(comparison)["extra"] == ["net/conv2/weights"]
    assert not comparison.loads_whole
    (finding,) = findings(comparison)
    assert (finding.code, finding.help) == ("E0502", "`--except net/conv2/weights` leaves it out")


def test_another_type_is_not_converted_in_silence() -> None:
    comparison = compare(VARIABLES, FakeFile(SHAPES, DType.FLOAT16))
    assert outcome(comparison) == {"dtype": sorted(SHAPES)}


def test_a_moving_average_is_wanted_of_every_trained_variable() -> None:
    shadows = {f"{name}/ExponentialMovingAverage": shape for name, shape in SHAPES.items()}
    untrained = "net/conv1/BatchNorm/moving_mean"
    del shadows[f"{untrained}/ExponentialMovingAverage"]
    comparison = compare(VARIABLES, FakeFile({**SHAPES, **shadows}), Selection(ema=True))
    assert comparison.loads_whole
    assert comparison.averaged == 3
    del shadows["net/logits/weights/ExponentialMovingAverage"]
    comparison = compare(VARIABLES, FakeFile({**SHAPES, **shadows}), Selection(ema=True))
    assert outcome(comparison)["missing"] == ["net/logits/weights"]


def test_moving_averages_of_a_larger_network_are_extra() -> None:
    larger = {**SHAPES, "net/conv2/weights": (3, 3, 8, 8)}
    shadows = {f"{name}/ExponentialMovingAverage": shape for name, shape in larger.items()}
    comparison = compare(VARIABLES, FakeFile({**larger, **shadows}), Selection(ema=True))
    assert outcome(comparison)["extra"] == ["net/conv2/weights"]
    assert not comparison.loads_whole


def test_without_a_root_a_scope_is_what_is_written() -> None:
    variables = [variable("conv1/weights", 3), variable("block1/conv1/weights", 3)]
    file = FakeFile({v.name: v.shape for v in variables})
    comparison = compare(variables, file, Selection(excepted=("conv1",)))
    assert outcome(comparison) == {
        "matching": ["block1/conv1/weights"],
        "excepted": ["conv1/weights"],
        "left out": ["conv1/weights"],
    }


def test_a_tensor_without_a_name_is_no_variable() -> None:
    shapes = {name: shape for name, shape in SHAPES.items() if name != "net/logits/biases"}
    comparison = compare(VARIABLES, FakeFile({**shapes, "": (5,)}))
    assert outcome(comparison)["missing"] == ["net/logits/biases"]
    assert outcome(comparison)["extra"] == [""]


def test_renames_come_before_the_comparison() -> None:
    file = FakeFile({name.replace("net/", "old/"): shape for name, shape in SHAPES.items()})
    assert not compare(VARIABLES, file).loads_whole
    comparison = compare(VARIABLES, file, Selection(renames=(Rename("old", "net"),)))
    assert comparison.loads_whole
    assert {pair.stored.name for pair in comparison.matching} == set(file.tensors)


def test_a_renamed_scope_is_guessed_once() -> None:
    file = FakeFile({name.replace("net/", "old/"): shape for name, shape in SHAPES.items()})
    helps = [finding.help for finding in first_findings(compare(VARIABLES, file))]
    assert helps[0] == "perhaps the scope was renamed: --rename old=net"
    assert sum("--rename" in text for text in helps) == 1


def test_hundreds_of_findings_are_cut_short_and_counted() -> None:
    variables = [variable(f"net/layer{i}/weights", i + 1) for i in range(50)]
    found = first_findings(compare(variables, FakeFile({})))
    assert len(found) == MOST_OF_A_CODE
    assert found[-1].help == "(and 40 more like this; `slimdsl weights diff` lists them)"


def test_what_follows_from_a_wrong_selection_is_not_said() -> None:
    found = first_findings(compare(VARIABLES, FakeFile({}), Selection(excepted=("nothing",))))
    assert [finding.code for finding in found] == ["E0508"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("global_step", "step counter"),
        ("train/global_step", "step counter"),
        ("a/weights/Adam_1", "optimizer slot"),
        ("a/weights/ExponentialMovingAverage", "moving average"),
        ("beta2_power", "state of the optimizer"),
        ("a/bias", ""),
        ("weights/b", ""),
        ("a/weights", ""),
    ],
)
def test_state_is_told_by_its_name(name: str, kind: str) -> None:
    assert training_state(name, {"a/weights", name}) == kind
