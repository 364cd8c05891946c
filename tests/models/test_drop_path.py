"""The schedules by which NASNet and PNASNet drop paths, with the numbers of TF-Slim's configurations."""

from __future__ import annotations

from pathlib import Path

import pytest

import slimdsl
from slimdsl.ops.dropout import RandomDrop

MODELS = Path(__file__).parents[2] / "models" / "slim"


def drops(file: str, net: str, **parameters: int) -> list[RandomDrop]:
    graph = slimdsl.load(MODELS / f"{file}.slim", net, training=True, **parameters).graph
    return [node.op for node in graph.nodes if isinstance(node.op, RandomDrop) and node.op.whole]


@pytest.mark.parametrize(
    ("file", "net", "cells", "keep_prob", "steps"),
    [
        ("nasnet", "nasnet_cifar", 20, 0.6, 937500),
        ("nasnet", "nasnet_large", 22, 0.7, 250000),
        ("pnasnet", "pnasnet_large", 14, 0.6, 250000),
    ],
)
def test_every_cell_has_its_share_of_the_schedule(
    file: str, net: str, cells: int, keep_prob: float, steps: int
) -> None:
    """`layer_ratio` of nasnet_utils.py, where `cells` is its `total_num_cells`: cells, reductions and the stem's."""
    found = drops(file, net)
    wanted = [1 - (number + 1) / cells * (1 - keep_prob) for number in range(cells)]
    assert sorted({op.keep_prob for op in found}, reverse=True) == pytest.approx(wanted, rel=1e-12)
    assert {op.burn_in for op in found} == {steps}


@pytest.mark.parametrize(("file", "net"), [("nasnet", "nasnet_mobile"), ("pnasnet", "pnasnet_mobile")])
def test_the_mobile_ones_drop_nothing(file: str, net: str) -> None:
    assert drops(file, net) == []


def test_the_burn_in_can_be_shortened() -> None:
    assert {op.burn_in for op in drops("nasnet", "nasnet_cifar", drop_path_burn_in=100)} == {100}
