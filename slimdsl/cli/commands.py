"""What a command is, for the command line and for commands that have commands of their own."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from typing import Protocol

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
    """As argparse's own, which loads shutil, and with it all compressors, to ask for the width of the terminal."""

    def __init__(self, prog: str) -> None:
        try:
            columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size().columns
        except (ValueError, OSError):
            columns = 80
        super().__init__(prog, width=max(40, min(columns, 120)) - 2)
