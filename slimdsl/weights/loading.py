"""The values of a network's variables from a file, checked before the first of them is written."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.ir.graph import Variable
from slimdsl.weights.source import FileRange, Sink, WeightSource
from slimdsl.weights.stored import WeightsFile


class FileWeights(WeightSource):
    """Values from a file and, for variables that are not to be loaded, from another source.

    Args:
        file: the file, open.
        names: name of a variable -> name in the file; types and shapes have been compared.
        others: where the values of all other variables come from; None where there are none.
    """

    def __init__(self, file: WeightsFile, names: Mapping[str, str], others: WeightSource | None) -> None:
        self._file = file
        self._names = names
        self._others = others

    def write(self, variable: Variable, sink: Sink) -> None:
        """Pass on the variable's values."""
        name = self._names.get(variable.name)
        if name is not None:
            self._file.write(name, sink)
        else:
            self._other(variable).write(variable, sink)

    def file_range(self, variable: Variable) -> FileRange | None:
        """Where they stand in the file, if they do."""
        name = self._names.get(variable.name)
        return self._file.file_range(name) if name is not None else self._other(variable).file_range(variable)

    def _other(self, variable: Variable) -> WeightSource:
        if self._others is None:
            raise KeyError(variable.name)
        return self._others
