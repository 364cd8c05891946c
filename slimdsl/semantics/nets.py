"""Which net is meant by a name: aliases followed to the net itself, with the arguments that they give."""

from __future__ import annotations

from slimdsl.semantics.items import Items
from slimdsl.semantics.reporter import Reporter
from slimdsl.syntax import tree
from slimdsl.values import Value, value

MAX_ALIASES = 20


@value
class ResolvedNet(Value):
    """A net with what its aliases give it.

    Attributes:
        name: the name that was asked for.
        item: the net itself.
        home: the file that it stands in.
        arguments: parameter -> expression, and the file whose names the expression uses.
        root: the root scope as the alias or the net gives it; None for the name.
    """

    name: str
    item: tree.NetItem
    home: Items
    arguments: dict[str, tuple[tree.Expr, Items]]
    root: tree.ScopePath | None


def resolve(items: Items, name: str, reporter: Reporter) -> ResolvedNet | None:
    """Follow the aliases of a net of the file to its item; None where something was reported."""
    arguments: dict[str, tuple[tree.Expr, Items]] = {}
    root: tree.ScopePath | None = None
    seen: list[str] = []
    item, home = items.nets[name], items
    while isinstance(item, tree.NetAlias):
        seen.append(item.name)
        root = root or item.scope
        callee = _callee(item)
        if callee is None:
            message = "an alias is a call of a net, such as `resnet_v1([3, 4, 6, 3])`"
            reporter.report("E0204", message, item.value.span)
            return None
        if callee.name in seen:
            reporter.report("E0210", f"the net `{callee.name}` is an alias of itself", callee.span)
            return None
        if len(seen) > MAX_ALIASES:
            message = f"`{name}` is an alias of an alias, more than {MAX_ALIASES} times over"
            reporter.report("E0305", message, items.nets[name].name_span)
            return None
        found = home.find_net(callee.name)
        if found is None:
            help = reporter.did_you_mean(callee.name, [other for other in home.net_names() if other not in seen])
            reporter.report("E0201", f"unknown net `{callee.name}`", callee.span, help=help)
            return None
        written = _written(item.value, _parameters(*found), callee.name, reporter)
        if written is None:
            return None
        arguments = {**{key: (expression, home) for key, expression in written.items()}, **arguments}
        item, home = found
    return ResolvedNet(name=name, item=item, home=home, arguments=arguments, root=root or item.scope)


def _callee(alias: tree.NetAlias) -> tree.NameExpr | None:
    callee = alias.value.callee if isinstance(alias.value, tree.CallExpr) else alias.value
    return callee if isinstance(callee, tree.NameExpr) else None


def _parameters(item: tree.NetItem | tree.NetAlias, home: Items) -> list[str]:
    """The parameters of the net that an alias leads to; none where it leads nowhere, which is reported elsewhere."""
    for _ in range(MAX_ALIASES + 1):
        if isinstance(item, tree.NetItem):
            return [param.name for param in item.params]
        callee = _callee(item)
        found = home.find_net(callee.name) if callee is not None else None
        if found is None:
            return []
        item, home = found
    return []


def _written(call: tree.Expr, parameters: list[str], name: str, reporter: Reporter) -> dict[str, tree.Expr] | None:
    written: dict[str, tree.Expr] = {}
    for position, argument in enumerate(call.arguments if isinstance(call, tree.CallExpr) else ()):
        key = argument.name
        if key is None and position >= len(parameters):
            reporter.report("E0303", f"`{name}` takes at most {len(parameters)} arguments", argument.span)
            return None
        key = parameters[position] if key is None else key
        if key not in parameters:
            help = reporter.did_you_mean(key, parameters)
            reporter.report("E0202", f"`{name}` has no parameter `{key}`", argument.span, help=help)
            return None
        if key in written:
            reporter.report("E0303", f"`{key}` is given twice", argument.span)
            return None
        written[key] = argument.value
    return written
