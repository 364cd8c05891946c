"""The parts of recipes: their reference, their checks, and how they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from slimdsl.ops.arguments import ArgumentError, argument_specs
from slimdsl.ops.base import ShapeError
from slimdsl.recipe.kinds import MultipliersKind, RateKind, ScopesKind
from slimdsl.recipe.older import with_defaults
from slimdsl.recipe.operands import ALIKE, CLASSES, CLASSES_OR_SHARES, check_operands
from slimdsl.recipe.recipe import SETTINGS, Recipe
from slimdsl.recipe.reference import reference
from slimdsl.recipe.registry import TABLES
from slimdsl.recipe.schedules import Piecewise
from slimdsl.recipe.scopes import in_scope
from slimdsl.types import Dim, DType, SymbolicDim, TensorType
from slimdsl.values import fields

ROOT = Path(__file__).parents[2]
N = SymbolicDim.named("N")
M = SymbolicDim.named("M")


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8")
    assert page == reference(), "run `python -m slimdsl.recipe.reference > docs/recipe.md`"


def test_every_field_of_a_recipe_is_a_setting_or_a_part() -> None:
    assert {declared.name for declared in fields(Recipe)} == {
        *SETTINGS,
        "inputs",
        "losses",
        "optimizer",
        "metrics",
        "initial",
    }


@pytest.mark.parametrize("table", TABLES)
def test_defaults_are_what_their_kinds_take(table: str) -> None:
    for part in TABLES[table].values():
        for spec in argument_specs(part).values():
            assert spec.doc
            if not spec.required:
                assert spec.kind.coerce(spec.default) == spec.default


def test_the_defaults_of_settings_are_what_their_kinds_take() -> None:
    for spec in SETTINGS.values():
        assert spec.kind.coerce(spec.default) == spec.default


def typed(dtype: DType, *shape: Dim) -> TensorType:
    return TensorType(dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("takes", "left", "right"),
    [
        (CLASSES, typed(DType.FLOAT32, N, 10), typed(DType.INT32, N)),
        (CLASSES, typed(DType.FLOAT32, N, 10), typed(DType.INT64, M)),
        (CLASSES, typed(DType.BFLOAT16, 8, 4, 4, 10), typed(DType.UINT8, 8, 4, 4)),
        (CLASSES_OR_SHARES, typed(DType.FLOAT32, N, 10), typed(DType.FLOAT32, N, 10)),
        (CLASSES_OR_SHARES, typed(DType.FLOAT32, N, 10), typed(DType.INT32, N)),
        (ALIKE, typed(DType.FLOAT32, N), typed(DType.INT32, N)),
    ],
)
def test_types_that_suit(takes: str, left: TensorType, right: TensorType) -> None:
    check_operands(takes, ("a", "b"), (left, right))


@pytest.mark.parametrize(
    ("takes", "left", "right", "operand"),
    [
        (CLASSES, typed(DType.INT32, N, 10), typed(DType.INT32, N), 0),
        (CLASSES, typed(DType.FLOAT32, N), typed(DType.INT32, N), 0),
        (CLASSES, typed(DType.FLOAT32, N, 10), typed(DType.FLOAT32, N, 10), 1),
        (CLASSES, typed(DType.FLOAT32, N, 10), typed(DType.INT32, N, 10), 1),
        (CLASSES, typed(DType.FLOAT32, 8, 10), typed(DType.INT32, 7), 1),
        (CLASSES, typed(DType.FLOAT32, N, 10), typed(DType.STRING, N), 1),
        (CLASSES_OR_SHARES, typed(DType.FLOAT32, N, 10), typed(DType.FLOAT32, N, 9), 1),
        (CLASSES_OR_SHARES, typed(DType.FLOAT32, N, 10), typed(DType.BOOL, N), 1),
        (ALIKE, typed(DType.FLOAT32, N, 10), typed(DType.FLOAT32, N), 1),
        (ALIKE, typed(DType.FLOAT32, N, 10), typed(DType.FLOAT32, N, 11), 1),
    ],
)
def test_types_that_do_not_suit(takes: str, left: TensorType, right: TensorType, operand: int) -> None:
    with pytest.raises(ShapeError) as error:
        check_operands(takes, ("a", "b"), (left, right))
    assert error.value.operand == operand


@pytest.mark.parametrize(
    ("boundaries", "rates", "said"),
    [
        ((1.0, 2.0), (0.1, 0.2), "it needs 3 rates for 2 boundaries, not 2"),
        ((1.0,), (0.1,), "it needs 2 rates for 1 boundary, not 1"),
        ((2.0, 1.0), (0.1, 0.2, 0.3), "its boundaries must ascend"),
        ((1.0,), (0.1, -0.2), "its rates must be at least 0"),
    ],
)
def test_rates_and_boundaries_that_do_not_fit(
    boundaries: tuple[float, ...], rates: tuple[float, ...], said: str
) -> None:
    with pytest.raises(ArgumentError) as error:
        RateKind().coerce(Piecewise(boundaries=boundaries, rates=rates))
    assert said in error.value.message


def test_scopes_and_multipliers_are_normalised() -> None:
    assert ScopesKind().coerce("/logits/") == ("logits",)
    assert MultipliersKind().coerce((("logits/", 10),)) == (("logits", 10.0),)
    wrong: object
    for wrong in (("logits", 3), (("", 3),), (("a", 1), ("a/", 2)), (("a", "b"),), 3):
        with pytest.raises(ArgumentError):
            MultipliersKind().coerce(wrong)
    for wrong in ("", 3, ("a", 3)):
        with pytest.raises(ArgumentError):
            ScopesKind().coerce(wrong)


@pytest.mark.parametrize(
    ("name", "scope", "inside"),
    [
        ("net/logits/weights", "logits", True),
        ("net/logits/weights", "net/logits", True),
        ("net/logits/weights", "net", True),
        ("net/logits/weights", "logits/weights", True),
        ("net/logits/weights", "logit", False),
        ("net/aux/logits/weights", "logits", False),
    ],
)
def test_what_stands_in_a_scope(name: str, scope: str, inside: bool) -> None:
    assert in_scope(name, scope) is inside


def test_an_older_record_gets_the_defaults_of_what_it_does_not_say() -> None:
    record = {
        "optimizer": {"name": "sgd", "learning_rate": {"name": "warm_up", "schedule": {"name": "cosine", "rate": 1.0}}},
        "losses": [{"name": "hinge", "loss": {"name": "hinge"}, "operands": ["a", "b"]}],
        "metrics": [{"name": "m", "metric": {"name": "of_another_version"}, "operands": []}, "?"],
        "batch": 8,
        "later": 1,
    }
    found = with_defaults(record)
    assert found["optimizer"] == {
        "name": "sgd",
        "learning_rate": {
            "name": "warm_up",
            "schedule": {"name": "cosine", "rate": 1.0, "steps": None, "alpha": 0.0},
            "start": 0.0,
        },
    }
    assert found["losses"] == [{"name": "hinge", "loss": {"name": "hinge", "weight": 1.0}, "operands": ["a", "b"]}]
    assert found["metrics"] == record["metrics"]
    assert (found["batch"], found["accumulate"], found["multipliers"], found["later"]) == (8, 1, [], 1)
    assert with_defaults(found) == found
