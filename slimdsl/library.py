"""Files and the files that they use, read and parsed once for all compilations that share a `Library`."""

from __future__ import annotations

import os

from slimdsl.diagnostics.diagnostic import Diagnostic, has_errors
from slimdsl.diagnostics.source import Source, Span
from slimdsl.files import project_root
from slimdsl.semantics.items import Items
from slimdsl.semantics.reporter import Reporter
from slimdsl.syntax import tree
from slimdsl.syntax.parser import ParseResult, parse
from slimdsl.values import Value, value

MAX_FILE_BYTES = 2**20


def read_source(path: str) -> tuple[Source, tuple[Diagnostic, ...]]:
    """Read a file; a file that is no text comes back empty, with a diagnostic that says why.

    Raises:
        OSError: the file is missing or cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        empty = Source(path, "")
        message = f"the file is larger than {MAX_FILE_BYTES:,} bytes"
        return empty, (Diagnostic(code="E0190", message=message, span=Span(empty, 0, 0)),)
    try:
        return Source(path, data.decode("utf-8")), ()
    except UnicodeDecodeError as error:
        byte = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        if b"\0" in data:
            empty = Source(path, "")
            return empty, (Diagnostic(code="E0191", message=f"the file is binary: {byte}", span=Span(empty, 0, 0)),)
        # What stands before the first bad byte is shown; it must not be parsed.
        good = Source(path, data[: error.start].decode("utf-8"))
        end = Span(good, len(good.text), len(good.text))
        return good, (Diagnostic(code="E0191", message=f"the file is not UTF-8: {byte}", span=end),)


@value
class Loaded(Value):
    """A file with what it uses.

    Attributes:
        parsed: its tree.
        items: what it defines and uses.
        used: the files that it uses, directly or through others: paths -> texts.
        diagnostics: what was found, in it and in them.
        readable: False where syntax errors or missing files leave parts out.
    """

    parsed: ParseResult
    items: Items
    used: dict[str, Source]
    diagnostics: tuple[Diagnostic, ...]
    readable: bool


class Library:
    """The files that were read so far."""

    def __init__(self) -> None:
        self._files: dict[str, Loaded] = {}

    def load(self, source: Source, read_diagnostics: tuple[Diagnostic, ...] = ()) -> Loaded:
        """Parse a source and everything that it uses."""
        root = project_root(os.path.dirname(os.path.abspath(source.name)))
        return self._load(source, read_diagnostics, root, [os.path.realpath(source.name)])

    def _load(self, source: Source, read_diagnostics: tuple[Diagnostic, ...], root: str, chain: list[str]) -> Loaded:
        unreadable = has_errors(read_diagnostics)
        parsed = parse(Source(source.name, "") if unreadable else source)
        found = list(read_diagnostics if unreadable else parsed.diagnostics)
        broken = has_errors(found)
        used = []
        paths: dict[str, Source] = {}
        for item in parsed.module.items:
            if isinstance(item, tree.UseItem):
                loaded = self._use(item, source, root, chain, found)
                if loaded is not None:
                    used.append(loaded.items)
                    text = loaded.parsed.module.span.source
                    paths[os.path.abspath(text.name)] = text
                    paths.update(loaded.used)
                broken = broken or loaded is None or not loaded.readable
        reporter = Reporter()
        items = Items(parsed.module, used, reporter)
        if not broken:
            found += reporter.diagnostics
        return Loaded(parsed=parsed, items=items, used=paths, diagnostics=tuple(found), readable=not broken)

    def _use(
        self, item: tree.UseItem, source: Source, root: str, chain: list[str], found: list[Diagnostic]
    ) -> Loaded | None:
        """The file that an item uses; None where that was reported."""

        def refuse(code: str, message: str, help: str = "") -> None:
            found.append(Diagnostic(code=code, message=message, span=item.path.span, help=help))

        text = "".join(part for part in item.path.parts if isinstance(part, str))
        if len(item.path.parts) != 1 or not text:
            refuse("E0213", "a file that is used is named by a plain text")
            return None
        path = os.path.join(os.path.dirname(source.name), *text.split("/"))
        real = os.path.realpath(path)
        if os.path.isabs(text) or "\0" in text or os.path.commonpath([root, real]) != root:
            refuse(
                "E0213", f'"{text}" is outside of the project', "files are used by paths within the project's folder"
            )
            return None
        if real in chain:
            refuse("E0214", f'"{text}" uses this file in turn', "put what both need into a third file")
            return None
        if os.path.exists(path) and not os.path.isfile(path):
            # A pipe would be waited for, maybe for ever.
            refuse("E0213", f'"{text}" is no file')
            return None
        if real not in self._files:
            try:
                used, read_diagnostics = read_source(path)
            except OSError as error:
                refuse("E0213", f'"{text}" cannot be read: {error.strerror or error}')
                return None
            self._files[real] = self._load(used, read_diagnostics, root, [*chain, real])
        loaded = self._files[real]
        found += loaded.diagnostics
        return loaded
