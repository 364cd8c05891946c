"""`slimdsl weights diff`: what loading a file of weights into a network would come to."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from slimdsl.cli.loading import open_graph
from slimdsl.cli.options import add_colour_option, add_net_options
from slimdsl.cli.report import plural, print_diagnostics
from slimdsl.cli.selection import add_selection_options, opened_weights, selection_of
from slimdsl.diagnostics.display import visible
from slimdsl.json_text import json_text
from slimdsl.types import shape_text
from slimdsl.weights.comparison import Comparison, Extra, Pair, compare
from slimdsl.weights.guesses import guess_renames, most_alike, rename_rules
from slimdsl.weights.source import WeightsError
from slimdsl.weights.training_state import SHADOW, state_text

_SHOWN = 30
"""Entries of a kind that are listed without ``--all``."""


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Compare the variables of a network with the tensors of a file: what matches, what is missing, what is left "
        "over, what has another shape or element type, and what was perhaps renamed. Nothing is written. "
        "The exit code is 0 only where `compile --weights` with the same options would load everything."
    )
    parser.add_argument("file", metavar="MODEL.slim", help="a .slim file")
    parser.add_argument("weights", metavar="WEIGHTS", help="a checkpoint, SavedModel, .safetensors or .npz")
    parser.add_argument("--training", action="store_true", help="compare the variables of the training graph")
    parser.add_argument("--all", action="store_true", help="list everything, what matches too")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
    add_selection_options(parser)
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Print the comparison; return 0 where the file would load whole, else 1."""
    selection = selection_of(arguments)
    graph = open_graph(arguments.file, arguments, training=arguments.training)
    if graph is None:
        return 1
    try:
        with opened_weights(arguments.weights) as file:
            comparison = compare(graph.variables, file, selection)
    except WeightsError as error:
        print_diagnostics(error.diagnostics, arguments.color)
        return 1
    guesses = guess_renames(
        {variable.name: variable.shape for variable in comparison.missing},
        {_origin(extra): extra.stored.shape for extra in comparison.extra},
    )
    if arguments.json:
        print(json_text(_document(graph.name, comparison, guesses)))
    else:
        for line in _lines(graph.name, comparison, guesses, everything=arguments.all):
            print(visible(line))
        print_diagnostics(comparison.problems, arguments.color)
    return 0 if comparison.loads_whole else 1


def _lines(net: str, comparison: Comparison, guesses: dict[str, str], *, everything: bool) -> Iterator[str]:
    file = comparison.file
    count = len(comparison.variables)
    yield f"{net}: {plural(count, 'variable')}; {file.path}: {plural(len(file.tensors), file.entry)} ({file.kind})"
    sections: list[tuple[str, list[str]]] = [
        ("wrong shape", [_pair_line(pair) for pair in comparison.wrong_shape]),
        ("wrong dtype", [_dtype_line(pair) for pair in comparison.wrong_dtype]),
        ("missing", [_missing_line(v.name, v.shape, comparison, guesses) for v in comparison.missing]),
        ("extra", [f"{extra.name}  {shape_text(extra.stored.shape)}" for extra in comparison.extra]),
    ]
    if everything:
        matching = [f"{pair.variable.name}  {shape_text(pair.variable.shape)}" for pair in comparison.matching]
        sections.insert(0, ("matching", matching))
        sections.append(("excepted", [variable.name for variable in comparison.excepted]))
        sections.append(("state of training", [f"{extra.name}  {kind}" for extra, kind in comparison.state]))
    for title, lines in sections:
        if not lines:
            continue
        yield ""
        yield f"{title} ({len(lines)})"
        shown = lines if everything else lines[:_SHOWN]
        yield from (f"  {line}" for line in shown)
        if len(shown) < len(lines):
            yield f"  … and {len(lines) - len(shown)} more; --all lists them"
    yield ""
    yield from _conclusion(comparison, guesses)


def _pair_line(pair: Pair) -> str:
    variable, stored = pair.variable, pair.stored
    origin = f" (`{stored.name}`)" if stored.name != variable.name else ""
    return f"{variable.name}  {shape_text(variable.shape)}, in the file {shape_text(stored.shape)}{origin}"


def _dtype_line(pair: Pair) -> str:
    return f"{pair.variable.name}  {pair.variable.tensor.type.dtype.value}, in the file {pair.stored.type_text}"


def _missing_line(name: str, shape: tuple[int, ...], comparison: Comparison, guesses: dict[str, str]) -> str:
    line = f"{name}  {shape_text(shape)}"
    if name in guesses:
        found = next(extra.stored.shape for extra in comparison.extra if _origin(extra) == guesses[name])
        changed = f", which is {shape_text(found)}" if found != shape else ""
        return f"{line}, perhaps `{guesses[name]}`{changed}"
    similar = most_alike(name, [extra.name for extra in comparison.extra if extra.stored.shape == shape])
    return f"{line}, nearest is `{similar}`" if similar else line


def _conclusion(comparison: Comparison, guesses: dict[str, str]) -> Iterator[str]:
    """The counts, what could be tried, and whether it would load."""
    counts = [
        (len(comparison.matching), "match"),
        (len(comparison.wrong_shape), "of another shape"),
        (len(comparison.wrong_dtype), "of another type"),
        (len(comparison.missing), "missing"),
        (len(comparison.extra), "extra"),
        (len(comparison.excepted), "excepted"),
    ]
    yield ", ".join(f"{count} {what}" for count, what in counts if count or what == "match")
    if comparison.averaged:
        yield f"{plural(comparison.averaged, 'moving average')} in place of the values themselves"
    if comparison.state:
        yield f"left in the file, as state of training: {state_text(kind for _, kind in comparison.state)}"
    rules = rename_rules(guesses, len(comparison.missing))[:3]
    if rules:
        options = " ".join(f"--rename {old}={new}" for old, new in rules)
        yield f"try {options}"
    if comparison.loads_whole:
        if comparison.excepted:
            yield "compile --weights would load everything but what is excepted, which it wants a --seed for"
        else:
            yield "compile --weights would load everything"
    else:
        yield "compile --weights would refuse it"


def _origin(extra: Extra) -> str:
    """What `--rename` calls a tensor: its name in the file, that of the value for a moving average."""
    return extra.stored.name.removesuffix(SHADOW)


def _document(net: str, comparison: Comparison, guesses: dict[str, str]) -> dict[str, object]:
    def pair(entry: Pair) -> dict[str, object]:
        variable, stored = entry.variable, entry.stored
        return {
            "name": variable.name,
            "stored_name": stored.name,
            "shape": list(variable.shape),
            "stored_shape": list(stored.shape),
            "dtype": variable.tensor.type.dtype.value,
            "stored_dtype": stored.type_text,
        }

    return {
        "net": net,
        "weights": comparison.file.path,
        "kind": comparison.file.kind,
        "loads_whole": comparison.loads_whole,
        "matching": [pair(entry) for entry in comparison.matching],
        "wrong_shape": [pair(entry) for entry in comparison.wrong_shape],
        "wrong_dtype": [pair(entry) for entry in comparison.wrong_dtype],
        "missing": [
            {"name": v.name, "shape": list(v.shape), "perhaps": guesses.get(v.name)} for v in comparison.missing
        ],
        "extra": [
            {"name": e.name, "stored_name": e.stored.name, "shape": list(e.stored.shape), "dtype": e.stored.type_text}
            for e in comparison.extra
        ],
        "excepted": [variable.name for variable in comparison.excepted],
        "state_of_training": [{"name": e.stored.name, "kind": kind} for e, kind in comparison.state],
        "moving_averages": comparison.averaged,
        "renames": [{"old": old, "new": new} for old, new in rename_rules(guesses, len(comparison.missing))],
        "problems": [problem.message for problem in comparison.problems],
    }
