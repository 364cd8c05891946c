"""The codes of warnings: what is allowed and probably not meant."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "W0601",
        "output-from-with",
        "an output gets its activation or its normaliser from a `with`",
        """The layer that makes an output does not say itself which activation (or norm) it has: it comes from a `with` further up. This
is how a ReLU leaks into the logits, and a network trains and stays bad.

    with fc: activation=relu
    fc(10) as logits             # warning
    fc(10, activation=none) as logits
""",
    ),
    Code(
        "W0602",
        "undecided-assertion",
        "the assertion cannot be decided",
        """What is asserted depends on sizes that are not known, so it was not checked.
""",
    ),
)
