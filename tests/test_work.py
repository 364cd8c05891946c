"""The measure of work stops what has no end, and leaves alone what has little."""

from __future__ import annotations

import itertools
import sys

import pytest

from tests.work import at_most


def endless() -> None:
    for number in itertools.count():
        abs(number)


def test_what_has_no_end_is_stopped() -> None:
    with pytest.raises(AssertionError, match="more than 1,000 calls, the last in endless"), at_most(1_000):
        endless()
    assert sys.getprofile() is None


def test_calls_of_functions_in_c_are_counted() -> None:
    with pytest.raises(AssertionError, match="more than 10 calls"), at_most(10):
        [len("") for _ in range(20)]


def test_little_work_passes() -> None:
    with at_most(30):
        assert [len("") for _ in range(20)] == [0] * 20
