"""Which tensors of a file are taken, and under which names: moving averages, renames and what is left out.

Nothing happens in silence: a rename or an exception that fits nothing is an error, and so are two tensors that would
come to the same name.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from types import MappingProxyType

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.values import Value, field, positional, value
from slimdsl.weights.stored import WeightsFile
from slimdsl.weights.training_state import SHADOW, training_state


@positional
class Rename(Value):
    """What is called `old`, or stands below it, in the file is called `new` in the network; "" is the root."""

    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.old}={self.new}"

    def applies_to(self, name: str) -> bool:
        """True for the name itself and everything below it."""
        return not self.old or is_below(name, self.old)

    def apply(self, name: str) -> str:
        """The new name of something that it applies to."""
        rest = name[len(self.old) :].lstrip("/")
        return "/".join(filter(None, (self.new, rest)))


@value
class Selection(Value):
    """What was asked for.

    Attributes:
        ema: take the moving average of a tensor in its place, where the file has one.
        excepted: scopes or names of the network that are not taken.
        renames: of scopes or names; the longest that fits a name is applied to it, once.
    """

    ema: bool = field(default=False)
    excepted: tuple[str, ...] = field(default=())
    renames: tuple[Rename, ...] = field(default=())


EVERYTHING = Selection()
"""All tensors under their own names."""


@value
class Selected(Value):
    """What comes of it.

    Attributes:
        names: name in the network -> name in the file, in the order of the file.
        averaged: names in the network whose moving average is taken.
        excepted: names that were left out, as the network has them.
        exceptions: says of any name whether it is left out.
        problems: what was asked for and cannot be.
    """

    names: Mapping[str, str] = field(default=MappingProxyType({}))
    averaged: frozenset[str] = field(default=frozenset())
    excepted: tuple[str, ...] = field(default=())
    exceptions: Exceptions
    problems: tuple[Diagnostic, ...] = field(default=())


def select(selection: Selection, file: WeightsFile, variables: Iterable[str] = ()) -> Selected:
    """Apply a selection to a file.

    Args:
        selection: what was asked for.
        file: the file.
        variables: names of the network's variables, which an exception may name too.
    """
    problems: list[Diagnostic] = []
    taken, averaged = _averages(selection, file, problems)
    renamed: dict[str, str] = {}
    used: set[Rename] = set()
    moved: set[str] = set()
    for name, stored in taken.items():
        rename = _longest(selection.renames, name)
        new = rename.apply(name) if rename else name
        if rename:
            used.add(rename)
        if new in renamed:
            problems.append(_collision(file, renamed[new], stored, new))
        renamed[new] = stored
        if name in averaged:
            moved.add(new)
    problems.extend(
        _unmatched(f"--rename {rename}", rename.old, taken, f"the file `{file.path}`")
        for rename in selection.renames
        if rename not in used
    )
    variables = tuple(variables)
    known = (*renamed, *variables, *file.problems)
    exceptions = Exceptions(selection.excepted, variables or _trained(renamed, moved, file))
    problems.extend(
        _unmatched(f"--except {scope}", scope, known, "the network or the file")
        for scope in selection.excepted
        if not any(exceptions.of(name, scope) for name in known)
    )
    left_out = dict.fromkeys(name for name in renamed if name in exceptions)
    return Selected(
        names={name: stored for name, stored in renamed.items() if name not in left_out},
        averaged=frozenset(moved),
        excepted=tuple(left_out),
        exceptions=exceptions,
        problems=tuple(problems),
    )


def is_below(name: str, scope: str) -> bool:
    """True where a name is the scope itself, or stands in it."""
    return name == scope or name.startswith(f"{scope}/")


class Exceptions:
    """The scopes that are left out; `in` says whether a name is.

    Args:
        scopes: as they were written: with the root of the network or without it.
        names: those that have the root, if there is one: the first part that is common to all of them.
    """

    def __init__(self, scopes: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self._scopes = tuple(scope.strip("/") for scope in scopes)
        roots = {name.partition("/")[0] if "/" in name else "" for name in names}
        self._root = roots.pop() if len(roots) == 1 else ""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(self.of(name, scope) for scope in self._scopes)

    def of(self, name: str, scope: str) -> bool:
        """True where the name is the scope itself, or stands in it."""
        scope = scope.strip("/")
        return is_below(name, scope) or (bool(self._root) and is_below(name, f"{self._root}/{scope}"))


def _trained(renamed: Mapping[str, str], averaged: Container[str], file: WeightsFile) -> list[str]:
    """The names without those of the state of training, which stands outside the root."""
    tensors = file.tensors
    return [name for name, stored in renamed.items() if name in averaged or not training_state(stored, tensors)]


def _averages(
    selection: Selection, file: WeightsFile, problems: list[Diagnostic]
) -> tuple[dict[str, str], frozenset[str]]:
    """The names before renaming -> those in the file, and which of them are moving averages."""
    if not selection.ema:
        return {name: name for name in file.tensors}, frozenset()
    averaged = frozenset(name.removesuffix(SHADOW) for name in file.tensors if name.endswith(SHADOW))
    if not averaged:
        problems.append(
            Diagnostic(
                code="E0508",
                message=f"--ema: `{file.path}` has no moving averages, no {file.entry} `…{SHADOW}`",
                span=None,
                help="without --ema the values themselves are taken",
            )
        )
    taken = {}
    for name in file.tensors:
        base = name.removesuffix(SHADOW)
        if name != base:
            taken[base] = name
        elif name not in averaged:
            taken[name] = name
    return taken, averaged


def _longest(renames: Iterable[Rename], name: str) -> Rename | None:
    fitting = [rename for rename in renames if rename.applies_to(name)]
    return max(fitting, key=lambda rename: len(rename.old), default=None)


def _collision(file: WeightsFile, first: str, second: str, name: str) -> Diagnostic:
    message = f"`{file.path}`: `{first}` and `{second}` would both be called `{name}`"
    return Diagnostic(code="E0508", message=message, span=None, help="rename or except one of them")


def _unmatched(option: str, wanted: str, names: Iterable[str], where: str) -> Diagnostic:
    scopes = dict.fromkeys(scope for name in names for scope in _scopes(name))
    hint = did_you_mean(wanted, list(scopes))
    return Diagnostic(code="E0508", message=f"{option}: nothing in {where} is called so", span=None, help=hint)


def _scopes(name: str) -> Iterator[str]:
    parts = name.split("/")
    for count in range(1, len(parts) + 1):
        yield "/".join(parts[:count])
