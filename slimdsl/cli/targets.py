"""The options that say in which formats, how, and where a network is to be written."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence

from slimdsl.artefacts.production import Target, level_problem, usual_level
from slimdsl.backends.order import PRECISIONS, Options
from slimdsl.backends.registry import FORMATS, Format, format_named, format_names
from slimdsl.cli.refusal import Refusal, reason, unreadable
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.files import STDOUT

_TEXT_SUFFIX = ".pbtxt"
_SIZE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*) *= *(?P<size>[1-9][0-9]{0,8})\Z")


def add_target_options(parser: ArgumentParser) -> None:
    """``--to``, ``-o``, ``-O`` and the options of the formats."""
    parser.add_argument(
        "--to",
        dest="formats",
        metavar="FORMAT",
        type=_format,
        action="append",
        help=f"a format ({FORMATS[0].name}); may be repeated, to write several in one run",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="what to write (<net> and the suffix of the format, in the current folder); - for standard output; "
        "with several formats, the folder to write them to",
    )
    deploying = ", ".join(format.name for format in FORMATS if format.deploys)
    parser.add_argument(
        "-O",
        dest="level",
        metavar="LEVEL",
        type=int,
        choices=(0, 1),
        help="1: run the deploy passes: no dropout and identities, batch norm folded into the convolution before it, "
        f"constants folded, nothing that no output needs; 0: leave the graph as it is (1 for inference in {deploying}, "
        "savedmodel --frozen; 0 for all else)",
    )
    parser.add_argument("--text", action="store_true", help=f"{_takers('text')}: protobuf's text form")
    parser.add_argument("--frozen", action="store_true", help=f"{_takers('frozen')}: with the weights as constants")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help=f"{_takers('precision')}: element type of the weights ({PRECISIONS[0]}); int8 needs --calibrate",
    )
    parser.add_argument(
        "--calibrate",
        metavar="DATA.npz",
        help=f"{_takers('calibrate')}: examples for every input under its name, counted by the first axis",
    )
    parser.add_argument(
        "--opset", type=int, metavar="N", help=f"{_takers('opset')}: version of ONNX's operators ({Options().opset})"
    )
    parser.add_argument(
        "--sizes",
        type=_sizes,
        metavar="NAME=N,...",
        help=f"{_takers('sizes')}: numbers for sizes that the network leaves open; the batch is 1 unless it is given",
    )


def formats_of(arguments: Namespace) -> tuple[Format, ...]:
    """The formats that are asked for.

    Raises:
        Refusal: an option is for none of them, or one cannot hold a training graph.
    """
    formats = tuple(dict.fromkeys(arguments.formats or (FORMATS[0],)))
    for option in ("text", "frozen", "precision", "calibrate", "opset", "sizes"):
        given = getattr(arguments, option) not in (None, False)
        if given and not any(option in format.options for format in formats):
            raise Refusal(f"--{option} is for --to {_takers(option)}")
    if arguments.calibrate is not None and arguments.precision != "int8":
        raise Refusal("--calibrate is for --precision int8")
    if arguments.precision == "int8" and arguments.calibrate is None:
        raise Refusal("--precision int8 measures the network on examples: name them with --calibrate DATA.npz")
    if arguments.calibrate is not None:
        try:
            os.stat(arguments.calibrate)
        except OSError as error:
            raise unreadable(arguments.calibrate, error) from error
    for format in formats:
        if arguments.training and not format.trains:
            raise Refusal(f"--to {format.name} holds no training graph")
        if arguments.training and format.holds_both and arguments.frozen:
            raise Refusal(f"--to {format.name} --frozen holds no training graph: its weights are constants")
    if len(formats) > 1 and arguments.output == STDOUT:
        raise Refusal("several formats cannot go to standard output")
    if any(format.folder for format in formats) and arguments.output == STDOUT:
        raise Refusal("a folder cannot go to standard output")
    return formats


def targets_of(arguments: Namespace, formats: Sequence[Format], net: str) -> tuple[Target, ...]:
    """What is to be written, and where; makes the folder for several.

    Raises:
        Refusal: the deploy passes do not suit a format, or the folder cannot be made.
    """
    names = _names(arguments, formats, net)
    if len(formats) == 1 and arguments.output is not None:
        paths = [arguments.output]
    else:
        folder = arguments.output or ""
        if folder:
            try:
                os.makedirs(folder, exist_ok=True)
            except OSError as error:
                raise Refusal(f"cannot make the folder `{folder}`: {reason(error)}") from error
        paths = [os.path.join(folder, name) for name in names]
    options = Options(
        text=arguments.text,
        frozen=arguments.frozen,
        precision=arguments.precision or PRECISIONS[0],
        calibrate=arguments.calibrate or "",
        opset=arguments.opset if arguments.opset is not None else Options().opset,
        sizes=arguments.sizes or (),
    )
    return tuple(
        Target(format=format, path=path, level=_level(arguments, format, options), options=options)
        for format, path in zip(formats, paths, strict=True)
    )


def _names(arguments: Namespace, formats: Sequence[Format], net: str) -> list[str]:
    """What the files are called; where two would be alike, the second has its format in its name."""
    names: list[str] = []
    for format in formats:
        suffix = _TEXT_SUFFIX if arguments.text and "text" in format.options else format.suffix
        name = f"{net}{suffix}"
        middle = "graphdef" if suffix == f".{format.name}" else format.name
        names.append(f"{net}.{middle}{suffix}" if name in names else name)
    return names


def _level(arguments: Namespace, format: Format, options: Options) -> int:
    if arguments.level is None:
        return usual_level(format, options, training=arguments.training)
    problem = level_problem(format, options, arguments.level, training=arguments.training)
    if problem:
        raise Refusal(problem)
    return int(arguments.level)


def _takers(option: str) -> str:
    """The formats that take an option."""
    return ", ".join(format.name for format in FORMATS if option in format.options)


def _sizes(text: str) -> tuple[tuple[str, int], ...]:
    """The argument of ``--sizes``.

    Raises:
        ArgumentTypeError: it is no list of sizes.
    """
    sizes: dict[str, int] = {}
    for part in text.split(","):
        found = _SIZE.match(part.strip())
        if found is None or found["name"] in sizes:
            raise ArgumentTypeError(f"`{part.strip()}` must be a name and a number, each name once: H=224,W=224")
        sizes[found["name"]] = int(found["size"])
    return tuple(sizes.items())


def _format(text: str) -> Format:
    """The argument of ``--to``.

    Raises:
        ArgumentTypeError: there is no such format.
    """
    format = format_named(text)
    if format is None:
        names = format_names()
        raise ArgumentTypeError(did_you_mean(text, names) or f"there are {', '.join(names)}")
    return format
