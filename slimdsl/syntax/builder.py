"""Rules to nodes: one method for each rule of the grammar, of the same name.

A method gets the span and the parts that the rule keeps: nodes and tuples for rules, tokens for terminals, None for
what was left out. Statements that were dropped because of an error come as None too and are left out of the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar, cast

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.source import Source, Span
from slimdsl.syntax import tree
from slimdsl.syntax.lexer import Token
from slimdsl.syntax.literals import Piece, int_value, kernel_sizes, scope_pieces, string_pieces

_T = TypeVar("_T")

ParsePiece = Callable[[int, int], "tree.Expr | None"]


class Builder:
    """Makes the nodes of one source.

    Args:
        source: the text that spans point into.
        docs: the text of the `##` comments that stand directly above a line, by the offset of its first token.
        parse_piece: parses the expression between two offsets and reports what is wrong with it.
        diagnostics: gets what is wrong with strings and paths.
    """

    def __init__(
        self, source: Source, docs: dict[int, str], parse_piece: ParsePiece, diagnostics: list[Diagnostic]
    ) -> None:
        self._source = source
        self._docs = docs
        self._parse_piece = parse_piece
        self._diagnostics = diagnostics

    # Files and items

    def module(
        self, span: Span, version: Token | None, *items: tree.Item | None
    ) -> tuple[int | None, tuple[tree.Item, ...]]:
        return (int_value(version.text) if version else None), _sound(items)

    def version(self, span: Span, number: Token) -> Token:
        return number

    def use_item(self, span: Span, path: tree.StringLit) -> tree.UseItem:
        return tree.UseItem(span=span, path=path)

    def net_item(
        self, span: Span, name: Token, params: tuple[tree.Param, ...] | None, scope: tree.ScopePath | None,
        body: tree.Body,
    ) -> tree.NetItem:  # fmt: skip
        return tree.NetItem(
            span=span, name=name.text, name_span=self._place(name), params=params or (), scope=scope, body=body,
            doc=self._doc(span),
        )  # fmt: skip

    def net_alias(self, span: Span, name: Token, value: tree.Expr, scope: tree.ScopePath | None) -> tree.NetAlias:
        return tree.NetAlias(
            span=span, name=name.text, name_span=self._place(name), value=value, scope=scope, doc=self._doc(span)
        )

    def block_item(
        self, span: Span, name: Token, params: tuple[tree.Param, ...] | None, scope: tree.ScopePath | None,
        body: tree.Body,
    ) -> tree.BlockItem:  # fmt: skip
        return tree.BlockItem(
            span=span, name=name.text, name_span=self._place(name), params=params or (), scope=scope, body=body,
            doc=self._doc(span),
        )  # fmt: skip

    def params(self, span: Span, *params: tree.Param) -> tuple[tree.Param, ...]:
        return params

    def param(self, span: Span, name: Token, annotation: Token | None, default: tree.Expr | None) -> tree.Param:
        return tree.Param(
            span=span, name=name.text, annotation=annotation.text if annotation else None, default=default,
            doc=self._doc(span),
        )  # fmt: skip

    def train_item(self, span: Span, statements: tuple[tree.TrainStmt, ...]) -> tree.TrainItem:
        return tree.TrainItem(span=span, statements=statements)

    def train_body(self, span: Span, *statements: tree.TrainStmt | None) -> tuple[tree.TrainStmt, ...]:
        return _sound(statements)

    def train_setting(self, span: Span, name: Token, value: tree.Expr) -> tree.TrainSetting:
        return tree.TrainSetting(span=span, name=name.text, value=value)

    def train_directive(self, span: Span, name: Token, value: tree.Expr) -> tree.TrainDirective:
        return tree.TrainDirective(span=span, name=name.text, value=value)

    def train_source(self, span: Span, name: Token, value: tree.Expr, *clauses: tree.TrainClause) -> tree.TrainSource:
        return tree.TrainSource(
            span=span, name=name.text, name_span=self._place(name), value=value, clauses=clauses
        )  # fmt: skip

    def train_clause(self, span: Span, name: Token, *parts: tree.Expr | tree.ScopePath | None) -> tree.TrainClause:
        scopes = [part for part in parts if isinstance(part, tree.ScopePath)]
        values = tuple(part for part in parts if part is not None and not isinstance(part, tree.ScopePath))
        return tree.TrainClause(
            span=span, name=name.text, name_span=self._place(name), values=values, scope=scopes[0] if scopes else None
        )  # fmt: skip

    # Statements

    def body(self, span: Span, *statements: tree.Stmt | None) -> tree.Body:
        return tree.Body(span=span, statements=_sound(statements))

    def input_stmt(self, span: Span, name: Token, dtype: Token, dims: tuple[tree.Expr, ...]) -> tree.InputStmt:
        return tree.InputStmt(
            span=span, name=name.text, name_span=self._place(name), dtype=dtype.text, dtype_span=self._place(dtype),
            dims=dims,
        )  # fmt: skip

    def dims(self, span: Span, *dims: tree.Expr) -> tuple[tree.Expr, ...]:
        return dims

    def flow_stmt(self, span: Span, stages: tuple[tree.Stage, ...], body: tree.Body | None) -> tree.FlowStmt:
        return tree.FlowStmt(span=span, stages=stages, body=body)

    def stages(self, span: Span, *stages: tree.Stage) -> tuple[tree.Stage, ...]:
        return stages

    def stage(
        self,
        span: Span,
        name: Token,
        arguments: tuple[tree.Argument, ...] | None,
        scope: tree.ScopePath | None,
        sharing: tree.ScopePath | None,
    ) -> tree.Stage:
        return tree.Stage(
            span=span, name=name.text, name_span=self._place(name), arguments=arguments, scope=scope, sharing=sharing
        )  # fmt: skip

    def sharing(self, span: Span, path: Token) -> tree.ScopePath:
        return self.scope_path(span, path)

    def scope_path(self, span: Span, path: Token) -> tree.ScopePath:
        parts = self._parts(scope_pieces(path.text, path.start))
        return tree.ScopePath(span=self._place(path), text=path.text, parts=parts)

    def repeat_stmt(
        self, span: Span, count: tree.Expr, layer_or_scope: tree.FlowStmt | tree.ScopePath | None,
        body: tree.Body | None = None,
    ) -> tree.RepeatStmt:  # fmt: skip
        if isinstance(layer_or_scope, tree.FlowStmt):
            return tree.RepeatStmt(span=span, count=count, layer=layer_or_scope, scope=None, body=None)
        return tree.RepeatStmt(span=span, count=count, layer=None, scope=layer_or_scope, body=body)

    def stack_stmt(self, span: Span, layer: Token, elements: tree.Expr, scope: tree.ScopePath | None) -> tree.StackStmt:
        return tree.StackStmt(
            span=span, layer=layer.text, layer_span=self._place(layer), elements=elements, scope=scope
        )

    def with_stmt(
        self, span: Span, targets: tuple[tree.Target, ...], defaults: tuple[tree.Argument, ...], body: tree.Body | None
    ) -> tree.WithStmt:
        return tree.WithStmt(span=span, targets=targets, defaults=defaults, body=body)

    def targets(self, span: Span, *targets: tree.Target) -> tuple[tree.Target, ...]:
        return targets

    def target(self, span: Span, name: Token) -> tree.Target:
        return tree.Target(span=span, name=name.text)

    def defaults(self, span: Span, *defaults: tree.Argument) -> tuple[tree.Argument, ...]:
        return defaults

    def let_stmt(
        self, span: Span, pattern: tree.Pattern, *params_and_value: tuple[tree.Param, ...] | tree.Expr | None
    ) -> tree.LetStmt:
        value = cast("tree.Expr", params_and_value[-1])
        params = cast("tuple[tree.Param, ...] | None", params_and_value[0] if len(params_and_value) > 1 else None)
        return tree.LetStmt(span=span, pattern=pattern, params=params, value=value)

    def name_pattern(self, span: Span, name: Token) -> tree.NamePattern:
        return tree.NamePattern(span=span, name=name.text)

    def tuple_pattern(self, span: Span, *items: tree.Pattern) -> tree.TuplePattern:
        return tree.TuplePattern(span=span, items=items)

    def for_stmt(
        self, span: Span, pattern: tree.Pattern, iterable: tree.Expr, scope: tree.ScopePath | None, body: tree.Body
    ) -> tree.ForStmt:
        return tree.ForStmt(span=span, pattern=pattern, iterable=iterable, scope=scope, body=body)

    def if_stmt(
        self, span: Span, condition: tree.Expr, body: tree.Body, otherwise: tree.Body | tree.IfStmt | None
    ) -> tree.IfStmt:
        if isinstance(otherwise, tree.IfStmt):
            otherwise = tree.Body(span=otherwise.span, statements=(otherwise,))
        return tree.IfStmt(span=span, condition=condition, body=body, otherwise=otherwise)

    def from_stmt(self, span: Span, value: tree.Expr) -> tree.FromStmt:
        return tree.FromStmt(span=span, value=value)

    def output_stmt(self, span: Span, name: Token, value: tree.Expr | None) -> tree.OutputStmt:
        return tree.OutputStmt(span=span, name=name.text, name_span=self._place(name), value=value)

    def head_stmt(self, span: Span, name: Token, scope: tree.ScopePath | None, body: tree.Body) -> tree.HeadStmt:
        return tree.HeadStmt(span=span, name=name.text, name_span=self._place(name), scope=scope, body=body)

    def assert_stmt(self, span: Span, condition: tree.Expr, message: tree.Expr | None) -> tree.AssertStmt:
        return tree.AssertStmt(span=span, condition=condition, message=message)

    # Expressions

    def pipeline_expr(self, span: Span, subject: tree.Expr, stages: tuple[tree.Stage, ...]) -> tree.PipelineExpr:
        return tree.PipelineExpr(span=span, subject=subject, stages=stages)

    def conditional_expr(
        self, span: Span, chosen: tree.Expr, condition: tree.Expr, otherwise: tree.Expr
    ) -> tree.ConditionalExpr:
        return tree.ConditionalExpr(span=span, condition=condition, chosen=chosen, otherwise=otherwise)

    def binary_expr(self, span: Span, left: tree.Expr, operator: Token, right: tree.Expr) -> tree.BinaryExpr:
        return tree.BinaryExpr(span=span, operator=operator.text, left=left, right=right)

    def unary_expr(self, span: Span, operator: Token, operand: tree.Expr) -> tree.UnaryExpr:
        return tree.UnaryExpr(span=span, operator=operator.text, operand=operand)

    def call_expr(self, span: Span, callee: tree.Expr, arguments: tuple[tree.Argument, ...]) -> tree.CallExpr:
        return tree.CallExpr(span=span, callee=callee, arguments=arguments)

    def index_expr(self, span: Span, subject: tree.Expr, index: tree.Expr) -> tree.IndexExpr:
        return tree.IndexExpr(span=span, subject=subject, index=index)

    def arguments(self, span: Span, *arguments: tree.Argument) -> tuple[tree.Argument, ...]:
        return arguments

    def argument(self, span: Span, name: Token | None, value: tree.Expr) -> tree.Argument:
        return tree.Argument(span=span, name=name.text if name else None, value=value)

    def int_lit(self, span: Span, token: Token) -> tree.IntLit:
        return tree.IntLit(span=span, value=int_value(token.text))

    def float_lit(self, span: Span, token: Token) -> tree.FloatLit:
        return tree.FloatLit(span=span, value=float(token.text))

    def kernel_lit(self, span: Span, token: Token) -> tree.KernelLit:
        return tree.KernelLit(span=span, sizes=kernel_sizes(token.text))

    def string_lit(self, span: Span, token: Token) -> tree.StringLit:
        return tree.StringLit(span=span, parts=self._parts(string_pieces(token.text[1:-1], token.start + 1)))

    def bool_lit(self, span: Span, token: Token) -> tree.BoolLit:
        return tree.BoolLit(span=span, value=token.text == "true")

    def none_lit(self, span: Span) -> tree.NoneLit:
        return tree.NoneLit(span=span)

    def name_expr(self, span: Span, name: Token) -> tree.NameExpr:
        return tree.NameExpr(span=span, name=name.text)

    def list_expr(self, span: Span, *items: tree.Expr) -> tree.ListExpr:
        return tree.ListExpr(span=span, items=items)

    def tuple_expr(self, span: Span, *items: tree.Expr) -> tree.TupleExpr:
        return tree.TupleExpr(span=span, items=items)

    def _place(self, token: Token) -> Span:
        return Span(self._source, token.start, token.end)

    def _doc(self, span: Span) -> str:
        return self._docs.get(span.start, "")

    def _parts(self, pieces: list[Piece]) -> tuple[str | tree.Expr, ...]:
        parts: list[str | tree.Expr] = []
        for piece in pieces:
            if piece.problem:
                place = Span(self._source, piece.start, piece.end)
                hint = "a brace that is meant as one is written `\\{` or `\\}`" if "without" in piece.problem else ""
                self._diagnostics.append(Diagnostic(code="E0116", message=piece.problem, span=place, help=hint))
            elif piece.expression:
                value = self._parse_piece(piece.start, piece.end)
                if value is not None:
                    parts.append(value)
            elif parts and isinstance(parts[-1], str):
                parts[-1] += piece.text
            else:
                parts.append(piece.text)
        return tuple(parts)


def _sound(nodes: Iterable[_T | None]) -> tuple[_T, ...]:
    return tuple(node for node in nodes if node is not None)
