"""Names and what they are bound to: a chain of bodies, inner ones over outer ones."""

from __future__ import annotations

from collections.abc import Iterator

from slimdsl.diagnostics.source import Span
from slimdsl.values import Value, positional


@positional
class Binding(Value):
    """The value of a name and where it was bound; `by_scope` where `as` bound it, and a `let` may go over it."""

    value: object
    span: Span
    by_scope: bool = False


class Environment:
    """The names of one body, and through `parent` those around it."""

    def __init__(self, parent: Environment | None = None) -> None:
        self.parent = parent
        self.own: dict[str, Binding] = {}

    def bind(self, name: str, value: object, span: Span, *, by_scope: bool = False) -> Binding | None:
        """Bind a name in this body; the earlier binding where it is already bound here by other means than `as`."""
        earlier = self.own.get(name)
        if by_scope and earlier is not None and not earlier.by_scope:
            return None
        self.own[name] = Binding(value, span, by_scope)
        return earlier if earlier is not None and not earlier.by_scope else None

    def find(self, name: str) -> Binding | None:
        """The innermost binding of a name."""
        environment: Environment | None = self
        while environment is not None:
            if name in environment.own:
                return environment.own[name]
            environment = environment.parent
        return None

    def names(self) -> Iterator[str]:
        """All names in reach."""
        environment: Environment | None = self
        while environment is not None:
            yield from environment.own
            environment = environment.parent
