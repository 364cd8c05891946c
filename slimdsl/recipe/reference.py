"""The reference of losses, optimizers, schedules, metrics and settings, as Markdown, from their classes alone.

`python -m slimdsl.recipe.reference > docs/recipe.md` writes the page; a test holds that it is current.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping

from slimdsl.ops.arguments import ArgumentSpec, argument_specs, written
from slimdsl.recipe.base import Loss, Metric, RecipeOp
from slimdsl.recipe.losses import LOSSES
from slimdsl.recipe.metrics import METRICS
from slimdsl.recipe.optimizers import OPTIMIZERS
from slimdsl.recipe.recipe import SETTINGS
from slimdsl.recipe.schedules import SCHEDULES

_HEAD = """# Recipes of training

What a `train` block can say; [language.md](language.md#train) has how it is written, and what holds where there is
none. Losses and metrics take tensors first, by their names, and then arguments by position or by name.

This page is generated from the classes in `slimdsl/recipe/` by `python -m slimdsl.recipe.reference`.
"""

_SETTING = """`NAME = value` in the block, `--set train.NAME=value` on the command line. `--set` also takes
`train.optimizer`, `train.loss` and `train.metric`, whose values are what stands behind these words in the block, or a
list of several losses or metrics, and `train.learning_rate`, which leaves the other arguments of the optimizer alone.
"""

_LOSSES = """`loss NAME(tensors, …)`, several; the total is their sum and that of the penalties of regularisers. A loss
is the mean over its elements. `weights`, floating or integer, have one for each example or for each element: then it
is the sum of weight times loss, divided by the number of weights that are not zero, as in TF-Slim; of each part of a
batch for itself, where `accumulate` or several replicas cut it.
"""

_SECTIONS: tuple[tuple[str, str, tuple[type[RecipeOp], ...]], ...] = (
    (
        "Losses",
        _LOSSES.rstrip(),
        LOSSES,
    ),
    ("Optimizers", "`optimizer NAME(…)`, one.", OPTIMIZERS),
    ("Schedules", "Stand where an optimizer takes a learning rate: `learning_rate=cosine(0.1)`.", SCHEDULES),
    ("Metrics", "`metric NAME(tensors, …)`, several.", METRICS),
)


def reference() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield "# Settings\n"
    yield _SETTING
    yield from _table(SETTINGS, "setting")
    for title, introduction, parts in _SECTIONS:
        yield f"# {title}\n"
        yield f"{introduction}\n"
        yield from _entries(parts)


def _entries(parts: Iterable[type[RecipeOp]]) -> Iterator[str]:
    for part in parts:
        yield f"## {part.name}\n"
        if issubclass(part, (Loss, Metric)):
            weights = " and, where they are wanted, `weights`" if issubclass(part, Loss) and part.elements else ""
            yield f"Tensors: {', '.join(f'`{operand}`' for operand in part.operands)}{weights}.\n"
        if part.aliases:
            yield f"Also written {', '.join(f'`{alias}`' for alias in part.aliases)}.\n"
        yield f"{(inspect.getdoc(part) or '').replace('``', '`')}\n"
        if argument_specs(part):
            yield from _table(argument_specs(part), "argument")


def _table(specs: Mapping[str, ArgumentSpec], noun: str) -> Iterator[str]:
    yield f"| {noun} | default | what it is |"
    yield "| --- | --- | --- |"
    for spec in specs.values():
        yield f"| `{spec.name}` | {_default(spec)} | {spec.doc} |"
    yield ""


def _default(spec: ArgumentSpec) -> str:
    if spec.default == ():
        return "`[]`"
    return "required" if spec.required else f"`{written(spec.default)}`"


if __name__ == "__main__":
    print(reference(), end="")
