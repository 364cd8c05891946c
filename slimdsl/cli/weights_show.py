"""`slimdsl weights show`: what a file of weights holds."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from slimdsl.cli.options import add_colour_option
from slimdsl.cli.report import plural, print_diagnostics, size_text
from slimdsl.cli.selection import opened_weights
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.display import visible
from slimdsl.json_text import json_text
from slimdsl.types import shape_text
from slimdsl.values import Value, field, value
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile
from slimdsl.weights.training_state import training_state

if TYPE_CHECKING:
    from slimdsl.weights.statistics import Statistics

_HEADINGS = ("name", "type", "shape", "size")
_FIGURES = ("min", "max", "mean", "not finite")
_STATE = "state of training"


@value
class Row(Value):
    """One tensor.

    Attributes:
        tensor: what the file says of it.
        state: what it is for, where it belongs to the state of training; else "".
        statistics: what its numbers are like; None where nobody asked, or where they cannot be read.
    """

    tensor: StoredTensor
    state: str
    statistics: Statistics | None = field(default=None)

    @property
    def count(self) -> int:
        """How many numbers it has."""
        count = 1
        for dim in self.tensor.shape:
            count *= dim
        return count


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "List the tensors of a file: name, element type, shape and size, and which of them belong to the state of "
        "training. With --stats all numbers are read, and those that are infinite or not a number are counted."
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="a checkpoint, SavedModel, .safetensors or .npz")
    parser.add_argument("--stats", action="store_true", help="minimum, maximum and mean of each tensor, and NaNs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Print the table or the JSON; return 1 where a part of the file cannot be read."""
    problems: list[Diagnostic] = []
    try:
        with opened_weights(arguments.weights) as file:
            rows = list(_rows(file, problems, numbers=arguments.stats))
            problems += file.problems.values()
    except WeightsError as error:
        print_diagnostics(error.diagnostics, arguments.color)
        return 1
    if arguments.json:
        print(json_text(_document(file, rows, problems, numbers=arguments.stats)))
    else:
        print(visible_lines(_lines(file, rows, numbers=arguments.stats)))
    print_diagnostics(problems, arguments.color)
    return 1 if problems else 0


def visible_lines(lines: Iterator[str]) -> str:
    """A text whose names may hold anything."""
    return "\n".join(visible(line) for line in lines)


def _rows(file: WeightsFile, problems: list[Diagnostic], *, numbers: bool) -> Iterator[Row]:
    for name, tensor in file.tensors.items():
        found = None
        if numbers and tensor.dtype is not None and tensor.dtype.size:
            try:
                # Loads numpy.
                found = import_module("slimdsl.weights.statistics").statistics(file, name)
            except WeightsError as error:
                # The others may be whole, and it is of use to know which are.
                problems += error.diagnostics
        yield Row(tensor=tensor, state=training_state(name, file.tensors), statistics=found)


def _lines(file: WeightsFile, rows: list[Row], *, numbers: bool) -> Iterator[str]:
    headings = (*_HEADINGS, *(_FIGURES if numbers else ()), *((_STATE,) if any(row.state for row in rows) else ()))
    table = [headings, *(_cells(row, headings) for row in rows)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(headings))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    yield f"{file.path}: {file.kind}"
    yield ""
    yield _aligned(table[0], widths, headings)
    yield rule
    yield from (_aligned(cells, widths, headings) for cells in table[1:])
    yield rule
    yield from _totals(file, rows)


def _cells(row: Row, headings: tuple[str, ...]) -> tuple[str, ...]:
    tensor, found = row.tensor, row.statistics
    size = size_text(tensor.size) if tensor.size or tensor.dtype else "?"
    cells = {
        "name": tensor.name,
        "type": tensor.type_text,
        "shape": shape_text(tensor.shape),
        "size": size,
        _STATE: row.state,
    }
    if found is not None:
        cells |= {
            "min": _figure(found.minimum),
            "max": _figure(found.maximum),
            "mean": _figure(found.mean),
            "not finite": f"{found.not_finite:,}" if found.not_finite else "",
        }
    return tuple(cells.get(heading, "?" if heading in _FIGURES else "") for heading in headings)


def _figure(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,}" if isinstance(number, int) else f"{number:.4g}"


def _aligned(cells: tuple[str, ...], widths: list[int], headings: tuple[str, ...]) -> str:
    """Text to the left, numbers to the right."""
    right = ("size", *_FIGURES)
    aligned = [
        f"{cell:>{width}}" if heading in right else f"{cell:<{width}}"
        for cell, width, heading in zip(cells, widths, headings, strict=True)
    ]
    return "  ".join(aligned).rstrip()


def _totals(file: WeightsFile, rows: list[Row]) -> Iterator[str]:
    groups = [([row for row in rows if not row.state], ""), ([row for row in rows if row.state], f" of the {_STATE}")]
    for group, what in groups:
        if group or not what:
            count = sum(row.count for row in group)
            size = size_text(sum(row.tensor.size for row in group))
            yield f"{plural(len(group), file.entry)}{what}, {plural(count, 'number')}, {size}"
    broken = [row for row in rows if row.statistics is not None and row.statistics.not_finite]
    if broken:
        yield f"numbers that are not finite in {plural(len(broken), file.entry)}, such as {broken[0].tensor.name}"


def _document(file: WeightsFile, rows: list[Row], problems: list[Diagnostic], *, numbers: bool) -> Mapping[str, object]:
    return {
        "weights": file.path,
        "kind": file.kind,
        "tensors": [_entry(row, numbers=numbers) for row in rows],
        "totals": {
            "tensors": len(rows),
            "numbers": sum(row.count for row in rows),
            "bytes": sum(row.tensor.size for row in rows),
            "bytes_of_state": sum(row.tensor.size for row in rows if row.state),
        },
        "problems": [problem.message for problem in problems],
    }


def _entry(row: Row, *, numbers: bool) -> dict[str, object]:
    tensor, found = row.tensor, row.statistics
    entry: dict[str, object] = {
        "name": tensor.name,
        "dtype": tensor.type_text,
        "shape": list(tensor.shape),
        "bytes": tensor.size if tensor.dtype else None,
        "state_of_training": row.state or None,
    }
    if numbers:
        entry["statistics"] = found and {
            "min": found.minimum,
            "max": found.maximum,
            "mean": found.mean,
            "not_finite": found.not_finite,
        }
    return entry
