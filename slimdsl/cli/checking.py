"""Checking files by compiling them; apart from the command, which often gets by without."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from slimdsl.cli.loading import open_compilation
from slimdsl.cli.refusal import Unreadable
from slimdsl.diagnostics.diagnostic import Diagnostic, sort_diagnostics
from slimdsl.known_clean import KnownClean
from slimdsl.library import Library


def check_files(
    paths: Sequence[str], arguments: Namespace, known: KnownClean | None, refused: list[Unreadable]
) -> tuple[int, list[Diagnostic]]:
    """The number of nets that were checked, and what was found; what is clean is remembered.

    Args:
        paths: the files.
        arguments: the command line.
        known: where to remember what is clean.
        refused: gets the files that cannot be read.

    Raises:
        Refusal: a file has no such net or parameter.
    """
    library = Library()
    nets = 0
    found: list[Diagnostic] = []
    for path in paths:
        try:
            compilation = open_compilation(path, arguments, training=arguments.training, library=library)
        except Unreadable as refusal:
            refused.append(refusal)
            continue
        found += compilation.diagnostics
        checked = len(compilation.checked_names)
        nets += checked
        if known is not None and not compilation.diagnostics:
            known.remember(path, compilation.used_files, checked)
    if known is not None:
        known.save()
    # A file that several use is read once, and what is wrong with it is said once.
    return nets, list(sort_diagnostics(found))
