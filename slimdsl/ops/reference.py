"""The reference of layers, initialisers and regularisers, as Markdown, from their classes alone.

`python -m slimdsl.ops.reference > docs/ops.md` writes the page; a test holds that it is current.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from slimdsl.ops.arguments import ArgumentSpec, argument_specs, written
from slimdsl.ops.base import Initializer, Op, Primitive, Regularizer
from slimdsl.ops.initializers import INITIALIZERS
from slimdsl.ops.registry import ALL_OPS
from slimdsl.ops.regularizers import REGULARIZERS

_HEAD = """# Layers, initialisers and regularisers

Arguments may be given by position, in the order of the tables, or by name. A layer *opens a scope*: its variables and
nodes stand in it, and `as` names it; unnamed, it takes the default scope, numbered. A *tensor op* has no scope: `as`
names its node.

This page is generated from the classes in `slimdsl/ops/` by `python -m slimdsl.ops.reference`.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def page(name: str) -> str | None:
    """The entry of a layer, an initialiser or a regulariser; None where there is none of this name."""
    for described in _described():
        if name in (described.name, *getattr(described, "aliases", ())):
            return "\n".join(_entry(described, described.name, _note(described))) + "\n"
    return None


def names() -> list[str]:
    """All names that have an entry."""
    return [described.name for described in _described()]


def _described() -> list[type[Op | Initializer | Regularizer]]:
    ops = [op for op in sorted(ALL_OPS, key=lambda op: op.name) if not issubclass(op, Primitive) or op.writable]
    return [*ops, *INITIALIZERS, *REGULARIZERS]


def _note(described: type[Op | Initializer | Regularizer]) -> str:
    if issubclass(described, Op):
        return f"Layer; default scope `{described.scope_name}`." if described.scope_name else "Tensor op."
    also = ", ".join(f"`{alias}`" for alias in getattr(described, "aliases", ()))
    return f"Also written {also}." if also else ""


def _lines() -> Iterator[str]:
    yield _HEAD
    heading = {INITIALIZERS[0]: "# Initialisers\n", REGULARIZERS[0]: "# Regularisers\n"}
    for described in _described():
        if described in heading:
            yield heading[described]
        yield from _entry(described, described.name, _note(described))


def _entry(described: type[Op | Initializer | Regularizer], name: str, note: str) -> Iterator[str]:
    yield f"## {name}\n"
    if note:
        yield f"{note}\n"
    yield f"{(inspect.getdoc(described) or '').replace('``', '`')}\n"
    specs = argument_specs(described)
    if specs:
        yield "| argument | default | what it is |"
        yield "| --- | --- | --- |"
        for spec in specs.values():
            yield f"| `{spec.name}` | {_default(spec)} | {spec.doc} |"
        yield ""


def _default(spec: ArgumentSpec) -> str:
    return "required" if spec.required else f"`{written(spec.default)}`"


if __name__ == "__main__":
    print(reference(), end="")
