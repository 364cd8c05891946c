"""Figures as people read them."""

from __future__ import annotations

import pytest

from slimdsl.cli.report import count_text, plural, size_text
from slimdsl.types import Dim, SymbolicDim

H = SymbolicDim.named("H")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1023 * 1024, "1.0 MiB"),
        (553_430_176, "527.8 MiB"),
        (5 * 2**40, "5.0 TiB"),
        (4 * H * H, "(4*H*H) B"),
    ],
)
def test_sizes(size: Dim, expected: str) -> None:
    assert size_text(size) == expected


def test_counts() -> None:
    assert count_text(138357544) == "138,357,544"
    assert count_text(3 * H + 1) == "3*H + 1"
    assert [plural(1, "net"), plural(0, "net"), plural(1200, "net")] == ["1 net", "0 nets", "1,200 nets"]
