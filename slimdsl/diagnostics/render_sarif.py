"""Diagnostics as a SARIF 2.1.0 log (OASIS, Static Analysis Results Interchange Format), for code scanning services.

Columns count Unicode code points. Paths below the root are relative to it, as the services want them; others are
absolute `file:` URIs. The rules are those that occur, in the order of their codes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from slimdsl.diagnostics.catalogue import Code
from slimdsl.diagnostics.diagnostic import Diagnostic, Edit, Severity
from slimdsl.diagnostics.source import Source, Span

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(diagnostics: Sequence[Diagnostic], codes: Mapping[str, Code], *, version: str, root: str) -> str:
    """One SARIF log with one run.

    Args:
        diagnostics: what was found.
        codes: the documentation of each code.
        version: of slimdsl.
        root: the folder, as an absolute path, that relative URIs are relative to.
    """
    found = sorted({diagnostic.code for diagnostic in diagnostics})
    driver = {"name": "slimdsl", "version": version, "rules": [_rule(codes[code]) for code in found]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(diagnostic, found.index(diagnostic.code), root) for diagnostic in diagnostics],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: Code) -> dict[str, object]:
    level = "warning" if code.code.startswith("W") else "error"
    return {
        "id": code.code,
        "name": code.name,
        "shortDescription": {"text": code.title},
        "help": {"text": code.explanation, "markdown": code.explanation},
        "defaultConfiguration": {"level": level},
    }


def _result(diagnostic: Diagnostic, rule_index: int, root: str) -> dict[str, object]:
    text = f"{diagnostic.message}\nhelp: {diagnostic.help}" if diagnostic.help else diagnostic.message
    result: dict[str, object] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule_index,
        "level": "error" if diagnostic.severity is Severity.ERROR else "warning",
        "message": {"text": text},
    }
    if diagnostic.span:
        location: dict[str, object] = {"physicalLocation": _physical(diagnostic.span, root)}
        if diagnostic.label:
            location["message"] = {"text": diagnostic.label}
        result["locations"] = [location]
    related = [(label.span, label.message) for label in diagnostic.labels]
    related += [(frame.span, frame.message) for frame in diagnostic.chain]
    if related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _physical(span, root), "message": {"text": message}}
            for number, (span, message) in enumerate(related, 1)
        ]
    if diagnostic.fix:
        result["fixes"] = [_fix(diagnostic, root)]
    return result


def _physical(span: Span, root: str) -> dict[str, object]:
    return {"artifactLocation": _artifact(span.source, root), "region": _region(span)}


def _artifact(source: Source, root: str) -> dict[str, object]:
    relative = os.path.relpath(os.path.join(root, source.name), root).replace(os.sep, "/")
    if relative == ".." or relative.startswith("../"):
        path = os.path.abspath(os.path.join(root, source.name)).replace(os.sep, "/")
        return {"uri": f"file://{'' if path.startswith('/') else '/'}{quote(os.fsencode(path), safe='/:')}"}
    return {"uri": quote(os.fsencode(relative)), "uriBaseId": "%SRCROOT%"}


def _region(span: Span) -> dict[str, int]:
    line, column = span.source.line_column(span.start)
    end_line, end_column = span.source.line_column(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _fix(diagnostic: Diagnostic, root: str) -> dict[str, object]:
    """The edits as one fix, grouped by file; a deletion has no inserted content."""
    by_source: dict[Source, list[Edit]] = {}
    for edit in diagnostic.fix:
        by_source.setdefault(edit.span.source, []).append(edit)
    changes = [
        {"artifactLocation": _artifact(source, root), "replacements": [_replacement(edit) for edit in edits]}
        for source, edits in by_source.items()
    ]
    description = diagnostic.help or diagnostic.message
    return {"description": {"text": description}, "artifactChanges": changes}


def _replacement(edit: Edit) -> dict[str, object]:
    replacement: dict[str, object] = {"deletedRegion": _region(edit.span)}
    if edit.text:
        replacement["insertedContent"] = {"text": edit.text}
    return replacement
