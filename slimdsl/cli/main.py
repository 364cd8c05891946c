"""The command `slimdsl`: finds the command that was asked for, loads it alone, and turns failures into exit codes.

Exit codes: 0 clean, 1 errors in the input, 2 wrong usage (a missing file too), 3 a bug of slimdsl, 130 interrupted,
141 when whoever reads the output has gone, 143 and 129 when ended by SIGTERM and SIGHUP.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import cast

from slimdsl.cli.commands import Command, CommandModule, HelpFormatter
from slimdsl.cli.refusal import Refusal, reason
from slimdsl.cli.streams import give_up, prepare_streams, say, settle_standard_error
from slimdsl.diagnostics.display import visible
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.version import __version__

OK, ERRORS, USAGE, INTERNAL, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 130, 141

EXAMPLES = """\
examples:
  slimdsl compile models/vgg16.slim            write vgg16.pb, a frozen graph
  slimdsl check                                check every .slim file below this folder
  slimdsl summary models/vgg16.slim            layers, shapes, parameters, operations
  slimdsl explain E0401                        what an error means

exit codes: 0 clean, 1 errors found, 2 wrong usage, 3 a bug of slimdsl
"""


COMMANDS = (
    Command("compile", "write the TensorFlow graph of a network", "slimdsl.cli.compile"),
    Command("train", "train a network, or go on with a training", "slimdsl.cli.train"),
    Command("check", "find what is wrong in files and folders", "slimdsl.cli.check"),
    Command("summary", "show layers, shapes, parameters and operations", "slimdsl.cli.summary"),
    Command("manifest", "print inputs, outputs, variables and end points as JSON", "slimdsl.cli.manifest"),
    Command("weights", "compare, show and convert files of weights", "slimdsl.cli.weights"),
    Command("data", "look at data for training, and convert images", "slimdsl.cli.data"),
    Command("evaluate", "compute the metrics of a network on held-out data", "slimdsl.cli.evaluate"),
    Command("predict", "run a network on images or arrays", "slimdsl.cli.predict"),
    Command("doctor", "say what is installed, and why a GPU is not used", "slimdsl.cli.doctor"),
    Command("explain", "explain a diagnostic code", "slimdsl.cli.explain"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code; never raises."""
    with _orderly_end():
        code = _guarded(argv)
        settle_standard_error()
    return code


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as an exception does, so that unfinished files are removed."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # Where it is ignored, as under nohup, it stays so.
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _guarded(argv: Sequence[str] | None) -> int:
    """The exit code, whatever happens."""
    try:
        prepare_streams()
        code = _dispatch(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
    except Refusal as refusal:
        say(f"slimdsl: {visible(str(refusal))}")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else INTERNAL
    except BrokenPipeError:
        give_up(1)
        return BROKEN_PIPE
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:
            # Files are named in their errors, so this is standard output: a full disk, most likely.
            give_up(1)
            say(f"slimdsl: cannot write the output: {reason(error)}")
            return USAGE
        _report_bug(error)
        return INTERNAL
    return code


def _dispatch(arguments: list[str]) -> int:
    """Parse and run. Only the module of the command that was named is imported."""
    word = next((argument for argument in arguments if not argument.startswith("-")), None)
    names = [command.name for command in COMMANDS]
    if word is not None and word not in names:
        hint = did_you_mean(word, names) or f"there are {', '.join(names)}"
        raise Refusal(f"there is no command `{word}`: {hint}")
    parser = ArgumentParser(
        prog="slimdsl",
        description="A compiler for a small network language to TensorFlow graphs.",
        epilog=EXAMPLES,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"slimdsl {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    chosen: CommandModule | None = None
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name, help=command.help, formatter_class=HelpFormatter, allow_abbrev=False
        )
        if command.name == word:
            chosen = cast("CommandModule", import_module(command.module))
            chosen.configure(subparser)
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit as stop:
        # argparse ends this way, with 0 after --help and 2 after a wrong argument.
        return stop.code if isinstance(stop.code, int) else OK
    if chosen is None:
        parser.print_help(sys.stderr)
        return USAGE
    return chosen.run(parsed)


def _report_bug(error: Exception) -> None:
    if os.environ.get("SLIMDSL_TRACEBACK"):
        sys.__excepthook__(type(error), error, error.__traceback__)
    last_line = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
    say(
        f"slimdsl: internal error in {_where(error)}: {visible(last_line)}\n"
        f"This is a bug of slimdsl {__version__}, not of your file. Please report it in the project's issue tracker,\n"
        "with the file and the command; SLIMDSL_TRACEBACK=1 in the environment prints the details to add."
    )


def _where(error: Exception) -> str:
    """The module of ours, and the line in it, that the error came through last: the phase that failed."""
    where = "slimdsl"
    frame = error.__traceback__
    while frame:
        module = frame.tb_frame.f_globals.get("__name__", "")
        if module.startswith("slimdsl."):
            where = f"{module.removeprefix('slimdsl.')} (line {frame.tb_lineno})"
        frame = frame.tb_next
    return where
