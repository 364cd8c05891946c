"""The codes of values: what cannot be worked out, and what does not suit an argument."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0301",
        "cannot-be-computed",
        "the expression cannot be worked out",
        """An operator or a function was given something it has no result for: a division by zero, an index outside its list, a result
beyond 64 bits, a list of more than 100,000 entries.

    let share = 64 / (4 - 4)     # error: division by zero: 64 / 0
""",
    ),
    Code(
        "E0302",
        "wrong-kind",
        "the value does not suit",
        """An argument, a condition or a part of a text got a value of the wrong kind, or one out of its range. The message says what
is wanted and what was found.

    conv(64, "3x3")              # error: `kernel` of `conv` must be a window such as `3x3` …
    dropout(keep_prob=2)         # error: `keep_prob` of `dropout` must be at most 1, not 2
""",
    ),
    Code(
        "E0303",
        "wrong-arguments",
        "an argument is missing, doubled or too many",
        """A call has too many arguments, the same one twice, or lacks one that has no default; or an argument by position follows one
by name.

    conv(3x3)                    # error: `filters` of `conv` must be an integer …
    conv(64)                     # error: `conv` needs `kernel`
""",
    ),
    Code(
        "E0304",
        "undecided-condition",
        "the condition depends on sizes that are not known",
        """Which way to go must be certain when the network is compiled, and this depends on a symbolic size such as the batch `N`.
Give the input a number for it, or ask for something that is known.
""",
    ),
    Code(
        "E0305",
        "limit-exceeded",
        "the network is larger than the compiler takes on",
        """Repeats, statements and nodes are counted while the nets of a file unfold, so that a typing error fills neither the memory nor
the day: 10,000 rounds of one `repeat`, 60 calls of blocks and functions within each other, and in all nets of a file together
50,000 statements, rounds and calls, 60,000 nodes, and 1,000,000 entries of lists that operators and functions go over.
""",
    ),
    Code(
        "E0306",
        "assertion-failed",
        "a promise of the file is broken",
        """An `assert` is false. Both sides of a comparison are shown with their numbers.

    assert params() < 140M, "too big for the phone"
""",
    ),
)
