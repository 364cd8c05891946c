"""The tree: what was written, as frozen values with spans. It holds no meaning and never changes.

Node names are the rule names of `grammar/slim.lark` in CamelCase. `span` takes no part in equality, so that two texts
that differ in layout alone have equal trees.
"""

from __future__ import annotations

from typing import Union

from slimdsl.diagnostics.source import Span
from slimdsl.values import Value, field, fields, value


@value
class Node(Value):
    """Base of all nodes."""

    span: Span = field(compare=False, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and _outline(self) == _outline(other)

    def __hash__(self) -> int:
        return hash(tuple(_outline(self)))


def _outline(node: Node) -> list[object]:
    """All that a node consists of, in a fixed order, as one flat list.

    Comparing nodes by their parts' equality would recurse once for each level, and Python's stack is not deep enough
    for the deepest text that is allowed.
    """
    outline: list[object] = []
    waiting: list[object] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Node):
            outline.append(type(part))
            waiting.extend(getattr(part, f.name) for f in fields(part) if f.compare)
        elif isinstance(part, tuple):
            outline.append(len(part))
            waiting.extend(part)
        else:
            outline.append(part)
    return outline


# Expressions


@value
class IntLit(Node):
    """``64``, ``140M`` (suffixes K, M, G are powers of 1000)."""

    value: int


@value
class FloatLit(Node):
    """``0.5``, ``1e-5``."""

    value: float


@value
class BoolLit(Node):
    """``true`` or ``false``."""

    value: bool


@value
class NoneLit(Node):
    """``none``."""


@value
class KernelLit(Node):
    """``3x3``, ``3x3x3``: the extent of a window on each spatial axis."""

    sizes: tuple[int, ...]


@value
class StringLit(Node):
    """``"text {expr}"``: literal pieces and interpolated expressions in order."""

    parts: tuple[Union[str, Expr], ...]


@value
class NameExpr(Node):
    """A name."""

    name: str


@value
class ListExpr(Node):
    """``[a, b]``."""

    items: tuple[Expr, ...]


@value
class TupleExpr(Node):
    """``(a, b)``."""

    items: tuple[Expr, ...]


@value
class Argument(Node):
    """One argument of a call: by position where `name` is None."""

    name: str | None
    value: Expr


@value
class CallExpr(Node):
    """``f(a, key=b)``."""

    callee: Expr
    arguments: tuple[Argument, ...]


@value
class IndexExpr(Node):
    """``xs[i]``."""

    subject: Expr
    index: Expr


@value
class UnaryExpr(Node):
    """``-x``, ``not x``."""

    operator: str
    operand: Expr


@value
class BinaryExpr(Node):
    """Two operands and one of ``+ - * / // % ** == != < <= > >= and or in ..``."""

    operator: str
    left: Expr
    right: Expr


@value
class ConditionalExpr(Node):
    """``a if condition else b``."""

    condition: Expr
    chosen: Expr
    otherwise: Expr


@value
class PipelineExpr(Node):
    """``x -> conv(64, 1x1) as a -> relu``."""

    subject: Expr
    stages: tuple[Stage, ...]


Expr = Union[
    IntLit, FloatLit, BoolLit, NoneLit, KernelLit, StringLit, NameExpr, ListExpr, TupleExpr, CallExpr, IndexExpr,
    UnaryExpr, BinaryExpr, ConditionalExpr, PipelineExpr,
]  # fmt: skip


# Statements


@value
class ScopePath(Node):
    """The text after ``as``: literal pieces and interpolated expressions; `text` is what was written."""

    text: str
    parts: tuple[Union[str, Expr], ...]


@value
class Stage(Node):
    """``conv(64, 3x3) as c``: a layer, a block, a merge or a tensor by its name; `name_span` is the name's own place.

    `arguments` is None where no parentheses were written; `sharing` is the scope whose variables are used.
    """

    name: str
    name_span: Span = field(compare=False, repr=False)
    arguments: tuple[Argument, ...] | None
    scope: ScopePath | None
    sharing: ScopePath | None = None


@value
class Body(Node):
    """``{ … }``."""

    statements: tuple[Stmt, ...]


@value
class InputStmt(Node):
    """``input images: float32[N, 224, 224, 3]``."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    dtype: str
    dtype_span: Span = field(compare=False, repr=False)
    dims: tuple[Expr, ...]


@value
class FlowStmt(Node):
    """One or more stages that the current tensor flows through; a body makes the last one a merge or a branch."""

    stages: tuple[Stage, ...]
    body: Body | None


@value
class RepeatStmt(Node):
    """``repeat 3 conv(256, 3x3) as conv3`` or ``repeat 3 as s { … }``; one of `layer` and `body` is None."""

    count: Expr
    layer: FlowStmt | None
    scope: ScopePath | None
    body: Body | None


@value
class StackStmt(Node):
    """``stack fc [32, 64, 128] as fc``."""

    layer: str
    layer_span: Span = field(compare=False, repr=False)
    elements: Expr
    scope: ScopePath | None


@value
class Target(Node):
    """The name of a layer in a `with`."""

    name: str


@value
class WithStmt(Node):
    """``with conv, fc: activation=relu``; a body limits it to its braces."""

    targets: tuple[Target, ...]
    defaults: tuple[Argument, ...]
    body: Body | None


@value
class Param(Node):
    """A parameter of a net, a block or a function; `doc` is the text of the ``##`` comments above it."""

    name: str
    annotation: str | None
    default: Expr | None
    doc: str


@value
class LetStmt(Node):
    """``let x = …``, ``let (a, b) = …`` or, where `params` is not None, ``let f(x) = …``."""

    pattern: Pattern
    params: tuple[Param, ...] | None
    value: Expr


@value
class NamePattern(Node):
    """A name to bind."""

    name: str


@value
class TuplePattern(Node):
    """``(a, b)``, nested at will."""

    items: tuple[Pattern, ...]


Pattern = Union[NamePattern, TuplePattern]


@value
class ForStmt(Node):
    """``for u in 1..n as block{u} { … }``."""

    pattern: Pattern
    iterable: Expr
    scope: ScopePath | None
    body: Body


@value
class IfStmt(Node):
    """``if c { … } else { … }``; `otherwise` of an ``else if`` is a body with that one statement."""

    condition: Expr
    body: Body
    otherwise: Body | None


@value
class FromStmt(Node):
    """``from enc1``: the current tensor is this one from here on."""

    value: Expr


@value
class OutputStmt(Node):
    """``output logits`` (the current tensor, or the tensor of that name) or ``output p = logits -> softmax``."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    value: Expr | None


@value
class HeadStmt(Node):
    """``head aux as AuxLogits { … }``: branches off; its result is the output `name`."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    scope: ScopePath | None
    body: Body


@value
class AssertStmt(Node):
    """``assert channels(it) == 512, "why"``."""

    condition: Expr
    message: Expr | None


@value
class TrainSetting(Node):
    """``batch = 32`` in a `train` block."""

    name: str
    value: Expr


@value
class TrainDirective(Node):
    """``loss softmax_cross_entropy(logits, labels)`` in a `train` block; `name` is the first word."""

    name: str
    value: Expr


@value
class TrainClause(Node):
    """``except logits, aux`` or ``rename vgg16 as vgg_16`` behind a `TrainSource`; `name` is the first word."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    values: tuple[Expr, ...]
    scope: ScopePath | None


@value
class TrainSource(Node):
    """``init from "vgg_16.ckpt" except logits`` in a `train` block; `name` is the first word."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    value: Expr
    clauses: tuple[TrainClause, ...]


Stmt = Union[
    InputStmt, FlowStmt, RepeatStmt, StackStmt, WithStmt, LetStmt, ForStmt, IfStmt, FromStmt, OutputStmt, HeadStmt,
    AssertStmt,
]  # fmt: skip
TrainStmt = Union[InputStmt, TrainDirective, TrainSetting, TrainSource]


# Items


@value
class UseItem(Node):
    """``use "blocks/resnet.slim"``."""

    path: StringLit


@value
class NetItem(Node):
    """``net f(params) as Root { … }``; `doc` is the text of the ``##`` comments above it."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    params: tuple[Param, ...]
    scope: ScopePath | None
    body: Body
    doc: str


@value
class NetAlias(Node):
    """``net resnet_v1_50 = resnet_v1([3, 4, 6, 3])``."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    value: Expr
    scope: ScopePath | None
    doc: str


@value
class BlockItem(Node):
    """``block f(params) as default_scope { … }``."""

    name: str
    name_span: Span = field(compare=False, repr=False)
    params: tuple[Param, ...]
    scope: ScopePath | None
    body: Body
    doc: str


@value
class TrainItem(Node):
    """``train { … }``."""

    statements: tuple[TrainStmt, ...]


Item = Union[UseItem, NetItem, NetAlias, BlockItem, TrainItem, LetStmt]


@value
class Comment(Node):
    """``# text`` or ``## text``, with the marks; `own_line` where nothing stands before it on its line."""

    text: str
    own_line: bool


@value
class Module(Node):
    """A file: its version (None where the line is missing), items, and what a formatter must not lose.

    `blank_lines` are the numbers (from 1) of the empty lines.
    """

    version: int | None
    items: tuple[Item, ...]
    comments: tuple[Comment, ...]
    blank_lines: tuple[int, ...] = field(compare=False)
