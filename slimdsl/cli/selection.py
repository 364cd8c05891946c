"""The options that say what of a file of weights is taken, and under which names."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

from slimdsl.cli.refusal import Refusal, unreadable
from slimdsl.semantics.train_init import InitSource
from slimdsl.weights.opening import open_weights
from slimdsl.weights.selection import Rename, Selection
from slimdsl.weights.stored import WeightsFile


def add_selection_options(parser: ArgumentParser, source: str = "the file") -> None:
    """``--ema``, ``--except SCOPE`` and ``--rename OLD=NEW``.

    Args:
        parser: gets the options.
        source: what they take from, in words.
    """
    parser.add_argument(
        "--ema",
        action="store_true",
        help=f"take the moving averages (…/ExponentialMovingAverage) of {source} in place of the values themselves",
    )
    parser.add_argument(
        "--except",
        dest="excepted",
        metavar="SCOPE",
        action="append",
        default=[],
        help="leave out a scope or a name of the network, with or without its root, such as logits; may be repeated",
    )
    parser.add_argument(
        "--rename",
        dest="renames",
        metavar="OLD=NEW",
        action="append",
        default=[],
        help=f"a scope or a name of {source}, and what the network calls it; an empty one is the root; may be repeated",
    )


def selection_of(arguments: Namespace) -> Selection:
    """What the options ask for.

    Raises:
        Refusal: one makes no sense, or is given twice.
    """
    renames: list[Rename] = []
    for text in arguments.renames:
        old, equals, new = text.partition("=")
        if not equals or "=" in new:
            raise Refusal(f"--rename {text}: write --rename OLD=NEW, such as --rename vgg16=vgg_16")
        rename = Rename(old.strip().strip("/"), new.strip().strip("/"))
        if rename.old == rename.new:
            raise Refusal(f"--rename {text}: the two names are the same")
        if any(rename.old == other.old for other in renames):
            raise Refusal(f"--rename {text}: `{rename.old}` is renamed already")
        renames.append(rename)
    for scope in arguments.excepted:
        if not scope.strip("/"):
            raise Refusal("--except needs the name of a scope")
    return Selection(ema=arguments.ema, excepted=tuple(arguments.excepted), renames=tuple(renames))


def written_selection(file: str, init: InitSource) -> tuple[str, Selection]:
    """The file of weights that a `train` block names, and what of it is taken."""
    path = os.path.join(os.path.dirname(file), init.path)
    renames = tuple(Rename(old, new) for old, new in init.renames)
    return path, Selection(excepted=init.excepted, renames=renames)


def opened_weights(path: str) -> WeightsFile:
    """Open a file of weights.

    Raises:
        Refusal: it does not exist or may not be read.
        WeightsError: it is none that can be read.
    """
    try:
        return open_weights(path)
    except OSError as error:
        raise unreadable(path, error) from error
