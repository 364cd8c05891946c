"""Calls of blocks: parameters bound, the body run in a scope of its own, its last tensor the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Tensor
from slimdsl.ops.base import Applicable
from slimdsl.semantics.call import bind_params, param_values
from slimdsl.semantics.callables import BlockValue, PreparedBlock
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.limits import Limits
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scope_paths import ScopeOpener
from slimdsl.semantics.values import UNKNOWN, Unknown
from slimdsl.syntax import tree


class BodyRunner(Protocol):
    """Runs the statements of a body on a tensor."""

    def run(self, body: tree.Body, x: object, environment: Environment) -> object:
        """The current tensor at the end of the body; UNKNOWN where something was reported."""
        ...


class BlockCaller:
    """Calls the blocks of one net."""

    def __init__(
        self,
        reporter: Reporter,
        builder: GraphBuilder,
        evaluator: Evaluator,
        opener: ScopeOpener,
        limits: Limits,
        runner: BodyRunner,
    ) -> None:
        self._reporter = reporter
        self._builder = builder
        self._evaluator = evaluator
        self._opener = opener
        self._limits = limits
        self._runner = runner

    def prepare(
        self, block: BlockValue, arguments: Sequence[tree.Argument], span: Span, environment: Environment
    ) -> PreparedBlock | None:
        """The block with values for all its parameters; None where something was reported."""
        item = block.item
        written = bind_params(item.name, item.params, arguments, environment, self._evaluator, self._reporter)
        if written is None:
            return None
        given = {**dict(block.arguments), **written}
        defaults = self._builder.defaults.of(block.defaults_key)
        given.update({name: default.value for name, default in defaults.items() if name not in given})
        inner = Environment(block.environment)
        values = param_values(item.name, item.params, given, inner, span, self._evaluator, self._reporter)
        return PreparedBlock(block, values) if values is not None else None

    def apply(self, block: Applicable, x: Tensor, span: Span) -> object:
        """Call a block that stands as a value, such as an activation, in its default scope."""
        if not isinstance(block, BlockValue):
            raise TypeError(f"{block} is not a block")
        prepared = self.prepare(block, (), span, Environment())
        return UNKNOWN if prepared is None else self.call(prepared, x, None, span)

    def call(self, prepared: PreparedBlock, x: Tensor, path: str | None, span: Span) -> object:
        """The result of the block; `path` is the scope as `as` gave it, already open, None for the default."""
        item = prepared.block.item
        environment = Environment(prepared.block.environment)
        for param in item.params:
            environment.bind(param.name, prepared.values[param.name], param.span)
        if path is None:
            default = item.name if item.scope is None else self._opener.text(item.scope, environment)
            if isinstance(default, Unknown):
                return UNKNOWN
            path = self._builder.names.default_scope(self._builder.scope, default)
        with (
            self._limits.call(item.name, span),
            self._reporter.frame(f"in block {item.name}, called here", span),
            self._builder.inside(path),
        ):
            result = self._runner.run(item.body, x, Environment(environment))
        if isinstance(result, Tensor):
            self._builder.mark_end_point(path, result)
        return result
