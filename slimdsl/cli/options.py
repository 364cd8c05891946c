"""The arguments that several commands share."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from slimdsl.cli.refusal import Refusal

PREPROCESSINGS = "none, lenet, cifarnet, vgg or inception"
"""Those that there are, in words: the room that has them loads TensorFlow."""


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


def add_labels_offset_option(parser: ArgumentParser, default: str) -> None:
    """``--labels-offset N``.

    Args:
        parser: gets the option.
        default: what holds without it, in words.
    """
    parser.add_argument(
        "--labels-offset",
        dest="labels_offset",
        type=_offset,
        metavar="N",
        help=f"take N off every label, such as 1 for data with a class 0 that the network does not have ({default})",
    )


def add_holdout_option(parser: ArgumentParser, default: str) -> None:
    """``--holdout SHARE``.

    Args:
        parser: gets the option.
        default: what holds without it, in words.
    """
    parser.add_argument(
        "--holdout",
        type=float,
        metavar="SHARE",
        help=f"the share held out for validation, of data that have no such part themselves ({default})",
    )


def _offset(text: str) -> int:
    """The argument of ``--labels-offset``.

    Raises:
        ArgumentTypeError: it is no integer, or a very large one.
    """
    if not re.fullmatch(r"-?[0-9]{1,7}", text):
        raise ArgumentTypeError("must be an integer of at most seven digits")
    return int(text)


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
