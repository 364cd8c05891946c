"""Where the values of variables come from when they are written into a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.ir.graph import Variable
from slimdsl.values import Value, value

Sink = Callable[[Union[bytes, memoryview]], None]
"""Takes the next bytes; they may be overwritten once it returns."""

LARGEST_SEED = 2**64 - 1


class WeightsError(Exception):
    """The weights cannot be used; the diagnostics say why."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(diagnostic.message for diagnostic in diagnostics))
        self.diagnostics = diagnostics


@value
class FileRange(Value):
    """Bytes of an open file: `size` of them from `offset`."""

    descriptor: int
    offset: int
    size: int


class WeightSource:
    """Base of what gives the values of one variable after another."""

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the values: as many as the variable has elements, row-major, little-endian.

        Raises:
            WeightsError: the values cannot be read.
        """
        raise NotImplementedError

    def file_range(self, variable: Variable) -> FileRange | None:
        """Where these very bytes stand in a file, so that the system can copy them; None where they do not.

        Raises:
            WeightsError: they are damaged.
        """
        return None
