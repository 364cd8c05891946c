"""`slimdsl compile`: write what a network is to become: graphs, SavedModels, other formats."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from errno import EPIPE
from typing import TYPE_CHECKING

from slimdsl.artefacts.production import (
    Job,
    OverwriteError,
    Product,
    UnloadedError,
    content_bytes,
    produce,
    read_for,
    refuse_overwriting,
    weights_of,
)
from slimdsl.artefacts.sidecar import Origin, sidecar_path, write_sidecars
from slimdsl.backends.order import ArtefactError, MissingPackageError, OptionError
from slimdsl.backends.registry import FORMATS
from slimdsl.cli.compile_report import report_lines, verified
from slimdsl.cli.loading import graph_of, open_compilation
from slimdsl.cli.options import add_colour_option, add_net_options
from slimdsl.cli.progress import ProgressMeter, announced
from slimdsl.cli.refusal import Refusal, unreadable
from slimdsl.cli.report import print_diagnostics
from slimdsl.cli.run_weights import newest_of, pointing_to_whole
from slimdsl.cli.selection import add_selection_options, selection_of, written_selection
from slimdsl.cli.streams import say
from slimdsl.cli.targets import add_target_options, formats_of, targets_of
from slimdsl.diagnostics.display import visible
from slimdsl.files import FileWriteError, is_stream
from slimdsl.weights.comparison import Comparison
from slimdsl.weights.selection import EVERYTHING
from slimdsl.weights.source import LARGEST_SEED, WeightsError, WeightSource

if TYPE_CHECKING:
    from slimdsl.artefacts.verification import Verification

_SEED = re.compile(r"[0-9]{1,20}\Z")
"""What is read as a seed; `int` would take more: other digits, spaces, a sign."""


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    width = max(len(format.name) for format in FORMATS)
    listed = "\n".join(f"  {format.name.ljust(width)}  {format.description}" for format in FORMATS)
    parser.description = (
        "Write what a network is to become. Weights are those of --weights, or first values drawn from --seed. "
        "Beside each artefact stands NAME.manifest.json, which says what it was made of.\n\n"
        f"formats:\n{listed}"
    )
    parser.add_argument("file", metavar="FILE", help="a .slim file")
    add_target_options(parser)
    parser.add_argument(
        "--training",
        action="store_true",
        help="the training graph; a savedmodel gets it as a signature `train` beside the other. Without --weights, "
        "first values are those of `init from` in the file's `train` block, if it has one",
    )
    parser.add_argument(
        "--weights",
        metavar="WEIGHTS",
        help="take the values from a TensorFlow checkpoint (V1 or V2, a prefix or a folder), a SavedModel, "
        "a .safetensors or an .npz",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        help="draw first values from this number (0); with --weights, those of what --except leaves out",
    )
    add_selection_options(parser, "--weights")
    parser.add_argument(
        "--no-verify",
        dest="verify",
        action="store_false",
        default=not os.environ.get("SLIMDSL_NO_VERIFY"),
        help="do not read artefacts back and run them (so does SLIMDSL_NO_VERIFY=1)",
    )
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Compile, write, verify and say what was written; return 1 where there are errors."""
    selection = selection_of(arguments)
    formats = formats_of(arguments)
    if arguments.seed is not None and arguments.weights and not (selection.excepted or arguments.training):
        raise Refusal("--seed draws what --weights does not load, and nothing is left out: --except SCOPE leaves out")
    if not arguments.weights and selection != EVERYTHING:
        raise Refusal("--ema, --except and --rename are about --weights, which is not given")
    compilation = open_compilation(arguments.file, arguments, training=arguments.training)
    graph = graph_of(compilation, arguments.file, arguments)
    train_graph = graph if arguments.training else None
    if arguments.training and any(format.holds_both for format in formats) and graph is not None:
        graph = graph_of(compilation.for_inference(), arguments.file, arguments)
    if graph is None:
        return 1
    targets = targets_of(arguments, formats, graph.name)
    weights, seed = arguments.weights or "", arguments.seed
    if arguments.training and not weights and compilation.init is not None:
        # What the recipe leaves out is to be drawn: it says so.
        weights, selection, seed = *written_selection(arguments.file, compilation.init), seed or 0
    origin = Origin(source=compilation.source, used=compilation.used_sources, parameters=compilation.parameters)
    try:
        job = Job(
            graph=graph,
            train_graph=train_graph,
            targets=targets,
            weights=newest_of(weights),
            selection=selection,
            seed=seed,
        )
        return _make(job, origin, arguments)
    except WeightsError as error:
        # What is served for years is not made of an older checkpoint than people think: they have to name that one.
        print_diagnostics(pointing_to_whole(error, weights).diagnostics, arguments.color)
        return 1
    except ArtefactError as error:
        print_diagnostics(error.diagnostics, arguments.color)
        return 1
    except (UnloadedError, OverwriteError, OptionError, MissingPackageError) as error:
        raise Refusal(str(error)) from error
    except FileWriteError as error:
        if error.errno == EPIPE:
            raise BrokenPipeError from error
        raise Refusal(str(error)) from error


def _make(job: Job, origin: Origin, arguments: Namespace) -> int:
    """Make every target, then verify all of them; return the exit code.

    What was made before one fails is described, verified and said all the same.

    Raises:
        WeightsError: the weights do not fit or cannot be read.
        ArtefactError: a format cannot hold the network.
        UnloadedError, OverwriteError, OptionError, MissingPackageError: the command line or the machine is at fault.
        FileWriteError: a file cannot be written.
        Refusal: the file of weights cannot be opened.
    """
    with ExitStack() as stack:
        try:
            weights, comparison = stack.enter_context(weights_of(job))
        except OSError as error:
            raise unreadable(job.weights, error) from error
        _refuse_overwriting(job, origin, comparison)
        products, failure = _produced(job, weights)
        kept = [product for product in products if not is_stream(product.artefact.path)]
        sidecars: tuple[str, ...] = ()
        try:
            sidecars = write_sidecars(job, origin, kept, comparison)
        except FileWriteError as error:
            failure = failure or error
        except OSError as error:
            raise unreadable(job.weights, error) from error
        verifications: Sequence[Verification] = ()
        if arguments.verify and kept:
            with announced("verifying: artefacts are read back and run (--no-verify leaves that out)"):
                verifications = verified(job, kept, weights)
    if products:
        lines = report_lines(job, products, comparison, sidecars, verifications)
        report = "\n".join(visible(line) for line in lines)
        (say if len(kept) < len(products) else print)(report)
    findings = [finding for verification in verifications for finding in verification.findings]
    print_diagnostics(findings, arguments.color)
    if failure is not None:
        raise failure
    return 1 if findings else 0


def _produced(job: Job, weights: WeightSource) -> tuple[list[Product], Exception | None]:
    """What could be made, and what ended it."""
    stored = [target for target in job.targets if target.holds_weights or job.weights]
    meter = ProgressMeter(len(stored) * content_bytes(job.variables))
    products = []
    try:
        for target in job.targets:
            try:
                products.append(produce(job, target, weights, meter.advance))
            except (WeightsError, ArtefactError, OptionError, MissingPackageError, FileWriteError) as error:
                return products, error
    finally:
        meter.close()
    return products, None


def _refuse_overwriting(job: Job, origin: Origin, comparison: Comparison | None) -> None:
    """Nothing that the network is made of may be written over."""
    read = [origin.source.name, *origin.used, *read_for(job, comparison, job.targets[0].options)]
    files = [target.path for target in job.targets if not target.format.folder]
    folders = [target.path for target in job.targets if target.format.folder]
    refuse_overwriting([*files, *(sidecar_path(target.path) for target in job.targets)], folders, read)


def _seed(text: str) -> int:
    """The argument of ``--seed``.

    Raises:
        ArgumentTypeError: it is not an integer from 0 to 2^64 - 1.
    """
    if not _SEED.match(text) or int(text) > LARGEST_SEED:
        raise ArgumentTypeError("must be an integer from 0 to 2^64 - 1")
    return int(text)
