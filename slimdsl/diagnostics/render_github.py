"""Diagnostics as the workflow commands that GitHub Actions turns into annotations of a pull request."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from slimdsl.diagnostics.catalogue import Code
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.display import visible
from slimdsl.diagnostics.source import Span


def render(diagnostics: Iterable[Diagnostic], codes: Mapping[str, Code], *, root: str = "") -> str:
    """One line for each diagnostic.

    Args:
        diagnostics: what was found.
        codes: each code with its documentation.
        root: the folder of the repository, to which GitHub takes paths as relative; "" for the current one.
    """
    return "".join(f"{_command(diagnostic, codes, root)}\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic, codes: Mapping[str, Code], root: str) -> str:
    properties = {**_place(diagnostic, root), "title": f"{diagnostic.code} {codes[diagnostic.code].name}"}
    written = ",".join(f"{key}={_escape_property(text)}" for key, text in properties.items())
    return f"::{diagnostic.severity.value} {written}::{_escape(_message(diagnostic))}"


def _place(diagnostic: Diagnostic, root: str) -> dict[str, str]:
    """File, lines and columns; GitHub takes columns only where both are in one line."""
    if diagnostic.span is None:
        return {}
    source = diagnostic.span.source
    line, column = source.line_column(diagnostic.span.start)
    end_line, end_column = source.line_column(diagnostic.span.end)
    place = {"file": _path(source.name, root).replace("\\", "/"), "line": str(line), "endLine": str(end_line)}
    if line == end_line:
        place |= {"col": str(column), "endColumn": str(end_column)}
    return place


def _path(name: str, root: str) -> str:
    """The path from the repository's folder; as it is where the file is not in it."""
    if not root:
        return name
    # The folder may be reached by a link, and so may the current one; a file that is a link itself stays one.
    folder, file = os.path.split(os.path.abspath(name))
    root, folder = os.path.realpath(root), os.path.realpath(folder)
    if not os.path.join(folder, "").startswith(os.path.join(root, "")):
        return name
    return os.path.relpath(os.path.join(folder, file), root)


def _message(diagnostic: Diagnostic) -> str:
    lines = [visible(diagnostic.message)]
    if diagnostic.label:
        lines[0] += f" ({visible(diagnostic.label)})"
    lines += [f"{_line(label.span)}: {visible(label.message)}" for label in diagnostic.labels]
    lines += [f"{visible(frame.message)} ({_line(frame.span)})" for frame in diagnostic.chain]
    if diagnostic.help:
        lines.append(f"help: {visible(diagnostic.help)}")
    return "\n".join(lines)


def _line(span: Span) -> str:
    return f"{visible(span.source.name)}:{span.source.line_column(span.start)[0]}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
