"""What processes differ in is found out by questions that all of them ask."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from slimdsl.runtime.agreement import differing, voted
from tests.work import PATIENCE

RECIPE = {"batch": 8, "seed": 0, "steps": None, "losses": [{"name": "loss"}], "optimizer": {"kind": "sgd", "rate": 0.1}}
DOCUMENT: dict[str, Any] = {"slimdsl": "1.0", "parameters": {}, "recipe": RECIPE, "precision": "float32", "steps": 50}


class Meeting:
    """Processes as threads; one that is alone with its question waits until the test fails."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._said: dict[int, int] = {}
        self._barrier = threading.Barrier(count, timeout=PATIENCE)

    def member(self, index: int) -> Member:
        return Member(self, index)

    def heard(self, index: int, number: int) -> list[int]:
        self._said[index] = number
        self._barrier.wait()
        found = list(self._said.values())
        self._barrier.wait()
        return found


class Member:
    def __init__(self, meeting: Meeting, index: int) -> None:
        self._meeting, self._index = meeting, index

    def agreed(self, number: int) -> tuple[int, bool]:
        found = self._meeting.heard(self._index, number)
        return sum(found), len(set(found)) == 1


def found_by(*documents: Mapping[str, Any]) -> list[list[str]]:
    meeting = Meeting(len(documents))
    with ThreadPoolExecutor(len(documents)) as pool:
        asked = [pool.submit(differing, meeting.member(index), each) for index, each in enumerate(documents)]
        return [each.result() for each in asked]


def with_recipe(**settings: Any) -> dict[str, Any]:
    return {**DOCUMENT, "recipe": {**RECIPE, **settings}}


def test_those_who_are_alike_ask_once() -> None:
    assert found_by(DOCUMENT, DOCUMENT, DOCUMENT) == [[], [], []]


@pytest.mark.parametrize(
    ("other", "mine", "theirs"),
    [
        (with_recipe(batch=16), ["`recipe.batch` (here 8)"], ["`recipe.batch` (here 16)"]),
        (
            {**with_recipe(seed=1, batch=16), "precision": "float16"},
            ["`recipe.batch` (here 8)", "`recipe.seed` (here 0)", '`precision` (here "float32")'],
            ["`recipe.batch` (here 16)", "`recipe.seed` (here 1)", '`precision` (here "float16")'],
        ),
        (with_recipe(losses=[]), ["`recipe.losses`"], ["`recipe.losses`"]),
        (
            with_recipe(optimizer={"kind": "sgd", "rate": 0.2}),
            ["`recipe.optimizer.rate` (here 0.1)"],
            ["`recipe.optimizer.rate` (here 0.2)"],
        ),
        (with_recipe(optimizer={"kind": "adam"}), ["`recipe.optimizer`"], ["`recipe.optimizer`"]),
        (with_recipe(seed={"from": 3}), ["`recipe.seed` (here 0)"], ["`recipe.seed`"]),
        ({**DOCUMENT, "parameters": {"classes": "10"}}, ["`parameters`"], ["`parameters`"]),
        ({"slimdsl": "0.9"}, ["the version of slimdsl"], ["the version of slimdsl"]),
    ],
)
def test_what_differs_is_told_to_all(other: dict[str, Any], mine: list[str], theirs: list[str]) -> None:
    assert found_by(DOCUMENT, other, DOCUMENT) == [mine, theirs, mine]


@pytest.mark.parametrize(
    ("signalled", "due", "found"),
    [
        ((False, False, False), False, (False, False)),
        ((False, False, False), True, (False, True)),
        ((False, True, False), False, (True, False)),
        ((True, True, True), False, (True, False)),
        ((True, True, True), True, (True, True)),
    ],
)
def test_a_vote_has_two_answers(signalled: tuple[bool, ...], due: bool, found: tuple[bool, bool]) -> None:
    """Whether a signal came to any of them, and whether a checkpoint is due, which the first alone says."""
    meeting = Meeting(3)
    with ThreadPoolExecutor(3) as pool:
        asked = [
            pool.submit(voted, meeting.member(index), 3, signalled=each, due=due and index == 0)
            for index, each in enumerate(signalled)
        ]
        assert [each.result() for each in asked] == [found] * 3
