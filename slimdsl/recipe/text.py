"""A resolved recipe as a `train` block that reads back equal, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from slimdsl.ops.arguments import argument_specs
from slimdsl.recipe.base import RecipeOp
from slimdsl.recipe.recipe import SETTINGS, InitialValues, Recipe
from slimdsl.types import shape_text

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "{": "\\{", "}": "\\}"}


def recipe_text(recipe: Recipe) -> str:
    """The recipe as a `train` block, every argument and setting written out."""
    return "\n".join(["train {", *(f"  {line}" for line in _lines(recipe)), "}"]) + "\n"


def recipe_document(recipe: Recipe) -> dict[str, object]:
    """The recipe as JSON has it: texts, numbers, lists and dictionaries."""
    inputs = {
        name: {"dtype": type.dtype.value, "shape": [dim if isinstance(dim, int) else str(dim) for dim in type.shape]}
        for name, type in recipe.inputs.items()
    }
    losses = [
        {"name": term.name, "loss": part_document(term.loss), "operands": list(term.operands)} for term in recipe.losses
    ]
    metrics = [
        {"name": term.name, "metric": part_document(term.metric), "operands": list(term.operands)}
        for term in recipe.metrics
    ]
    initial = None
    if recipe.initial is not None:
        initial = {
            "path": recipe.initial.path,
            "except": list(recipe.initial.excepted),
            "rename": [list(pair) for pair in recipe.initial.renames],
        }
    return {
        "inputs": inputs,
        "losses": losses,
        "optimizer": part_document(recipe.optimizer),
        "metrics": metrics,
        "initial": initial,
        **{name: plain(getattr(recipe, name)) for name in SETTINGS},
    }


def part_document(part: RecipeOp) -> dict[str, object]:
    """A loss, an optimizer, a schedule or a metric as plain data: its name and all its arguments."""
    return {"name": part.name, **{name: plain(given) for name, given in _arguments(part).items()}}


def plain(given: object) -> object:
    """The value of a setting or an argument as JSON has it."""
    if isinstance(given, RecipeOp):
        return part_document(given)
    return [plain(item) for item in given] if isinstance(given, tuple) else given


def part_text(part: RecipeOp, operands: tuple[str, ...] = ()) -> str:
    """The call that makes a loss, an optimizer, a schedule or a metric; what is none is left out."""
    named = [f"{name}={_value(given)}" for name, given in _arguments(part).items() if given is not None]
    return f"{part.name}({', '.join([*operands, *named])})"


def _lines(recipe: Recipe) -> Iterator[str]:
    for name, type in recipe.inputs.items():
        yield f"input {name}: {type.dtype.value}{shape_text(type.shape)}"
    for loss in recipe.losses:
        yield f"loss {part_text(loss.loss, loss.operands)}"
    yield f"optimizer {part_text(recipe.optimizer)}"
    for metric in recipe.metrics:
        yield f"metric {part_text(metric.metric, metric.operands)}"
    for name in SETTINGS:
        given = getattr(recipe, name)
        # What is none is left out, unless it is something else without a word.
        if given not in (None, ()) or given != SETTINGS[name].default:
            yield f"{name} = {_value(given)}"
    if recipe.initial is not None:
        yield _initial(recipe.initial)


def _initial(initial: InitialValues) -> str:
    parts = [f"init from {_value(initial.path)}"]
    if initial.excepted:
        parts.append(f"except {', '.join(_value(scope) for scope in initial.excepted)}")
    parts += [f"rename {_value(old)} as {new}" for old, new in initial.renames]
    return " ".join(parts)


def _arguments(part: RecipeOp) -> Mapping[str, object]:
    return {name: getattr(part, name) for name in argument_specs(type(part))}


def _value(given: object) -> str:
    if isinstance(given, RecipeOp):
        return part_text(given)
    if isinstance(given, bool):
        return "true" if given else "false"
    if given is None:
        return "none"
    if isinstance(given, str):
        return f'"{"".join(_ESCAPES.get(letter, letter) for letter in given)}"'
    if isinstance(given, tuple):
        return f"[{', '.join(_pair(item) if isinstance(item, tuple) else _value(item) for item in given)}]"
    return repr(given)


def _pair(given: tuple[object, ...]) -> str:
    return f"({', '.join(_value(item) for item in given)})"
