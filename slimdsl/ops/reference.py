"""The reference of layers, initialisers and regularisers, as Markdown, from their classes alone.

`python -m slimdsl.ops.reference > docs/ops.md` writes the page; a test holds that it is current.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from slimdsl.ops.arguments import ArgumentSpec, Kernel, argument_specs
from slimdsl.ops.base import Initializer, LayerValue, Op, Primitive, Regularizer
from slimdsl.ops.initializers import INITIALIZERS, initializer_text
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


def _lines() -> Iterator[str]:
    yield _HEAD
    for op in sorted(ALL_OPS, key=lambda op: op.name):
        if not issubclass(op, Primitive) or op.writable:
            scope = f"Layer; default scope `{op.scope_name}`." if op.scope_name else "Tensor op."
            yield from _entry(op, op.name, scope)
    yield "# Initialisers\n"
    for initializer in INITIALIZERS:
        also = ", ".join(f"`{alias}`" for alias in initializer.aliases)
        yield from _entry(initializer, initializer.name, f"Also written {also}." if also else "")
    yield "# Regularisers\n"
    for regularizer in REGULARIZERS:
        yield from _entry(regularizer, regularizer.name, "")


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
    return "required" if spec.required else f"`{_written(spec.default)}`"


def _written(given: object) -> str:
    """A default as one would write it in the language."""
    if given is None:
        return "none"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, Initializer):
        return initializer_text(given)
    if isinstance(given, tuple):
        sizes = [_written(item) for item in given]
        return sizes[0] if len(sizes) == 1 else f"[{', '.join(sizes)}]"
    if isinstance(given, (LayerValue, Kernel)):
        return str(given)
    return f"{given:g}" if isinstance(given, float) else str(given)


if __name__ == "__main__":
    print(reference(), end="")
