"""Write a picture of the network as text for Graphviz: ``dot -Tsvg net.dot -o net.svg``.

Layers are boxes with name, op, shape of the result and number of parameters, in frames for the scopes that hold several
of them; names are shown from the frame that they stand in. Boxes with parameters are blue, merges orange; inputs and
outputs are ovals. The same graph gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterator

from slimdsl.backends.dot.picture import Arrow, Box, Picture, picture_of
from slimdsl.backends.order import Artefact, Order
from slimdsl.diagnostics.display import visible
from slimdsl.files import replace_file, write_all
from slimdsl.ir.graph import Graph
from slimdsl.types import TensorType, shape_text

_WITH_PARAMETERS, _MERGE, _PLAIN, _PORT = "#dbe8f7", "#fbe5cd", "#ffffff", "#e6e6e6"


def write(order: Order) -> Artefact:
    """Write the picture.

    Raises:
        FileWriteError: the file cannot be written.
    """
    picture = picture_of(order.graph)
    content = _text(picture).encode()
    with replace_file(order.path) as descriptor:
        write_all(descriptor, content)
    return Artefact(
        path=order.path,
        kind="picture for Graphviz",
        size=len(content),
        nodes=len(picture.boxes),
        inputs={name: f"input {name}" for name, _ in picture.inputs},
        outputs={name: f"output {name}" for name, _ in picture.outputs},
        facts=(("draw it", f"dot -Tsvg {order.path} -o {order.path.removesuffix('.dot')}.svg"),),
    )


def dot_text(graph: Graph) -> str:
    """The text of a graph's picture."""
    return _text(picture_of(graph))


class Frame:
    """A scope, with the boxes and scopes that stand in it, in the order of the first of each."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.frames: dict[str, Frame] = {}
        self.entries: list[Frame | int] = []
        self.count = 0

    def add(self, path: str, place: int) -> None:
        """Put a box into the scopes that its path names."""
        frame = self
        frame.count += 1
        for part in path.split("/")[:-1]:
            inner = frame.frames.get(part)
            if inner is None:
                inner = Frame(f"{frame.path}/{part}" if frame.path else part)
                frame.frames[part] = inner
                frame.entries.append(inner)
            frame = inner
            frame.count += 1
        frame.entries.append(place)


def _text(picture: Picture) -> str:
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    names = _names(picture)
    title = f"{picture.name}{' (training)' if picture.training else ''}: {picture.parameters:,} parameters"
    yield f"digraph {_quoted(picture.name)} {{"
    yield f'  graph [label={_quoted(title)}, labelloc=t, fontname="Helvetica", fontsize=14, nodesep=0.3, ranksep=0.35];'
    yield '  node [shape=box, style="filled,rounded", fontname="Helvetica", fontsize=10, margin="0.12,0.06"];'
    yield '  edge [arrowsize=0.6, color="#606060", fontname="Helvetica", fontsize=9];'
    for place, (name, type) in enumerate(picture.inputs):
        yield f"  {_quoted(names[place])} {_port(name, type)};"
    root = Frame("")
    for place, box in enumerate(picture.boxes):
        root.add(box.path, place)
    yield from _frame_lines(picture, names, root, "", "  ")
    first_output = len(picture.inputs) + len(picture.boxes)
    for place, (name, type) in enumerate(picture.outputs, first_output):
        yield f"  {_quoted(names[place])} {_port(name, type)};"
    for arrow in picture.arrows:
        yield f"  {_arrow(arrow, names)};"
    yield "}"


def _frame_lines(picture: Picture, names: list[str], frame: Frame, shown: str, indent: str) -> Iterator[str]:
    """The boxes of a scope; `shown` is the path of the frame that they stand in."""
    for entry in frame.entries:
        if isinstance(entry, int):
            box = picture.boxes[entry]
            yield f"{indent}{_quoted(names[len(picture.inputs) + entry])} {_box(box, shown)};"
        elif 1 < entry.count < len(picture.boxes):
            yield f"{indent}subgraph {_quoted(f'cluster {entry.path}')} {{"
            label = _quoted(_below(entry.path, shown))
            yield f'{indent}  label={label}; labeljust=l; fontsize=11; style=rounded; color="#b0b0b0";'
            yield from _frame_lines(picture, names, entry, entry.path, indent + "  ")
            yield f"{indent}}}"
        else:
            # A frame around one box, or around all of them, would say nothing; and the name of the latter neither.
            whole = entry.count == len(picture.boxes) > 1
            yield from _frame_lines(picture, names, entry, entry.path if whole else shown, indent)


def _box(box: Box, shown: str) -> str:
    lines = [_below(box.path, shown), f"{box.op} {box.detail}".rstrip(), shape_text(box.result.shape)]
    if lines[0].rpartition("/")[2].lower() == lines[1].lower():
        # Layers that nobody named are called after their op.
        del lines[1]
    if box.parameters:
        lines.append(f"{box.parameters:,} parameters")
    colour = _WITH_PARAMETERS if box.parameters else _MERGE if box.merges else _PLAIN
    return f'[label={_label(lines)}, fillcolor="{colour}"]'


def _port(name: str, type: TensorType) -> str:
    return f'[label={_label([name, str(type)])}, shape=oval, style=filled, fillcolor="{_PORT}"]'


def _arrow(arrow: Arrow, names: list[str]) -> str:
    attributes = [f"label={_quoted(arrow.label)}"] if arrow.label else []
    if arrow.shares:
        attributes += ["style=dashed", "constraint=false"]
    ends = f"{_quoted(names[arrow.source])} -> {_quoted(names[arrow.target])}"
    return f"{ends} [{', '.join(attributes)}]" if attributes else ends


def _names(picture: Picture) -> list[str]:
    """What inputs, boxes and outputs are called in the text; no two of them alike."""
    wanted = [
        *(f"input {name}" for name, _ in picture.inputs),
        *(box.path for box in picture.boxes),
        *(f"output {name}" for name, _ in picture.outputs),
    ]
    taken: set[str] = set()
    names = []
    for name in wanted:
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name} ({number})"
        taken.add(unique)
        names.append(unique)
    return names


def _below(path: str, shown: str) -> str:
    """A path from the frame that it is read in."""
    return path.removeprefix(f"{shown}/") if shown else path


def _label(lines: list[str]) -> str:
    return '"' + "\\n".join(_escaped(line) for line in lines) + '"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """A text within quotes: Graphviz takes a backslash for the beginning of a word of its own."""
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')
