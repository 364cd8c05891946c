"""Opening a network for a command: the file is read and compiled, and what stands in the way is printed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from slimdsl.cli.options import definitions
from slimdsl.cli.refusal import Refusal, unreadable
from slimdsl.cli.report import print_diagnostics
from slimdsl.compiler import Compilation, UsageError, read_source
from slimdsl.diagnostics.diagnostic import Diagnostic, Severity
from slimdsl.ir.graph import Graph
from slimdsl.library import Library


def open_compilation(
    path: str, arguments: Namespace, *, training: bool = False, library: Library | None = None
) -> Compilation:
    """Read a file and compile what `-D` and `--net` ask for; its diagnostics are there afterwards.

    Raises:
        Unreadable: the file cannot be read.
        Refusal: it has no such net or parameter, or a value for one is wrong.
    """
    try:
        source, found = read_source(path)
        compilation = Compilation(
            source,
            net=arguments.net,
            parameters=definitions(arguments),
            training=training,
            read_diagnostics=found,
            library=library,
        )
        # The phases are lazy; a net that does not exist is noticed when they run.
        _refuse_wrong_values(path, compilation.diagnostics, arguments)
    except OSError as error:
        raise unreadable(path, error) from error
    except UsageError as error:
        raise Refusal(f"{path}: {error}") from error
    return compilation


def open_graph(path: str, arguments: Namespace, *, training: bool = False) -> Graph | None:
    """The graph of a file's net; None where there are errors, which are printed, as warnings are.

    Raises:
        Refusal: as `open_compilation`, or the file has several nets and none was chosen.
    """
    return graph_of(open_compilation(path, arguments, training=training), path, arguments)


def _refuse_wrong_values(path: str, diagnostics: Sequence[Diagnostic], arguments: Namespace) -> None:
    """A value of -D that cannot be computed is wrong usage, as one that cannot be read: the file is not at fault."""
    texts = {f"-D {name}" for name in definitions(arguments)}
    for found in diagnostics:
        if found.severity is Severity.ERROR and found.span is not None and found.span.source.name in texts:
            name = found.span.source.name.removeprefix("-D ")
            raise Refusal(f"{path}: the value of the parameter `{name}` is wrong: {found.message}")


def graph_of(compilation: Compilation, path: str, arguments: Namespace) -> Graph | None:
    """The graph of what `open_compilation` gave; all else as in `open_graph`."""
    print_diagnostics(compilation.diagnostics, arguments.color)
    try:
        return compilation.graph
    except UsageError as error:
        raise Refusal(f"{path}: {error}") from error
