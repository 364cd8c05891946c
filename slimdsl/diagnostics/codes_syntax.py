"""The codes of what is found while a text is read: characters, brackets, words, statements."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0101",
        "bad-character",
        "a character has no meaning",
        """Outside of strings and comments the language uses letters a to z, digits, blanks, tabs and the marks of its
grammar. Signs from a word processor or from a paper look alike and are others: `×` for `x`, `–` for `-`, `“` for `"`.

    conv(64, 3×3)      # wrong
    conv(64, 3x3)      # right

Names are made of the letters a to z, digits and `_`, because they become names of TensorFlow's variables.
""",  # noqa: RUF001
    ),
    Code(
        "E0102",
        "bad-string",
        "a string is not closed, or stands in single quotes",
        """A string stands in double quotes and ends on the line it begins on. A line break in it is written `\\n`, a
double quote `\\"`.

    assert params() < 5M, 'too big'     # wrong
    assert params() < 5M, "too big"     # right
""",
    ),
    Code(
        "E0103",
        "bad-number",
        "a number is malformed or too large",
        """Integers are decimal, of at most 18 digits, and may end with K, M or G (a thousand, a million, a billion).
Floats have a digit on both sides of the point: `0.5`, not `.5`, because `1..n` is a range. A kernel is two or three
sizes joined by `x`.

    let limit = 1_500_000     # wrong
    let limit = 1500K         # right
""",
    ),
    Code(
        "E0105",
        "unclosed-bracket",
        "a bracket is never closed",
        """A `(`, `[` or `{` has no partner. Parentheses and brackets end at the latest where the next statement begins
with a reserved word, or where a brace opens or closes. Of several open braces the indentation tells which one was
forgotten.

    net f {
      if wide {
        conv(64)      # wrong: this line is followed by one that is indented less, and no `}`
      relu
    }
""",
    ),
    Code(
        "E0106",
        "stray-bracket",
        "a bracket closes nothing",
        """A `)`, `]` or `}` has no partner before it. Often one was deleted too few, or a `}` further up already closed
what this one was meant for.

    conv(64, 3x3))     # wrong
    conv(64, 3x3)      # right
""",
    ),
    Code(
        "E0107",
        "unexpected",
        "something else is expected here",
        """The text up to this place makes sense, and what comes next does not continue it. The message says what
would. The statement is left out, and reading goes on after it.

    let width =            # wrong: a value is expected
    let width = 64         # right
""",
    ),
    Code(
        "E0108",
        "misspelt-word",
        "a word looks like a misspelt one",
        """What stands here is no statement as it is written, and would be one if a word in it were spelt otherwise.
Words of other languages are recognised too: `elif`, `import`, `while`.

    repaet 3 conv(64)     # wrong
    repeat 3 conv(64)     # right
""",
    ),
    Code(
        "E0109",
        "missing-comma",
        "a comma is missing",
        """Two values, names or parameters stand side by side where a comma belongs between them. A comma after the
last one is allowed.

    conv(64 3x3)      # wrong
    conv(64, 3x3)     # right
""",
    ),
    Code(
        "E0110",
        "reserved-word",
        "a reserved word cannot be a name",
        """The words of the grammar cannot name nets, parameters or tensors: and, as, assert, block, else, false, for,
from, head, if, in, input, let, net, none, not, or, output, repeat, stack, train, true, use, with. After `as` they can:
a scope is no name.

    let input = 224      # wrong
    let size = 224       # right
""",
    ),
    Code(
        "E0111",
        "second-statement",
        "two statements stand on one line",
        """A statement ends with its line; only braces may stand around it on the same line. A chain of layers is
written with `->`.

    conv(64) relu                       # wrong
    conv(64) -> relu                    # right
    if wide { conv(64) } else { relu }  # right
""",
    ),
    Code(
        "E0112",
        "wrong-mark",
        "another mark is meant",
        """`=` gives a value, `==` compares, `:` stands after an input's name, a parameter's name and the layers of
`with`. A value gets a name with `let`.

    with conv = stride=2      # wrong
    with conv: stride=2       # right
    width = 64                # wrong
    let width = 64            # right
""",
    ),
    Code(
        "E0113",
        "misplaced",
        "a statement stands where it cannot",
        """Nets, blocks, `train` and `use` stand at the top of a file, the layers and statements of a network in the
braces of a `net` or a `block`; `train` holds inputs, directives and settings. `else` follows an `if`, and `slim 1` is
the first line. Where many statements stand outside of every net, a `}` further up closes it too early.

    conv(64)                  # wrong
    net f { conv(64) }        # right
""",
    ),
    Code(
        "E0114",
        "too-deep",
        "something is nested too deep",
        """Brackets, expressions and statements are nested at most 100 deep. A chain such as `1 + 1 + 1` nests once for
each operator, a chain of `else if` once for each `if`. Long sums are written `sum([...])`, repeated layers with
`repeat` or `for`, and long choices as a list with an index.
""",
    ),
    Code(
        "E0115",
        "too-many-tokens",
        "the file is too long",
        """A file has at most 100,000 tokens, comments not counted. Written-out networks of any size fit; a file that
does not is mostly one that a program wrote. Use `repeat` and `for`, or put blocks into files of their own and name them
with `use`.
""",
    ),
    Code(
        "E0116",
        "bad-interpolation",
        "a string or a scope has a malformed piece",
        """In strings and after `as`, an expression in braces stands for its value. In strings `\\{` and `\\}` are
braces, and `\\"`, `\\\\`, `\\n`, `\\t` a quote, a backslash, a line break and a tab; there are no other escapes.

    assert n > 1, "n is {}"       # wrong
    assert n > 1, "n is {n}"      # right
""",
    ),
    Code(
        "E0117",
        "not-text",
        "the file is not text",
        """The file holds a NUL character, as binary files do and texts never. Perhaps it is the compiled graph and not
its source. A text in UTF-16 looks like this too: save it as UTF-8.
""",
    ),
    Code(
        "E0118",
        "chained-operators",
        "comparisons and ranges do not chain",
        """A comparison has two sides, and a range two ends.

    assert 0 < n < 10              # wrong
    assert 0 < n and n < 10        # right
""",
    ),
    Code(
        "E0119",
        "too-many-errors",
        "there are more errors than are shown",
        """After 50 errors reading stops. So many have one cause most of the time: the file is not of this language, or
was damaged. Put the first ones right and look again.
""",
    ),
)
