"""`slimdsl manifest`: what a network is called from outside, as JSON."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from slimdsl.cli.json_text import json_text
from slimdsl.cli.loading import open_graph
from slimdsl.cli.options import add_colour_option, add_net_options
from slimdsl.weights.manifest import manifest


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Print inputs, outputs, variables in their order and end points as JSON."
    parser.add_argument("file", metavar="FILE", help="a .slim file")
    parser.add_argument("--training", action="store_true", help="describe the training graph")
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Print the manifest; return 1 where the file has errors."""
    graph = open_graph(arguments.file, arguments, training=arguments.training)
    if graph is None:
        return 1
    print(json_text(manifest(graph)))
    return 0
