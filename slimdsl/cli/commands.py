"""What a command is, for the command line and for commands that have commands of their own."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from slimdsl.values import Value, positional


@positional
class Command(Value):
    """A command: its name, one line about it, and the module that has its `configure` and `run`."""

    name: str
    help: str
    module: str


class CommandModule(Protocol):
    """What the module of a command offers."""

    def configure(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        ...

    def run(self, arguments: Namespace) -> int:
        """Carry the command out and return the exit code."""
        ...


class HelpFormatter(RawDescriptionHelpFormatter):
    """As argparse's own, which loads shutil, and with it all compressors, to ask for the width of the terminal.

    Lines of a description that are too long are broken, unless they are indented, as those of tables are.
    """

    def __init__(self, prog: str) -> None:
        try:
            columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size().columns
        except (ValueError, OSError):
            columns = 80
        super().__init__(prog, width=max(40, min(columns, 120)) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        for line in text.splitlines():
            lines += [line] if line.startswith(" ") or len(line) <= width else self._split_lines(line, width)
        return super()._fill_text("\n".join(lines), width, indent)


class LateParser(ArgumentParser):
    """The parser of a command below a command: its module is loaded when it is the one that was named."""

    module = ""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]  # typeshed has two overloads
        """Declare the arguments, then parse them."""
        if self.module:
            loaded = cast("CommandModule", import_module(self.module))
            self.module = ""
            loaded.configure(self)
            self.set_defaults(run=loaded.run)
        return super().parse_known_args(args, namespace)
