"""`slimdsl data`: look at data for training, and convert images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from slimdsl.cli.commands import Command, HelpFormatter, LateParser

COMMANDS = (
    Command("inspect", "count and check the examples that --data names", "slimdsl.cli.data_inspect"),
    Command("convert", "write the images of a folder as TFRecords in TF-Slim's format", "slimdsl.cli.data_convert"),
)


def configure(parser: ArgumentParser) -> None:
    """Declare the commands below this one, each with its arguments."""
    parser.description = (
        "Data for training and evaluation: image folders, TFRecords, .npz archives, CSV lists. "
        "These commands need TensorFlow: pip install 'slimdsl[train]'."
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands", required=True, parser_class=LateParser)
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name, help=command.help, formatter_class=HelpFormatter, allow_abbrev=False
        )
        subparser.module = command.module


def run(arguments: Namespace) -> int:
    """Carry out the command that was named."""
    code: int = arguments.run(arguments)
    return code
