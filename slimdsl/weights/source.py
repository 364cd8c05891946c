"""Where the values of variables come from when they are written into a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Union

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.ir.graph import Variable

Sink = Callable[[Union[bytes, memoryview]], None]
"""Takes the next bytes; they may be overwritten once it returns."""

LARGEST_SEED = 2**64 - 1


class WeightsError(Exception):
    """The weights cannot be used; the diagnostics say why."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.diagnostics = diagnostics


class WeightSource(Protocol):
    """Gives the values of one variable after another."""

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the values: as many as the variable has elements, row-major, little-endian.

        Raises:
            WeightsError: the values cannot be read.
        """
        ...
