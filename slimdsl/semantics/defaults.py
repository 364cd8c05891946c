"""The defaults that `with` sets: a stack of frames, the inner ones merged over the outer ones key by key."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.diagnostics.source import Span
from slimdsl.ops.arguments import argument_specs
from slimdsl.ops.base import Op
from slimdsl.values import Value, positional


@positional
class Default(Value):
    """A value set by a `with`, already checked for its layer, and where it was set."""

    value: object
    span: Span


class Defaults:
    """For each layer name, the arguments that the enclosing `with` statements set."""

    def __init__(self) -> None:
        self._merged: list[dict[str, dict[str, Default]]] = [{}]

    def mark(self) -> int:
        """The height of the stack, for `release`."""
        return len(self._merged)

    def push(self, settings: Mapping[str, Mapping[str, Default]]) -> None:
        """Set arguments (layer -> argument -> value) until the stack is released below this point."""
        merged = dict(self._merged[-1])
        for layer, arguments in settings.items():
            merged[layer] = {**merged.get(layer, {}), **arguments}
        self._merged.append(merged)

    def release(self, mark: int) -> None:
        """Forget what was set since the mark."""
        del self._merged[mark:]

    def of(self, layer: str) -> Mapping[str, Default]:
        """The arguments set for a layer here."""
        return self._merged[-1].get(layer, {})

    def for_op(self, op: type[Op]) -> Mapping[str, Default]:
        """The arguments that this layer takes from here: those set for it, and those set for what it is made of."""
        own = self.of(op.name)
        if not op.defaults_of:
            return own
        specs = argument_specs(op)
        return {**{name: default for name, default in self.of(op.defaults_of).items() if name in specs}, **own}
