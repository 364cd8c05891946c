"""What can be called: blocks and functions as values, and layers and blocks with all their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Union

from slimdsl.ir.graph import AppliedOp
from slimdsl.ops.base import Applicable, Op
from slimdsl.semantics.environment import Environment
from slimdsl.syntax import tree
from slimdsl.types import TensorType
from slimdsl.values import Value, positional


@positional
class BlockValue(Applicable):
    """A block as a value: its definition, the names it was defined among, and the arguments that were written."""

    item: tree.BlockItem
    environment: Environment
    arguments: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return self.item.name

    @property
    def parameters(self) -> dict[str, tree.Param]:
        """The parameters by name, in their order."""
        return {param.name: param for param in self.item.params}

    @property
    def defaults_key(self) -> str:
        """What `with` files its defaults under; a block may have the name of a layer."""
        return f"block {self.item.name}"


@positional
class FunctionValue(Value):
    """A function of the language: ``let f(x) = …``."""

    name: str
    params: tuple[tree.Param, ...]
    body: tree.Expr
    environment: Environment

    def __str__(self) -> str:
        return self.name


@positional
class PreparedLayer(Value):
    """A layer that needs only its input."""

    applied: AppliedOp

    @property
    def op(self) -> Op:
        """The op with all its arguments."""
        return self.applied.op

    def function_name(self, x: TensorType) -> str:
        """What unnamed `repeat` and `stack` number."""
        return type(self.op).function_for(x)


@positional
class PreparedBlock(Value):
    """A block with the values of all its parameters."""

    block: BlockValue
    values: Mapping[str, object]

    def function_name(self, x: TensorType) -> str:
        """What unnamed `repeat` and `stack` number."""
        return self.block.item.name


Prepared = Union[PreparedLayer, PreparedBlock]

__all__ = ["BlockValue", "FunctionValue", "Prepared", "PreparedBlock", "PreparedLayer"]
