"""Diagnostics to render: one list for each golden file, made by hand so that no phase of the compiler is involved."""

from __future__ import annotations

from slimdsl.diagnostics.catalogue import Code
from slimdsl.diagnostics.diagnostic import Diagnostic, Edit, Frame, Label
from slimdsl.diagnostics.source import Source, Span

RESNET = Source(
    "models/resnet.slim",
    """\
slim 1

block bottleneck(depth) {
  if channels(it) == depth { subsample(stride) as shortcut }
  else { conv(256, 1x1, stride=stride) as shortcut }
  add {
    branch {
      conv(base, 3x3) as conv2
      conv(depth, 1x1, activation=none) as conv3
    }
  }
}
""",
)
BLOCKS = Source("blocks/a, b: 50%.slim", "let depth = 64\n")
ODD = Source("models/odd.slim", "\tconv(64,\t3x3) as 全角層 # e\u0301\n\x1b[31mred\x1b[0m \u202eevil\xa0space\r\nlast")
LONG = Source("models/long.slim", f"{'a' * 500} conv(1) {'b' * 500} fc(2)\n")

CODES = {
    code: Code(code, f"name-of-{code.lower()}", f"Title of {code}", f"Explanation of `{code}`.\n\n    example\n")
    for code in ("E0102", "E0201", "E0402", "E0505", "W0601")
}


def span(source: Source, text: str, nth: int = 0) -> Span:
    """The nth place where a source has this text."""
    start = -1
    for _ in range(nth + 1):
        start = source.text.index(text, start + 1)
    return Span(source, start, start + len(text))


SHAPES = Diagnostic(
    code="E0402",
    message="add: branch 2 is [N, 28, 28, 512], branch 1 is [N, 28, 28, 256]",
    span=span(RESNET, "conv(depth, 1x1, activation=none)"),
    label="512 channels",
    labels=(Label(span(RESNET, "conv(256, 1x1, stride=stride)"), "256 channels come from here"),),
    chain=(
        Frame("in repeat 3 of block1", span(RESNET, "branch {")),
        Frame("called from block bottleneck", span(BLOCKS, "64")),
    ),
    help="give `shortcut` `depth` channels",
)
FIXABLE = Diagnostic(
    code="E0201",
    message="there is no layer `conw`",
    span=span(RESNET, "conv(base, 3x3)"),
    fix=(Edit(span(RESNET, "conv", 1), "conv"), Edit(span(RESNET, " as conv2"), ""), Edit(Span(RESNET, 6, 6), "\n")),
)
WARNING = Diagnostic(code="W0601", message="a default leaks into the logits", span=span(BLOCKS, "depth"))
NOWHERE = Diagnostic(code="E0505", message="weights.npz: 100% broken\nbadly", span=None, help="save it\nonce more")

CASES: dict[str, list[Diagnostic]] = {
    "nothing": [],
    "labels_in_two_lines": [SHAPES],
    "several_with_summary": [SHAPES, FIXABLE, WARNING, NOWHERE],
    "several_labels_on_one_line": [
        Diagnostic(
            code="E0402",
            message="too many",
            span=span(RESNET, "1x1", 1),
            label="this one",
            labels=(
                Label(span(RESNET, "depth", 2), "first"),
                Label(span(RESNET, "activation=none"), "last"),
                Label(span(RESNET, "conv(depth, 1x1, activation=none)"), "all of it"),
                Label(span(BLOCKS, "64"), "from another file"),
            ),
        )
    ],
    "long_span": [
        Diagnostic(code="E0102", message="never closed", span=span(RESNET, RESNET.text[8:-1]), label="this block"),
    ],
    "short_span": [
        Diagnostic(
            code="E0102", message="three lines", span=span(RESNET, "add {\n    branch {\n      conv"), label="all three"
        ),
    ],
    "tabs_and_wide_characters": [
        Diagnostic(
            code="E0102",
            message="odd text",
            span=span(ODD, "全角層"),
            label="wide",
            labels=(Label(span(ODD, "3x3"), "after two tabs"), Label(span(ODD, "e\u0301"), "combined")),
        )
    ],
    "control_characters": [
        Diagnostic(code="E0102", message="an \x1b[2J escape", span=span(ODD, "evil\xa0space"), label="in \x07 line"),
    ],
    "end_of_file": [
        Diagnostic(code="E0102", message="the file ends here", span=Span(ODD, len(ODD.text), len(ODD.text)))
    ],
    "very_long_line": [
        Diagnostic(
            code="E0102",
            message="far right",
            span=span(LONG, "conv(1)"),
            label="here",
            labels=(Label(span(LONG, "fc(2)"), "farther"), Label(Span(LONG, 0, 3), "far left")),
        )
    ],
}
