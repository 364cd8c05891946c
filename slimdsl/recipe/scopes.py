"""Which variables a scope of a recipe means."""

from __future__ import annotations


def in_scope(name: str, scope: str) -> bool:
    """True for the variable itself and all below it; the root may be left out: ``logits`` for ``resnet/logits``."""
    return _below(name, scope) or _below(name.partition("/")[2], scope)


def _below(name: str, scope: str) -> bool:
    return name == scope or name.startswith(f"{scope}/")
