"""The items of a file and a choice of net to a graph and diagnostics: the door to this room."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from slimdsl.diagnostics.diagnostic import Diagnostic, Label
from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Graph
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.items import Items
from slimdsl.semantics.limits import RECURSION_LIMIT, Budget, TooMuch
from slimdsl.semantics.nets import ResolvedNet, resolve
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.statements import Statements
from slimdsl.semantics.values import UNKNOWN
from slimdsl.syntax import tree
from slimdsl.types import TensorType
from slimdsl.values import Value, value


@value
class NetInfo(Value):
    """A net of a file.

    Attributes:
        name: its name.
        parameters: its parameters.
        required: those that must be given.
        base: the net that it is, or that its aliases lead to.
    """

    name: str
    parameters: tuple[str, ...]
    required: tuple[str, ...]
    base: str


@value
class Analysis(Value):
    """What became of a net.

    Attributes:
        graph: its graph; None where there are errors, or where a parameter has no value.
        diagnostics: what was found.
        tensors: its inputs and outputs by name; None for those of which nothing is known.
        complete: False where there may be more inputs and outputs, since the net was not looked at to its end.
    """

    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]
    tensors: dict[str, TensorType | None]
    complete: bool


def survey(items: Items, reporter: Reporter) -> tuple[NetInfo, ...]:
    """The nets of a file in their order; what is wrong with the items as such is reported."""
    found = []
    for name in items.nets:
        resolved = resolve(items, name, reporter)
        if resolved is not None:
            _check_params(resolved.item, reporter)
            params = resolved.item.params
            required = tuple(p.name for p in params if p.default is None and p.name not in resolved.arguments)
            names = tuple(p.name for p in params)
            found.append(NetInfo(name=name, parameters=names, required=required, base=resolved.item.name))
    for block in items.blocks.values():
        _check_params(block, reporter)
    return tuple(found)


def analyze(items: Items, net: str, parameters: Mapping[str, tree.Expr], budget: Budget, *, training: bool) -> Analysis:
    """Build the graph of a net.

    A parameter that is given nowhere is unknown: then there is no graph, and what is wrong whatever its value is found.

    Args:
        items: what the file defines and uses.
        net: the name of one of the nets that `survey` found.
        parameters: values for the net's parameters that go before those of aliases and defaults.
        budget: what the file may still take.
        training: whether `training` is true.
    """
    reporter = Reporter()
    resolved = resolve(items, net, reporter)
    assert resolved is not None, "survey leaves out nets that cannot be resolved"
    builder = GraphBuilder(resolved.name, training=training)
    statements = Statements(reporter, builder, budget)
    graph, finished = None, False
    with room_to_nest():
        try:
            complete = _build(resolved, items, parameters, statements, builder)
            finished = True
            if not statements.has_outputs and not reporter.error_count:
                help = "end the net with `output NAME`"
                message = f"the net `{resolved.item.name}` has no output"
                reporter.report("E0212", message, resolved.item.name_span, help=help)
            graph = builder.finish(resolved.name) if complete else None
        except TooMuch:
            pass
    tensors = {name: tensor.type for name, tensor in {**builder.inputs, **builder.outputs}.items()}
    return Analysis(
        graph=None if reporter.error_count else graph,
        diagnostics=tuple(reporter.diagnostics),
        tensors={**dict.fromkeys(statements.output_names), **tensors},
        complete=finished and not reporter.error_count,
    )


@contextmanager
def room_to_nest() -> Iterator[None]:
    """What may nest is limited by us, with a diagnostic; Python's own limit must not come first."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _build(
    net: ResolvedNet,
    items: Items,
    parameters: Mapping[str, tree.Expr],
    statements: Statements,
    builder: GraphBuilder,
) -> bool:
    """Build a net; False where a parameter has no value, so that the graph is none."""
    made: dict[int, Environment] = {}
    environment, complete = parameter_values(net, items, parameters, statements, made)
    if net.root is not None:
        # `as /` is no scope at all: TF-Slim's NASNet has its cells outside of any.
        root = "" if net.root.text == "/" else statements.opener.text(net.root, environment)
        builder.root = builder.scope = root if isinstance(root, str) else net.name
    statements.net(net.item.body, Environment(environment))
    return complete


def parameter_values(
    net: ResolvedNet,
    items: Items,
    parameters: Mapping[str, tree.Expr],
    statements: Statements,
    made: dict[int, Environment],
) -> tuple[Environment, bool]:
    """The names of a net's parameters, and those of its file around them; False where one has no value.

    Args:
        net: the net.
        items: the file that was given.
        parameters: values that go before those of aliases and defaults.
        statements: evaluates.
        made: the names of the files that were looked at before.
    """
    complete = True
    environment = Environment(net.home.environment(statements, made))
    for param in net.item.params:
        if param.name in parameters:
            expression, names = parameters[param.name], items.environment(statements, made)
        elif param.name in net.arguments:
            expression, home = net.arguments[param.name]
            names = home.environment(statements, made)
        elif param.default is not None:
            expression, names = param.default, environment
        else:
            complete = False
            environment.bind(param.name, UNKNOWN, param.span)
            continue
        environment.bind(param.name, statements.evaluator.value(expression, names), param.span)
    return environment, complete


def _check_params(item: tree.NetItem | tree.BlockItem, reporter: Reporter) -> None:
    seen: dict[str, Span] = {}
    for param in item.params:
        if param.name in seen:
            labels = (Label(seen[param.name], "first here"),)
            message = f"`{item.name}` has two parameters called `{param.name}`"
            reporter.report("E0206", message, param.span, labels=labels)
        if param.name == "it":
            reporter.report("E0206", "`it` always names the current tensor", param.span)
        seen.setdefault(param.name, param.span)
