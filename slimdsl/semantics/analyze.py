"""A module and a choice of net to a graph and diagnostics: the door to this room."""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.diagnostics.diagnostic import Diagnostic, Label
from slimdsl.diagnostics.source import Span
from slimdsl.ir.graph import Graph
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.items import Items, ResolvedNet
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.scope_paths import scope_text
from slimdsl.semantics.statements import Statements, TooMuch
from slimdsl.syntax import tree
from slimdsl.values import Value, value


@value
class NetInfo(Value):
    """A net of a file: its parameters, and those that must be given."""

    name: str
    parameters: tuple[str, ...]
    required: tuple[str, ...]


@value
class Analysis(Value):
    """The graph of a net, None where there are errors, and what was found."""

    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]


def survey(module: tree.Module) -> tuple[tuple[NetInfo, ...], tuple[Diagnostic, ...]]:
    """The nets of a file in their order, and what is wrong with the items as such."""
    reporter = Reporter()
    items = Items(module, reporter)
    found = []
    for name in items.nets:
        resolved = items.resolve(name)
        if resolved is not None:
            _check_params(resolved.item, reporter)
            params = resolved.item.params
            required = tuple(p.name for p in params if p.default is None and p.name not in resolved.arguments)
            found.append(NetInfo(name=name, parameters=tuple(p.name for p in params), required=required))
    for block in items.blocks.values():
        _check_params(block, reporter)
    return tuple(found), tuple(reporter.diagnostics)


def analyze(module: tree.Module, net: str, parameters: Mapping[str, tree.Expr], *, training: bool) -> Analysis:
    """Build the graph of a net of the module.

    Args:
        module: the tree.
        net: the name of one of the nets that `survey` found.
        parameters: values for the net's parameters that go before those of aliases and defaults.
        training: whether `training` is true.
    """
    resolved = Items(module, Reporter()).resolve(net)
    assert resolved is not None, "survey leaves out nets that cannot be resolved"
    reporter = Reporter()
    graph = _build(module, resolved, parameters, reporter, training=training)
    return Analysis(graph=None if reporter.error_count else graph, diagnostics=tuple(reporter.diagnostics))


def _build(
    module: tree.Module,
    net: ResolvedNet,
    parameters: Mapping[str, tree.Expr],
    reporter: Reporter,
    *,
    training: bool,
) -> Graph | None:
    items = Items(module, Reporter())
    globals_ = Environment()
    items.bind(globals_)
    builder = GraphBuilder(net.name, training=training)
    statements = Statements(reporter, builder)
    try:
        for let in items.lets:
            statements.let(let, globals_)
        environment = Environment(globals_)
        _bind_parameters(net, parameters, globals_, environment, statements)
        if net.root is not None:
            root = scope_text(net.root, environment, statements.evaluator, reporter)
            builder.root = builder.scope = root or net.name
        statements.body(net.item.body, Environment(environment))
    except TooMuch:
        return None
    if not builder.outputs and not reporter.error_count:
        help = "end the net with `output NAME`"
        reporter.report("E0212", f"the net `{net.item.name}` has no output", net.item.name_span, help=help)
    return builder.finish(net.name)


def _bind_parameters(
    net: ResolvedNet,
    parameters: Mapping[str, tree.Expr],
    globals_: Environment,
    environment: Environment,
    statements: Statements,
) -> None:
    for param in net.item.params:
        given: object
        if param.name in parameters:
            given = statements.evaluator.value(parameters[param.name], globals_)
        elif param.name in net.arguments:
            given = statements.evaluator.value(net.arguments[param.name], globals_)
        else:
            assert param.default is not None, "the compiler asks for required parameters first"
            given = statements.evaluator.value(param.default, environment)
        environment.bind(param.name, given, param.span)


def _check_params(item: tree.NetItem | tree.BlockItem, reporter: Reporter) -> None:
    seen: dict[str, Span] = {}
    for param in item.params:
        if param.name in seen:
            labels = (Label(seen[param.name], "first here"),)
            message = f"`{item.name}` has two parameters called `{param.name}`"
            reporter.report("E0206", message, param.span, labels=labels)
        seen.setdefault(param.name, param.span)
