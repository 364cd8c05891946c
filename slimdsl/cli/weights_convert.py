"""`slimdsl weights convert`: write the tensors of a file of weights in another format."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from slimdsl.cli.options import add_colour_option
from slimdsl.cli.refusal import Refusal
from slimdsl.cli.report import plural, print_diagnostics, size_text
from slimdsl.cli.selection import add_selection_options, opened_weights, selection_of
from slimdsl.diagnostics.display import visible
from slimdsl.files import FileWriteError
from slimdsl.weights.convert import TargetError, convert, target_for
from slimdsl.weights.selection import Selected, select
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile
from slimdsl.weights.training_state import state_text, training_state


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Write the tensors of a file in another format, under other names where that is asked for. No number changes, "
        "and everything is written that is not left out by an option. OUT.npz is an archive of numpy arrays, "
        "OUT.safetensors is that, any other name the prefix of a TensorFlow checkpoint."
    )
    parser.add_argument("source", metavar="IN", help="a checkpoint, SavedModel, .safetensors or .npz")
    parser.add_argument("output", metavar="OUT", help="the file to write, or the prefix of a checkpoint")
    parser.add_argument(
        "--without-state",
        action="store_true",
        help="leave out the state of training: step counters, optimizer slots, and moving averages without --ema",
    )
    add_selection_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Convert and say what was written; return 1 where the file cannot be read or converted."""
    selection = selection_of(arguments)
    try:
        target_for(arguments.output)
        with opened_weights(arguments.source) as file:
            selected = select(selection, file)
            _require_readable(file, selected)
            state = _state(file, selected) if arguments.without_state else {}
            names = {name: stored for name, stored in selected.names.items() if name not in state}
            written = convert(file, arguments.output, names)
    except WeightsError as error:
        print_diagnostics(error.diagnostics, arguments.color)
        return 1
    except (TargetError, FileWriteError) as error:
        raise Refusal(str(error)) from error
    counted = f"{plural(written.tensors, 'tensor')}, {size_text(written.size)}"
    print(visible(f"wrote {written.path}: {written.kind}, {counted}"))
    for fact in _facts(selected, state):
        print(visible(f"  {fact}"))
    return 0


def _require_readable(file: WeightsFile, selected: Selected) -> None:
    """Refuse what was asked for and cannot be, and entries that cannot be read and were not excepted."""
    problems = [problem for name, problem in file.problems.items() if name not in selected.exceptions]
    if problems or selected.problems:
        raise WeightsError((*selected.problems, *problems))


def _state(file: WeightsFile, selected: Selected) -> Mapping[str, str]:
    """The state of training among what was selected: name -> what it is for."""
    found = {
        name: training_state(stored, file.tensors)
        for name, stored in selected.names.items()
        if name not in selected.averaged
    }
    return {name: what for name, what in found.items() if what}


def _facts(selected: Selected, state: Mapping[str, str]) -> list[str]:
    """What is not as it is in the file."""
    facts = []
    if selected.averaged:
        facts.append(f"{plural(len(selected.averaged), 'moving average')} in place of the values themselves")
    renamed = sum(name != stored for name, stored in selected.names.items() if name not in selected.averaged)
    if renamed:
        facts.append(f"{plural(renamed, 'tensor')} renamed")
    if selected.excepted:
        facts.append(f"left out, as --except says: {plural(len(selected.excepted), 'tensor')}")
    if state:
        facts.append(f"left out, as state of training: {state_text(state.values())}")
    return facts
