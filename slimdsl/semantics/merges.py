"""Merges: `concat`, `add` and their like, with branches in braces or with tensors in parentheses; and `residual`.

Each flow statement of a merge is a branch of its own and starts from the merge's input; `for`, `if` and `let` in it are
run, and bring branches where they contain some.
"""

from __future__ import annotations

from typing import Protocol

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Tensor
from slimdsl.ops.base import ShapeError
from slimdsl.ops.merge import Add, Merge
from slimdsl.semantics.call import bind_arguments
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scope_paths import ScopeOpener
from slimdsl.semantics.scopes import join
from slimdsl.semantics.tables import MERGES
from slimdsl.semantics.values import UNKNOWN, Unknown, kind_of
from slimdsl.syntax import tree

Branch = tuple[object, Span]


class BranchRunner(Protocol):
    """Runs bodies for a merge."""

    def run(self, body: tree.Body, x: object, environment: Environment) -> object:
        """The current tensor at the end of the body."""
        ...

    def branches(self, body: tree.Body, x: object, environment: Environment) -> list[Branch]:
        """The branches that the statements of a merge's body make, each started from `x`."""
        ...


class MergeRunner:
    """Runs the merges of one net."""

    def __init__(
        self, reporter: Reporter, builder: GraphBuilder, evaluator: Evaluator, opener: ScopeOpener, runner: BranchRunner
    ) -> None:
        self._reporter = reporter
        self._builder = builder
        self._evaluator = evaluator
        self._opener = opener
        self._runner = runner

    def with_body(self, stage: tree.Stage, body: tree.Body, x: object, environment: Environment) -> object:
        """A merge or a `residual` with its braces; UNKNOWN where something was reported."""
        op = self._op(stage, environment)
        path = self._opener.open(stage.scope, environment) if stage.scope is not None else self._builder.scope
        result: object = UNKNOWN
        if op is not None and not isinstance(path, Unknown) and not isinstance(x, Unknown):
            with self._builder.inside(path):
                if stage.name == "residual":
                    branches = [(x, stage.span), (self._runner.run(body, x, Environment(environment)), body.span)]
                else:
                    branches = self._runner.branches(body, x, Environment(environment))
                result = self._join(op, branches, None, stage)
            if isinstance(result, Tensor) and stage.scope is not None:
                self._builder.mark_end_point(path, result)
        self._opener.bind(stage.scope, result, environment)
        return result

    def of_tensors(self, stage: tree.Stage, environment: Environment) -> object:
        """A merge of the tensors in its parentheses, ``concat(a, b, axis=1)``; `as` names the node."""
        tensors: list[Branch] = []
        named = []
        fine = True
        for argument in stage.arguments or ():
            if argument.name is not None:
                named.append(argument)
                continue
            given = self._evaluator.value(argument.value, environment)
            for item in given if isinstance(given, tuple) else (given,):
                if not isinstance(item, (Tensor, Unknown)):
                    message = f"`{stage.name}` joins tensors, not {kind_of(item)}"
                    self._reporter.report("E0302", message, argument.value.span)
                    fine = False
                tensors.append((item, argument.value.span))
        merge = MERGES[stage.name]
        bound = bind_arguments(merge, merge.name, named, stage.name_span, environment, self._evaluator, self._reporter)
        path = self._opener.open(stage.scope, environment) if stage.scope is not None else None
        result: object = UNKNOWN
        if fine and bound is not None and not isinstance(path, Unknown):
            result = self._join(merge(**bound.values), tensors, path, stage)
        self._opener.bind(stage.scope, result, environment)
        return result

    def _op(self, stage: tree.Stage, environment: Environment) -> Merge | None:
        if stage.name == "residual":
            if stage.arguments:
                self._reporter.report("E0303", "`residual` takes no arguments", stage.arguments[0].span)
                return None
            return Add()
        merge = MERGES[stage.name]
        arguments = stage.arguments or ()
        bound = bind_arguments(
            merge, merge.name, arguments, stage.name_span, environment, self._evaluator, self._reporter
        )
        return merge(**bound.values) if bound is not None else None

    def _join(self, op: Merge, branches: list[Branch], path: str | None, stage: tree.Stage) -> object:
        if len(branches) < 2:
            count = "one branch" if branches else "no branches"
            message = f"`{stage.name}` has {count}; it joins two or more"
            self._reporter.report("E0402", message, stage.name_span)
            return UNKNOWN
        tensors = [tensor for tensor, _ in branches if isinstance(tensor, Tensor)]
        if len(tensors) < len(branches):
            return UNKNOWN
        first_node = len(self._builder.nodes)
        wanted = path or join(self._builder.scope, op.node_name)
        try:
            result = self._emit(op, tensors, wanted, stage.span)
        except ShapeError as error:
            self._shape_error(error, stage, branches)
            return UNKNOWN
        self._builder.record(stage.name, result.node, result, first_node, stage.span)
        return result

    def _emit(self, op: Merge, tensors: list[Tensor], wanted: str, span: Span) -> Tensor:
        if not op.pairwise:
            return self._builder.add(op, tuple(tensors), wanted, span)
        result = tensors[0]
        for number, tensor in enumerate(tensors[1:], 2):
            try:
                result = self._builder.add(op, (result, tensor), wanted, span)
            except ShapeError as error:
                message = error.message.replace("branch 2", f"branch {number}")
                raise ShapeError(message, operand=number - 1, help=error.help) from error
        return result

    def _shape_error(self, error: ShapeError, stage: tree.Stage, branches: list[Branch]) -> None:
        labels = []
        place = stage.name_span
        for number, (tensor, span) in enumerate(branches):
            if not isinstance(tensor, Tensor):
                continue
            made_at = tensor.span or span
            if number == error.operand:
                place = made_at
            elif number == 0 and error.operand is not None:
                labels.append(Label(made_at, f"branch 1 ends here: {tensor.type}"))
        help, bare = error.help, error.message.removeprefix(f"{stage.name} ")
        told = f"`{stage.name}` {bare}" if bare != error.message else f"`{stage.name}`: {bare}"
        self._reporter.report("E0402", told, place, labels=tuple(labels), help=help)
