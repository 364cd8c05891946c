"""TF-Slim's rules for names: default scopes are numbered, explicit ones are kept as written, node names are unique.

An unnamed layer takes its default scope, ``Conv``, then ``Conv_1``; `repeat` and `stack` number their layers from 1
behind the last part of their scope, ``conv3/conv3_1`` (`tf_slim.layers.repeat`, `variable_scope`'s default_name).
A path ``a/b`` stands for scopes within each other, as one opens them around a layer in TF-Slim.
A path that begins with ``/`` does not stand under the net's root, as a layer outside TF-Slim's variable scope.
"""

from __future__ import annotations

from slimdsl.diagnostics.source import Span

RESERVED = ("init", "random_seed", "regularization_loss", "training_step", "update_ops")


def join(parent: str, path: str) -> str:
    """The path below a scope; an absolute path stands alone."""
    if path.startswith("/"):
        return path[1:]
    return f"{parent}/{path}" if parent else path


def prefixes(path: str, root: str) -> list[str]:
    """The path and the scopes around it, innermost first, without the root."""
    found = []
    while path and path != root:
        found.append(path)
        path = path.rpartition("/")[0]
    return found


class ScopeNames:
    """All names of one graph."""

    def __init__(self) -> None:
        self._nodes: set[str] = set(RESERVED)
        self._next: dict[str, int] = {}
        self._scopes: dict[str, Span | None] = {}

    def default_scope(self, parent: str, name: str) -> str:
        """Open ``parent/name``, or ``parent/name_1`` and so on where that scope was opened before."""
        wanted = join(parent, name)
        path, number = wanted, self._next.get(f"scope:{wanted}", 0)
        while path in self._scopes:
            number += 1
            path = f"{wanted}_{number}"
        self._next[f"scope:{wanted}"] = number
        self._scopes[path] = None
        return path

    def is_open(self, path: str) -> bool:
        """True where this very scope was opened before."""
        return path in self._scopes

    def opened_at(self, path: str) -> Span | None:
        """Where an open scope was written; None where it is a default."""
        return self._scopes.get(path)

    def open(self, path: str, span: Span) -> None:
        """Open a scope that was written."""
        self._scopes[path] = span

    def node(self, wanted: str) -> str:
        """A free node name: the wanted one, or with ``_1`` and so on, as TensorFlow's `unique_name`."""
        name, number = wanted, self._next.get(wanted, 0)
        while name in self._nodes:
            number += 1
            name = f"{wanted}_{number}"
        self._next[wanted] = number
        self._nodes.add(name)
        return name

    def take(self, name: str) -> bool:
        """Reserve a name that cannot be changed, such as a variable's; False where it is taken."""
        if name in self._nodes:
            return False
        self._nodes.add(name)
        return True
