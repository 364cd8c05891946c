"""The head of a StableHLO module's `main` as a text: types of inputs and outputs, and their names beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from slimdsl.values import Value, positional

NAME_ATTRIBUTE = "tf_saved_model.index_path"
"""Where TensorFlow's own exporter of SavedModels has the names of inputs and outputs."""

_MAIN = re.compile(
    r"^ *func\.func (?:public )?@main\((?P<inputs>.*)\) -> (?P<outputs>.*?)(?: attributes .*)? \{$", re.MULTILINE
)
_PORT = re.compile(r"tensor<(?P<sizes>(?:[0-9]+x)*)(?P<element>[a-z0-9]+)>(?: \{(?P<attributes>[^{}]*)\})?")
_NAME = re.compile(NAME_ATTRIBUTE.replace(".", r"\.") + r' = \["(\w+)"\]')


@positional
class Port(Value):
    """An input or an output: its name, "" where none stands there, its element type (``f32``) and its shape."""

    name: str
    element: str
    shape: tuple[int, ...]

    @property
    def type(self) -> str:
        """The type as MLIR writes it."""
        return f"tensor<{''.join(f'{size}x' for size in self.shape)}{self.element}>"


@positional
class Main(Value):
    """The head of `main`, and where in the text it stands."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    start: int
    end: int


def read_main(text: str) -> Main:
    """Read the head of a module's `main`.

    Raises:
        ValueError: there is none.
    """
    found = _MAIN.search(text)
    if found is None:
        raise ValueError("the module has no function `main`")
    return Main(_ports(found["inputs"]), _ports(found["outputs"]), found.start(), found.end())


def with_names(text: str, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """The module with names beside the inputs and outputs of `main`.

    Raises:
        ValueError: there is no `main`, or it has others than these.
    """
    main = read_main(text)
    if (len(main.inputs), len(main.outputs)) != (len(inputs), len(outputs)):
        raise ValueError(f"`main` has {len(main.inputs)} inputs and {len(main.outputs)} outputs")
    given = ", ".join(
        f"%arg{number}: {_named(port, name)}" for number, (port, name) in enumerate(zip(main.inputs, inputs))
    )
    results = ", ".join(_named(port, name) for port, name in zip(main.outputs, outputs))
    return f"{text[: main.start]}  func.func public @main({given}) -> ({results}) {{{text[main.end :]}"


def _named(port: Port, name: str) -> str:
    return f'{port.type} {{{NAME_ATTRIBUTE} = ["{name}"]}}'


def _ports(text: str) -> tuple[Port, ...]:
    ports = []
    for found in _PORT.finditer(text):
        name = _NAME.search(found["attributes"] or "")
        shape = tuple(int(size) for size in found["sizes"].split("x") if size)
        ports.append(Port(name[1] if name else "", found["element"], shape))
    return tuple(ports)
