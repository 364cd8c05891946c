"""The `train` block of a file, for one net: what it says, checked, and the recipe that comes of it.

A block need not suit every net of its file; who asks decides which net's findings count. Loaded only where something is
trained, or where a file has such a block.
"""

from __future__ import annotations

from collections.abc import Mapping

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.recipe.recipe import InitialValues, Recipe
from slimdsl.recipe.registry import TABLES
from slimdsl.semantics.analyze import Analysis, parameter_values, room_to_nest
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.graph_builder import GraphBuilder
from slimdsl.semantics.items import Items
from slimdsl.semantics.limits import Budget, TooMuch
from slimdsl.semantics.nets import resolve
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.statements import Statements
from slimdsl.semantics.train_block import BlockReader
from slimdsl.semantics.train_default import Unsuitable, complete
from slimdsl.semantics.train_settings import override
from slimdsl.syntax import tree
from slimdsl.types import SymbolicDim, symbol_names
from slimdsl.values import Value, value


@value
class Training(Value):
    """What a `train` block, or the lack of one, comes to for a net.

    Attributes:
        recipe: the recipe; None where something is wrong, or where the net has no graph.
        diagnostics: what is wrong in the block.
        problem: what is wrong besides, in a sentence without a full stop: with a setting from outside, or with a net
            that says too little; "" where nothing is.
    """

    recipe: Recipe | None
    diagnostics: tuple[Diagnostic, ...]
    problem: str


def resolve_training(
    items: Items,
    net: str,
    parameters: Mapping[str, tree.Expr],
    analysis: Analysis,
    budget: Budget,
    settings: Mapping[str, tree.Expr],
) -> Training:
    """Make the recipe of a net.

    Args:
        items: what the file defines and uses.
        net: the name of one of its nets.
        parameters: values for the net's parameters, as in `analyze`.
        analysis: the net's training graph.
        budget: what the file may still take.
        settings: expressions that go before what the block says: ``batch``, ``learning_rate``, …
    """
    reporter = Reporter()
    statements = Statements(reporter, GraphBuilder(net, training=True), budget)
    statements.evaluator.tables = TABLES
    recipe, problem = None, ""
    found: tuple[Diagnostic, ...] = ()
    with room_to_nest():
        try:
            environment = _names(items, net, parameters, analysis, statements)
            # What is wrong with the names themselves was found when the net was analysed.
            reporter.diagnostics.clear()
            reporter.error_count = 0
            reader = BlockReader(reporter, statements, environment, analysis)
            block = reader.read(items.train)
            found = tuple(reporter.diagnostics)
            block, problem = override(block, settings, reader, reporter, analysis.graph)
            if not reporter.error_count and not problem and analysis.graph is not None:
                recipe = complete(block, analysis.graph, _initial(items))
        except TooMuch:
            found = tuple(reporter.diagnostics)
        except Unsuitable as error:
            problem = str(error)
    return Training(recipe=recipe, diagnostics=found, problem=problem)


def _names(
    items: Items, net: str, parameters: Mapping[str, tree.Expr], analysis: Analysis, statements: Statements
) -> Environment:
    """What expressions in the block may use: the file's names, the net's parameters, the sizes of its inputs."""
    made: dict[int, Environment] = {}
    resolved = resolve(items, net, Reporter())
    assert resolved is not None, "survey leaves out nets that cannot be resolved"
    own, _ = parameter_values(resolved, items, parameters, statements, made)
    environment = Environment(items.environment(statements, made))
    for name, binding in own.own.items():
        environment.bind(name, binding.value, binding.span)
    for tensor in analysis.graph.inputs.values() if analysis.graph is not None else ():
        for name in sorted(set().union(*(symbol_names(dim) for dim in tensor.type.shape))):
            if name not in environment.own and tensor.span is not None:
                environment.bind(name, SymbolicDim.named(name), tensor.span)
    return Environment(environment)


def _initial(items: Items) -> InitialValues | None:
    init = items.init
    return None if init is None else InitialValues(path=init.path, excepted=init.excepted, renames=init.renames)
