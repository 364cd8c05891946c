"""A network and a file of weights for the commands that run it."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from slimdsl.artefacts.production import Job, UnloadedError, weights_of
from slimdsl.cli.refusal import Refusal, unreadable
from slimdsl.cli.selection import add_selection_options, selection_of
from slimdsl.ir.graph import Graph
from slimdsl.weights.comparison import Comparison
from slimdsl.weights.source import LARGEST_SEED, WeightSource

_DIGITS = re.compile(r"[0-9]{1,20}\Z")
"""What is read as a number; `int` would take more: other digits, spaces, a sign."""


WEIGHTS_HELP = (
    "a TensorFlow checkpoint (a prefix, or the folder of a training), a SavedModel, a .safetensors or an .npz"
)


def add_taking_options(parser: ArgumentParser) -> None:
    """What of ``--weights`` is taken, and where the rest comes from."""
    add_selection_options(parser, "--weights")
    parser.add_argument("--seed", type=seed, metavar="N", help="draw what --except leaves out from this number")


@contextmanager
def opened_job(graph: Graph, arguments: Namespace) -> Iterator[tuple[WeightSource, Comparison]]:
    """The weights of a network by the options above, and how the file compares with it.

    Raises:
        WeightsError: they do not fit, or cannot be read.
        Refusal: the file cannot be opened, or an option makes no sense.
    """
    selection = selection_of(arguments)
    if arguments.seed is not None and not selection.excepted:
        raise Refusal("--seed draws what --weights does not load, and nothing is left out: --except SCOPE leaves out")
    job = Job(graph=graph, targets=(), weights=arguments.weights, selection=selection, seed=arguments.seed)
    context = weights_of(job)
    try:
        weights, comparison = context.__enter__()
    except OSError as error:
        raise unreadable(arguments.weights, error) from error
    except UnloadedError as error:
        raise Refusal(str(error)) from error
    assert comparison is not None
    try:
        yield weights, comparison
    finally:
        context.__exit__(None, None, None)


def seed(text: str) -> int:
    """The argument of ``--seed``.

    Raises:
        ArgumentTypeError: it is not an integer from 0 to 2^64 - 1.
    """
    if not _DIGITS.match(text) or int(text) > LARGEST_SEED:
        raise ArgumentTypeError("must be an integer from 0 to 2^64 - 1")
    return int(text)


def count(text: str) -> int:
    """An argument that counts.

    Raises:
        ArgumentTypeError: it is not an integer of at least 1.
    """
    if not _DIGITS.match(text) or not 1 <= int(text) <= 1_000_000_000:
        raise ArgumentTypeError("must be an integer of at least 1")
    return int(text)
