"""Losses and metrics of a `train` block: ``softmax_cross_entropy(logits, labels, weight=0.4)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slimdsl.ops.arguments import argument_specs
from slimdsl.ops.base import ShapeError
from slimdsl.recipe.base import Loss, Metric
from slimdsl.recipe.operands import WEIGHTS, check_term
from slimdsl.recipe.recipe import LossTerm, MetricTerm
from slimdsl.recipe.registry import TABLES
from slimdsl.semantics.call import bind_arguments
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.evaluate import Evaluator
from slimdsl.semantics.reporter import Reporter
from slimdsl.syntax import tree
from slimdsl.types import TensorType


class TermReader:
    """Reads the calls behind `loss` and `metric`.

    Args:
        reporter: gets what is wrong.
        evaluator: works out the arguments.
        environment: the names that they may use.
        tensors: what can be named as a tensor; None where the type is not known.
        complete: False where there may be more tensors: then an unknown one is not complained about.
    """

    def __init__(
        self,
        reporter: Reporter,
        evaluator: Evaluator,
        environment: Environment,
        tensors: Mapping[str, TensorType | None],
        complete: bool,
    ) -> None:
        self._reporter = reporter
        self._evaluator = evaluator
        self._environment = environment
        self._tensors = tensors
        self._complete = complete

    def read(self, word: str, node: tree.Expr, taken: Sequence[str]) -> LossTerm | MetricTerm | None:
        """A loss or a metric; None where something was reported.

        Args:
            word: ``loss`` or ``metric``.
            node: the call.
            taken: the names of the terms above it.
        """
        name = node.callee if isinstance(node, tree.CallExpr) else node
        if not isinstance(name, tree.NameExpr):
            message = f"`{word}` wants a call with tensors, such as `{_EXAMPLES[word]}`"
            self._reporter.report("E0217", message, node.span)
            return None
        found = TABLES[word].get(name.name)
        if found is None:
            help = self._reporter.did_you_mean(name.name, TABLES[word]) or f"there are {', '.join(TABLES[word])}"
            self._reporter.report("E0201", f"unknown {word} `{name.name}`", name.span, help=help)
            return None
        assert issubclass(found, (Loss, Metric))
        if not isinstance(node, tree.CallExpr):
            written = f"{word} {name.name}({', '.join(found.operands)})"
            self._reporter.report("E0303", f"`{name.name}` needs its tensors", node.span, help=f"write `{written}`")
            return None
        return self._term(found, node, name, taken)

    def _term(
        self, found: type[Loss | Metric], node: tree.CallExpr, name: tree.NameExpr, taken: Sequence[str]
    ) -> LossTerm | MetricTerm | None:
        tensors, rest = self._divided(found, node)
        operands = None if tensors is None else self._operands(found, tensors)
        bound = bind_arguments(found, name.name, rest, name.span, self._environment, self._evaluator, self._reporter)
        if operands is None or bound is None:
            return None
        part = found(**bound.values)
        if isinstance(part, Loss):
            return LossTerm(name=_numbered(part.label, taken), loss=part, operands=operands, span=node.span)
        return MetricTerm(name=_numbered(part.label, taken), metric=part, operands=operands, span=node.span)

    def _divided(
        self, found: type[Loss | Metric], node: tree.CallExpr
    ) -> tuple[list[tree.Expr] | None, list[tree.Argument]]:
        """The tensors in their order, None where one is missing, and the other arguments.

        A name of a tensor behind the others is that of weights; anything else there is an argument.
        """
        operands = (*found.operands, WEIGHTS) if _elements(found) else found.operands
        given: dict[str, tree.Expr] = {}
        rest: list[tree.Argument] = []
        position = 0
        for argument in node.arguments:
            key = argument.name
            if key is None:
                key = operands[position] if position < len(operands) else None
                if key == WEIGHTS and not self._is_tensor(argument.value):
                    key, operands = None, found.operands
                position += 1
            if key not in (*found.operands, WEIGHTS) or (key == WEIGHTS and not _elements(found)):
                rest.append(argument)
            elif key in given:
                self._reporter.report("E0303", f"`{key}` is given twice", argument.span)
            else:
                given[key] = argument.value
        if position > len(operands) + len(argument_specs(found)):
            count = len(argument_specs(found))
            arguments = f"{count} argument{'' if count == 1 else 's'}"
            message = f"`{found.name}` takes {len(found.operands)} tensors and {arguments}"
            self._reporter.report("E0303", message, node.arguments[-1].span, label="one too many")
            return None, []
        missing = [operand for operand in found.operands if operand not in given]
        if missing:
            help = f"write `{found.name}({', '.join(found.operands)})`"
            self._reporter.report("E0303", f"`{found.name}` needs `{missing[0]}`", node.span, help=help)
            return None, rest
        return [given[operand] for operand in (*found.operands, WEIGHTS) if operand in given], rest

    def _is_tensor(self, node: tree.Expr) -> bool:
        return isinstance(node, tree.NameExpr) and node.name in self._tensors

    def _operands(self, found: type[Loss | Metric], tensors: list[tree.Expr]) -> tuple[str, ...] | None:
        names = tuple(self._name(node) for node in tensors)
        if not all(name in self._tensors for name in names):
            return None
        types = tuple(type for name in names if (type := self._tensors[name]) is not None)
        if len(types) == len(names):
            try:
                check_term(found.takes, _elements(found), names, types)
            except ShapeError as error:
                self._reporter.report("E0401", error.message, tensors[error.operand or 0].span, help=error.help)
                return None
        return names

    def _name(self, node: tree.Expr) -> str:
        """The name of a tensor; "" where something was reported."""
        if not isinstance(node, tree.NameExpr):
            message = "losses and metrics take tensors by their names"
            help = "make it an output of the net: `output NAME = …`"
            self._reporter.report("E0217", message, node.span, help=help)
            return ""
        if node.name not in self._tensors and self._complete:
            message = f"neither the net nor the `train` block has a tensor `{node.name}`"
            help = self._reporter.did_you_mean(node.name, self._tensors)
            help = help or f"inputs of the training are declared: `input {node.name}: int32[N]`"
            self._reporter.report("E0201", message, node.span, help=help)
        return node.name


_EXAMPLES = {"loss": "softmax_cross_entropy(logits, labels)", "metric": "accuracy(logits, labels)"}


def _elements(found: type[Loss | Metric]) -> str:
    """What of the first tensor has a loss that may have a weight; "" for none."""
    return found.elements if issubclass(found, Loss) else ""


def _numbered(label: str, taken: Sequence[str]) -> str:
    """The name of a term: its label, from the second on with a number."""
    number, name = 1, label
    while name in taken:
        number, name = number + 1, f"{label}_{number}"
    return name
