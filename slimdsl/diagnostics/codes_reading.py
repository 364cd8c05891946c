"""The codes of what is found while a file is read, before there is any text to parse."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0190",
        "file-too-large",
        "the file is too large",
        """A source file may have 1,048,576 bytes. A network of that size is a file that a program wrote, or no network at all. What
repeats is written once: with `repeat`, `stack`, or a net with parameters.
""",
    ),
    Code(
        "E0191",
        "not-a-text",
        "the file is not UTF-8 text",
        """The file has bytes that are no UTF-8, and is not parsed. Often it is a compiled graph or a checkpoint that was given in
place of its source, or a text that was saved in another encoding: save it as UTF-8.
""",
    ),
)
