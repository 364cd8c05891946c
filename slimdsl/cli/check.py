"""`slimdsl check`: find what is wrong in files and folders."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from slimdsl.cli.discover import find_sources
from slimdsl.cli.options import add_colour_option, add_net_options, definitions
from slimdsl.cli.refusal import Unreadable
from slimdsl.cli.report import plural, wants_colour
from slimdsl.cli.streams import say
from slimdsl.diagnostics.diagnostic import Diagnostic, Severity
from slimdsl.diagnostics.display import visible
from slimdsl.known_clean import KnownClean, default_folder
from slimdsl.version import __version__

FORMATS = ("text", "json", "github", "sarif")


def configure(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Check every net of every file. "
        "Under GitHub Actions the text output also carries annotations for the pull request."
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", help="files and folders; the current folder where none is given"
    )
    parser.add_argument("--output-format", choices=FORMATS, default="text", help="how to write what is found (text)")
    parser.add_argument("--training", action="store_true", help="check the training graph")
    parser.add_argument(
        "--no-cache", action="store_true", help="compile every file, also those that were found clean before"
    )
    parser.add_argument("--quiet", action="store_true", help="print only what is found, no closing line")
    add_net_options(parser)
    add_colour_option(parser)


def run(arguments: Namespace) -> int:
    """Check, print what was found to standard output, and return 1 where there are errors.

    Raises:
        Refusal: the files or folders make no sense, or some cannot be read; then what the others have is printed.
    """
    refused: list[Unreadable] = []
    paths = find_sources(arguments.paths, refused)
    folder = None if arguments.no_cache else default_folder()
    options = f"{arguments.training} {arguments.net} {sorted(definitions(arguments).items())}"
    known = KnownClean(folder, options) if folder is not None else None
    before = {path: known.nets(path) for path in paths} if known is not None else {}
    nets = sum(count for count in before.values() if count is not None)
    diagnostics: list[Diagnostic] = []
    unreadable_folders = len(refused)
    unknown = [path for path in paths if before.get(path) is None]
    if unknown:
        # Loaded only where a file has to be compiled: where nothing has changed, this is most of the time.
        from slimdsl.cli.checking import check_files

        checked, diagnostics = check_files(unknown, arguments, known, refused)
        nets += checked
    if arguments.output_format == "text":
        count = len(paths) - (len(refused) - unreadable_folders)
        _print_text(diagnostics, arguments, f"checked {plural(count, 'file')}, {plural(nets, 'net')}: ")
    else:
        print(_render(diagnostics, arguments.output_format), end="")
    if refused:
        sys.stdout.flush()
        *others, last = refused
        for refusal in others:
            say(f"slimdsl: {visible(str(refusal))}")
        raise last
    return 1 if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics) else 0


def _print_text(diagnostics: Sequence[Diagnostic], arguments: Namespace, checked: str) -> None:
    counted = "no errors"
    if diagnostics:
        # Loaded only where something was found: a clean run, the usual one, has no use for it.
        from slimdsl.diagnostics.render_text import render, summary_line

        print(render(diagnostics, colour=wants_colour(arguments.color, sys.stdout)), end="")
        if os.environ.get("GITHUB_ACTIONS") == "true":
            print(_render(diagnostics, "github"), end="")
        counted = summary_line(diagnostics)
    if not arguments.quiet:
        print(f"{checked}{counted}")


def _render(diagnostics: Sequence[Diagnostic], output_format: str) -> str:
    """The diagnostics in a format for programs; the renderers are loaded only where they are asked for."""
    from slimdsl.diagnostics.codes import BY_CODE

    if output_format == "json":
        from slimdsl.diagnostics import render_json

        return render_json.render(diagnostics, BY_CODE)
    if output_format == "github":
        from slimdsl.diagnostics import render_github

        return render_github.render(diagnostics, BY_CODE, root=os.environ.get("GITHUB_WORKSPACE", ""))
    from slimdsl.diagnostics import render_sarif

    return render_sarif.render(diagnostics, BY_CODE, version=__version__, root=os.getcwd())
