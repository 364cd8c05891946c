"""The words of the language that are not in the grammar: layers, initialisers, regularisers, and what is to come."""

from __future__ import annotations

from slimdsl.ops.base import Initializer, Op, Primitive, Regularizer
from slimdsl.ops.initializers import INITIALIZERS
from slimdsl.ops.registry import ALL_OPS
from slimdsl.ops.regularizers import REGULARIZERS

LAYERS: dict[str, type[Op]] = {op.name: op for op in ALL_OPS if not issubclass(op, Primitive) or op.writable}

INITIALIZER_NAMES: dict[str, type[Initializer]] = {
    name: initializer for initializer in INITIALIZERS for name in (initializer.name, *initializer.aliases)
}

REGULARIZER_NAMES: dict[str, type[Regularizer]] = {regularizer.name: regularizer for regularizer in REGULARIZERS}

# Parsed, part of the language, and not built yet: named so that nobody hunts for a typing error.
NOT_YET: tuple[str, ...] = ("add", "branch", "concat", "mul", "residual")
