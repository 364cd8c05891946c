"""`slimdsl weights`: look at files of weights, compare them with networks, and convert them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from slimdsl.cli.commands import Command, HelpFormatter, LateParser

COMMANDS = (
    Command("diff", "compare a network's variables with a file of weights", "slimdsl.cli.weights_diff"),
    Command("show", "list the tensors of a file of weights", "slimdsl.cli.weights_show"),
    Command("convert", "write a file of weights in another format", "slimdsl.cli.weights_convert"),
)


def configure(parser: ArgumentParser) -> None:
    """Declare the commands below this one, each with its arguments."""
    parser.description = (
        "Files of weights: TensorFlow checkpoints (V1 and V2), SavedModels, .safetensors and .npz. "
        "None of these commands needs TensorFlow for what slimdsl reads itself."
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
