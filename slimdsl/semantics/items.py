"""The items of a file by name: nets, aliases and blocks, with duplicates and unknown versions reported."""

from __future__ import annotations

from slimdsl.diagnostics.diagnostic import Label
from slimdsl.diagnostics.source import Span
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.semantics.environment import Environment
from slimdsl.semantics.reporter import Reporter
from slimdsl.semantics.values import ItemName
from slimdsl.syntax import tree
from slimdsl.values import Value, value

LANGUAGE_VERSION = 1
MAX_ALIASES = 20


@value
class ResolvedNet(Value):
    """A net with the arguments that its aliases give: parameter -> expression; `root` is its root scope or None."""

    name: str
    item: tree.NetItem
    arguments: dict[str, tree.Expr]
    root: tree.ScopePath | None


class Items:
    """What a file defines."""

    def __init__(self, module: tree.Module, reporter: Reporter) -> None:
        self.nets: dict[str, tree.NetItem | tree.NetAlias] = {}
        self.blocks: dict[str, tree.BlockItem] = {}
        self.lets: list[tree.LetStmt] = []
        self._reporter = reporter
        self._spans: dict[str, Span] = {}
        self._check_version(module)
        trains: list[tree.TrainItem] = []
        for item in module.items:
            if isinstance(item, (tree.NetItem, tree.NetAlias)):
                if self._new(item.name, item.name_span):
                    self.nets[item.name] = item
            elif isinstance(item, tree.BlockItem):
                if self._new(item.name, item.name_span):
                    self.blocks[item.name] = item
            elif isinstance(item, tree.LetStmt):
                self.lets.append(item)
            elif isinstance(item, tree.UseItem):
                message = "`use` is part of the language and not supported by this version yet"
                reporter.report("E0290", message, item.span)
            else:
                trains.append(item)
        for extra in trains[1:]:
            labels = (Label(_first_line(trains[0].span), "the first is here"),)
            reporter.report("E0206", "a file has one `train` block", _first_line(extra.span), labels=labels)

    def bind(self, environment: Environment) -> None:
        """Bind the names of nets and blocks, so that messages can tell what they are."""
        for name in self.nets:
            environment.bind(name, ItemName("net", name), self._spans[name])
        for name in self.blocks:
            environment.bind(name, ItemName("block", name), self._spans[name])

    def resolve(self, name: str) -> ResolvedNet | None:
        """Follow the aliases of a net to its item; None where something was reported."""
        arguments: dict[str, tree.Expr] = {}
        root: tree.ScopePath | None = None
        seen: list[str] = []
        item = self.nets[name]
        while isinstance(item, tree.NetAlias):
            seen.append(item.name)
            root = root or item.scope
            call = item.value
            callee = call.callee if isinstance(call, tree.CallExpr) else call
            if not isinstance(callee, tree.NameExpr):
                self._reporter.report("E0204", "an alias is a call of a net, such as `resnet_v1([3, 4, 6, 3])`", call.span)
                return None
            if callee.name in seen:
                self._reporter.report("E0210", f"the net `{callee.name}` is an alias of itself", callee.span)
                return None
            if len(seen) > MAX_ALIASES:
                message = f"`{name}` is an alias of an alias, more than {MAX_ALIASES} times over"
                self._reporter.report("E0305", message, self.nets[name].name_span)
                return None
            target = self.nets.get(callee.name)
            if target is None:
                help = did_you_mean(callee.name, [other for other in self.nets if other not in seen])
                self._reporter.report("E0201", f"unknown net `{callee.name}`", callee.span, help=help)
                return None
            written = self._written(call, self._parameters(target), callee.name)
            if written is None:
                return None
            arguments = {**written, **arguments}
            item = target
        return ResolvedNet(name=name, item=item, arguments=arguments, root=root or item.scope)

    def _parameters(self, item: tree.NetItem | tree.NetAlias) -> list[str]:
        seen: set[str] = set()
        while isinstance(item, tree.NetAlias) and len(seen) <= MAX_ALIASES:
            seen.add(item.name)
            callee = item.value.callee if isinstance(item.value, tree.CallExpr) else item.value
            target = self.nets.get(callee.name) if isinstance(callee, tree.NameExpr) else None
            if target is None or target.name in seen:
                return []
            item = target
        return [] if isinstance(item, tree.NetAlias) else [param.name for param in item.params]

    def _written(self, call: tree.Expr, parameters: list[str], name: str) -> dict[str, tree.Expr] | None:
        written: dict[str, tree.Expr] = {}
        for position, argument in enumerate(call.arguments if isinstance(call, tree.CallExpr) else ()):
            key = argument.name
            if key is None and position >= len(parameters):
                message = f"`{name}` takes at most {len(parameters)} arguments"
                self._reporter.report("E0303", message, argument.span)
                return None
            key = parameters[position] if key is None else key
            if key not in parameters:
                help = did_you_mean(key, parameters)
                self._reporter.report("E0202", f"`{name}` has no parameter `{key}`", argument.span, help=help)
                return None
            if key in written:
                self._reporter.report("E0303", f"`{key}` is given twice", argument.span)
                return None
            written[key] = argument.value
        return written

    def _new(self, name: str, span: Span) -> bool:
        if name in self._spans:
            labels = (Label(self._spans[name], "first here"),)
            self._reporter.report("E0206", f"`{name}` is defined twice", span, labels=labels)
            return False
        self._spans[name] = span
        return True

    def _check_version(self, module: tree.Module) -> None:
        if module.version is None:
            span = Span(module.span.source, module.span.start, module.span.start)
            help = f"write `slim {LANGUAGE_VERSION}` as the first line"
            self._reporter.report("E0211", "the file does not say which version of the language it is in", span, help=help)
        elif module.version != LANGUAGE_VERSION:
            message = f"the file is in version {module.version} of the language; this is a compiler for version {LANGUAGE_VERSION}"
            self._reporter.report("E0211", message, _first_line(module.span))


def _first_line(span: Span) -> Span:
    return Span(span.source, span.start, span.start + len(span.text.partition("\n")[0]))
