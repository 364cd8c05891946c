"""The formats that a network can be written in: one line each. Knows no network and loads no backend."""

from __future__ import annotations

from typing import Literal

from slimdsl.values import Value, positional


@positional
class Format(Value):
    """A format of `compile --to`.

    Attributes:
        name: the spelling on the command line.
        suffix: how its files end.
        text_suffix: how its files end in the text form.
        stores_weights: True where the file holds the numbers of the variables.
        description: what it is, in one line.
    """

    name: Literal["frozen", "graphdef"]
    suffix: str
    text_suffix: str
    stores_weights: bool
    description: str


FORMATS: tuple[Format, ...] = (
    Format("frozen", ".pb", ".pbtxt", True, "a frozen GraphDef: the weights are constants in the file"),
    Format("graphdef", ".pb", ".pbtxt", False, "a GraphDef with resource variables and an op that initialises them"),
)


def format_names() -> tuple[str, ...]:
    """The formats as they are spelt."""
    return tuple(format.name for format in FORMATS)


def format_named(name: str) -> Format | None:
    """The format of this spelling."""
    return next((format for format in FORMATS if format.name == name), None)
