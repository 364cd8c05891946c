"""Every primitive is lowered, each by one function, and calls its first result as the graph does."""

from __future__ import annotations

import pytest

from slimdsl.backends.graphdef.lower.table import LOWERINGS
from slimdsl.ops.base import Primitive
from slimdsl.ops.registry import ALL_OPS

REFUSED: dict[type[Primitive], str] = {}
"""Primitives without a lowering, and why."""


def all_subclasses(base: type[Primitive]) -> set[type[Primitive]]:
    """Everything that derives from a class, at any depth."""
    direct = base.__subclasses__()
    return set(direct).union(*(all_subclasses(derived) for derived in direct))


def concrete_primitives() -> list[type[Primitive]]:
    """The primitives of all modules of ops that the registry loads: those with a name of their own.

    A class that `slots` made anew leaves its first version behind, which has the same name and module.
    """
    found = {op.__name__: op for op in all_subclasses(Primitive) if op.__module__.startswith("slimdsl.ops.")}
    return [op for _, op in sorted(found.items()) if "name" in vars(op)]


def test_every_primitive_is_in_the_registry() -> None:
    registered = {op.__name__ for op in ALL_OPS}
    assert [op.__name__ for op in concrete_primitives() if op.__name__ not in registered] == []


def test_every_primitive_is_lowered_or_refused_with_a_reason() -> None:
    primitives = {op for op in ALL_OPS if issubclass(op, Primitive)}
    lowered = {lowering.op_class for lowering in LOWERINGS}
    assert lowered | set(REFUSED) == primitives
    assert not lowered & set(REFUSED)
    assert all(REFUSED.values())


def test_no_primitive_is_lowered_twice() -> None:
    classes = [lowering.op_class for lowering in LOWERINGS]
    assert len(set(classes)) == len(classes)


def test_no_two_ops_share_a_name() -> None:
    names = [op.name for op in ALL_OPS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("op", [op for op in ALL_OPS if not issubclass(op, Primitive) or op.writable])
def test_the_manual_page_names_the_origin_and_has_an_example(op: type) -> None:
    page = op.__doc__ or ""
    assert any(origin in page for origin in ("TF-Slim", "TensorFlow", "Paper"))
    assert "Example: ``" in page
