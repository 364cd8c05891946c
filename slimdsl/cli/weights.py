"""`slimdsl weights`: look at files of weights, compare them with networks, and convert them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib import import_module
from typing import cast

from slimdsl.cli.commands import Command, CommandModule, HelpFormatter

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
    subparsers = parser.add_subparsers(dest="weights_command", metavar="COMMAND", title="commands", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name, help=command.help, formatter_class=HelpFormatter, allow_abbrev=False
        )
        module = cast("CommandModule", import_module(command.module))
        module.configure(subparser)
        subparser.set_defaults(weights_run=module.run)


def run(arguments: Namespace) -> int:
    """Carry out the command that was named."""
    code: int = arguments.weights_run(arguments)
    return code
