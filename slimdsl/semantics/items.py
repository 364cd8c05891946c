"""The items of a file by name, with those of the files that it uses; duplicates and unknown versions reported.

Files are read elsewhere: an `Items` is given those of the files it uses. Each file has names of its own: what a block
means does not depend on who uses it.
"""

from __future__ import annotations

from collections.abc import Sequence

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.semantics.callables import BlockValue
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.statements import Statements
from slimdsl.semantics.train_init import InitSource, init_source
from slimdsl.semantics.values import ItemName
from slimdsl.syntax import tree

LANGUAGE_VERSION = 1


class Items:
    """What a file defines, and what it has from the files that it uses."""

    def __init__(self, module: tree.Module, used: Sequence[Items], reporter: Reporter) -> None:
        self.module = module
        self.used = used
        self.nets: dict[str, tree.NetItem | tree.NetAlias] = {}
        self.blocks: dict[str, tree.BlockItem] = {}
        self.lets: list[tree.LetStmt] = []
        self.spans: dict[str, Span] = {}
        self._reporter = reporter
        self._check_version()
        trains: list[tree.TrainItem] = []
        for item in module.items:
            if isinstance(item, (tree.NetItem, tree.NetAlias)):
                if self._new(item.name, item.name_span):
                    self.nets[item.name] = item
                    self._check_root(item)
            elif isinstance(item, tree.BlockItem):
                if self._new(item.name, item.name_span):
                    self.blocks[item.name] = item
            elif isinstance(item, tree.LetStmt):
                self.lets.append(item)
                for name, span in pattern_names(item.pattern):
                    self.spans.setdefault(name, span)
            elif isinstance(item, tree.TrainItem):
                trains.append(item)
        for extra in trains[1:]:
            labels = (Label(_first_line(trains[0].span), "the first is here"),)
            reporter.report("E0206", "a file has one `train` block", _first_line(extra.span), labels=labels)
        self.train: tree.TrainItem | None = trains[0] if trains else None
        self.init: InitSource | None = init_source(self.train, reporter) if self.train else None
        self._check_used()

    def find_net(self, name: str) -> tuple[tree.NetItem | tree.NetAlias, Items] | None:
        """A net of this file, or of one that it uses, and the file that it stands in."""
        if name in self.nets:
            return self.nets[name], self
        return next(((used.nets[name], used) for used in self.used if name in used.nets), None)

    def net_names(self) -> list[str]:
        """The nets of this file and of those that it uses."""
        return [*self.nets, *(name for used in self.used for name in used.nets)]

    def environment(self, statements: Statements, made: dict[int, Environment]) -> Environment:
        """The names of this file for one analysis; `made` has those of the files that were looked at before."""
        if id(self) in made:
            return made[id(self)]
        environment = made[id(self)] = Environment()
        for used in self.used:
            inner = used.environment(statements, made)
            for name, span in used.spans.items():
                binding = inner.find(name)
                if name not in self.spans and binding is not None:
                    environment.bind(name, binding.value, span)
        for name in self.nets:
            environment.bind(name, ItemName("net", name), self.spans[name])
        for name, block in self.blocks.items():
            environment.bind(name, BlockValue(block, environment), self.spans[name])
        for let in self.lets:
            statements.let(let, environment)
        return environment

    def _new(self, name: str, span: Span) -> bool:
        if name in self.spans:
            labels = (Label(self.spans[name], "first here"),)
            self._reporter.report("E0206", f"`{name}` is defined twice", span, labels=labels)
            return False
        self.spans[name] = span
        return True

    def _check_root(self, item: tree.NetItem | tree.NetAlias) -> None:
        """A net's name is its root scope, if it does not say another."""
        if item.scope is None and item.name.startswith("_"):
            message = f"`{item.name}` cannot be a scope: TensorFlow's names begin with a letter or a digit"
            help = f"`as` names another root: `net {item.name}(…) as Name`"
            self._reporter.report("E0208", message, item.name_span, help=help)

    def _check_used(self) -> None:
        seen: dict[str, Span] = dict(self.spans)
        for used in self.used:
            for name, span in used.spans.items():
                if name in seen and seen[name] != span:
                    labels = (Label(span, "and here, in a file that is used"),)
                    self._reporter.report("E0206", f"`{name}` is defined twice", seen[name], labels=labels)
                seen.setdefault(name, span)

    def _check_version(self) -> None:
        module = self.module
        if module.version is None:
            span = Span(module.span.source, module.span.start, module.span.start)
            help = f"write `slim {LANGUAGE_VERSION}` as the first line"
            message = "the file does not say which version of the language it is in"
            self._reporter.report("E0211", message, span, help=help)
        elif module.version != LANGUAGE_VERSION:
            message = (
                f"the file is in version {module.version} of the language; this is a compiler for version "
                f"{LANGUAGE_VERSION}"
            )
            self._reporter.report("E0211", message, _first_line(module.span))


def pattern_names(pattern: tree.Pattern) -> list[tuple[str, Span]]:
    """The names that a pattern binds, with their places."""
    if isinstance(pattern, tree.NamePattern):
        return [(pattern.name, pattern.span)]
    return [pair for item in pattern.items for pair in pattern_names(item)]


def _first_line(span: Span) -> Span:
    return Span(span.source, span.start, span.start + len(span.text.partition("\n")[0]))
