"""The arguments that several commands share."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from slimdsl.cli.refusal import Refusal


def add_net_options(parser: ArgumentParser) -> None:
    """``-D name=value`` and ``--net NAME``."""
    parser.add_argument(
        "-D",
        dest="definitions",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="set a parameter of the net to a value of the language, such as -D classes=10; may be repeated",
    )
    parser.add_argument("--net", metavar="NAME", help="the net to take, where the file has several")


def add_colour_option(parser: ArgumentParser) -> None:
    """``--color WHEN``."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours: auto (on a terminal; NO_COLOR and FORCE_COLOR are heeded), always or never",
    )


def definitions(arguments: Namespace) -> dict[str, str]:
    """The parameters given with -D: name -> text of an expression.

    Raises:
        Refusal: one has no ``=``, no name, or is given twice.
    """
    found: dict[str, str] = {}
    for definition in arguments.definitions:
        name, equals, text = definition.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise Refusal(f"-D {definition}: write -D name=value, such as -D classes=10")
        if name.strip() in found:
            raise Refusal(f"-D {name.strip()} is given twice")
        found[name.strip()] = text.strip()
    return found
