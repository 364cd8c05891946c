"""The words of the language that are not in the grammar: layers, initialisers, regularisers, merges and words."""

from __future__ import annotations

from slimdsl.ops.arguments import argument_specs
from slimdsl.ops.base import Initializer, Op, Primitive, Regularizer
from slimdsl.ops.initializers import INITIALIZERS
from slimdsl.ops.merge import Merge
from slimdsl.ops.registry import ALL_MERGES, ALL_OPS
from slimdsl.ops.regularizers import REGULARIZERS

LAYERS: dict[str, type[Op]] = {
    op.name: op for op in ALL_OPS if not issubclass(op, Merge) and (not issubclass(op, Primitive) or op.writable)
}

INITIALIZER_NAMES: dict[str, type[Initializer]] = {
    name: initializer for initializer in INITIALIZERS for name in (initializer.name, *initializer.aliases)
}

REGULARIZER_NAMES: dict[str, type[Regularizer]] = {regularizer.name: regularizer for regularizer in REGULARIZERS}

MERGES: dict[str, type[Merge]] = {merge.name: merge for merge in ALL_MERGES}


def is_word(name: str) -> bool:
    """True for a bare word of some argument, so that a parameter can hand one on: ``block b(padding = same)``."""
    return any(name in spec.kind.words for op in ALL_OPS for spec in argument_specs(op).values())
