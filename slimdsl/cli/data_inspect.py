"""`slimdsl data inspect`: what `--data` names, how much of it there is, and what is wrong with it."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from slimdsl.cli.network_weights import count as at_least_one
from slimdsl.cli.options import add_holdout_option, add_labels_offset_option
from slimdsl.cli.progress import INTERVAL
from slimdsl.cli.refusal import Refusal
from slimdsl.cli.report import plural
from slimdsl.cli.runtime_loading import load_runtime
from slimdsl.cli.streams import say
from slimdsl.diagnostics.display import visible
from slimdsl.json_text import json_text
from slimdsl.types import shape_text

if TYPE_CHECKING:
    from slimdsl.runtime.data.source import DataSource
    from slimdsl.runtime.data.surveying import Survey
    from slimdsl.runtime.data.table_survey import ArraySurvey

_MOST_ROWS = 12
_MOST_PROBLEMS = 20


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Read and decode every example, count classes and sizes, and say what is wrong: damaged images and records, "
        "labels that are missing or outside the classes, missing files. Of an .npz that is not images and labels, "
        "every array is described; `slimdsl train --dry-run` compares them with a network. "
        "Exit code 1 where something is wrong."
    )
    parser.add_argument(
        "data",
        metavar="SPEC",
        nargs="?",
        default="",
        help="as for --data: a folder of class folders, TFRecords, .npz, .csv, digits or synthetic:COUNT",
    )
    parser.add_argument("--split", choices=("train", "validation", "all"), default="all", help="the part to look at")
    add_holdout_option(parser, "as in training")
    parser.add_argument("--classes", type=at_least_one, metavar="N", help="how many classes the network has")
    add_labels_offset_option(parser, "0")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: Namespace) -> int:
    """Print what was found; return 1 where something is wrong."""
    opening = load_runtime("slimdsl.runtime.data.opening")
    surveying = load_runtime("slimdsl.runtime.data.surveying")
    errors = load_runtime("slimdsl.runtime.data.errors")
    try:
        source = opening.open_data(
            arguments.data,
            arguments.split,
            holdout=arguments.holdout,
            classes=arguments.classes,
            labels_offset=arguments.labels_offset or 0,
        )
        parts = _parts(opening, errors, arguments)
    except errors.MissingDataError as error:
        raise Refusal(str(error)) from error
    except errors.DataError as error:
        if arguments.json:
            print(json_text({"data": arguments.data, "problems": [str(error)]}))
        say(visible(f"error: {error}"))
        return 1
    meter = _Meter(source.count)
    found = surveying.survey(source, classes=arguments.classes, most=_MOST_PROBLEMS, advance=meter.advance)
    if arguments.json:
        print(json_text(_document(arguments.data, source, parts, found)))
    else:
        print("\n".join(visible(line) for line in _lines(source, parts, found)))
    for problem in found.problems:
        say(visible(f"error: {problem}"))
    return 1 if found.problems else 0


class _Meter:
    """Says now and then how many examples were read."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._next = time.monotonic() + INTERVAL

    def advance(self, count: int) -> None:
        """Note that so many more are done."""
        self._done += count
        if time.monotonic() >= self._next:
            say(f"reading: {100 * self._done // max(self._total, 1)}% of {plural(self._total, 'example')}")
            self._next = time.monotonic() + INTERVAL


def _parts(opening: Any, errors: Any, arguments: Namespace) -> dict[str, tuple[int, str]]:
    """Part -> how many examples it has, and how it was chosen."""
    parts = {}
    for split in ("train", "validation"):
        try:
            part = opening.open_data(arguments.data, split, holdout=arguments.holdout, classes=arguments.classes)
        except errors.MissingDataError:
            raise
        except errors.DataError:
            # The whole could be opened; what is wrong with a part is a problem of one of its files.
            continue
        parts[split] = (part.count, part.split_note)
    return parts


def _lines(source: DataSource, parts: Mapping[str, tuple[int, str]], found: Survey) -> Iterator[str]:
    name = f"{source.path}: " if source.path else ""
    yield f"{name}{source.kind}, {plural(source.count, 'example')}, {_classes(len(source.classes))}"
    for split, (count, note) in parts.items():
        yield f"  {split:10} {plural(count, 'example')} ({note})"
    if found.per_class:
        yield ""
        yield "examples of each class"
        yield from _rows([(_class_name(source, label), count) for label, count in found.per_class.items()])
    if found.sizes:
        yield ""
        yield "sizes: height x width x channels"
        yield from _rows([("x".join(str(side) for side in size), count) for size, count in found.sizes.items()])
    if found.arrays:
        yield ""
        yield "arrays: type, shape, least and largest number"
        yield from _array_rows(found)
    if found.labels:
        yield ""
        yield f"first labels: {', '.join(str(label) for label in found.labels)}"
    if found.examined < source.count:
        yield f"{found.examined:,} of {source.count:,} examples were looked at before there were too many problems"


def _array_rows(found: Survey) -> Iterator[str]:
    widths = [max(len(text) for text in column) for column in zip(*(_array_texts(array) for array in found.arrays))]
    for array in found.arrays:
        yield "  " + "  ".join(f"{text:{width}}" for text, width in zip(_array_texts(array), widths)).rstrip()


def _array_texts(array: ArraySurvey) -> tuple[str, str, str, str]:
    ends = "" if array.least is None else f"{array.least:g} … {array.largest:g}"
    return array.name, array.type, shape_text(array.shape), ends


def _classes(count: int) -> str:
    if not count:
        return "classes without names"
    return "1 class" if count == 1 else f"{count:,} classes"


def _class_name(source: DataSource, label: int) -> str:
    return f"{label} {source.classes[label]}" if 0 <= label < len(source.classes) else str(label)


def _rows(rows: list[tuple[str, int]]) -> Iterator[str]:
    shown = rows if len(rows) <= _MOST_ROWS else rows[: _MOST_ROWS - 1]
    width = max(len(name) for name, _ in shown)
    for name, count in shown:
        yield f"  {name:{width}}  {count:>9,}"
    if len(shown) < len(rows):
        yield f"  and {len(rows) - len(shown):,} more, {sum(count for _, count in rows[len(shown) :]):,} examples"


def _document(
    spec: str, source: DataSource, parts: Mapping[str, tuple[int, str]], found: Survey
) -> Mapping[str, object]:
    return {
        "data": spec,
        "kind": source.kind,
        "split": source.split,
        "examples": source.count,
        "classes": list(source.classes),
        "parts": {split: {"examples": count, "chosen": note} for split, (count, note) in parts.items()},
        "per_class": {str(label): count for label, count in found.per_class.items()},
        "sizes": [
            {"height": height, "width": width, "channels": channels, "images": count}
            for (height, width, channels), count in found.sizes.items()
        ],
        "arrays": [
            {"name": one.name, "type": one.type, "shape": list(one.shape), "least": one.least, "largest": one.largest}
            for one in found.arrays
        ],
        "first_labels": list(found.labels),
        "examined": found.examined,
        "problems": list(found.problems),
    }
