"""The kinds of argument an op can have: what may be written, and how it is checked and normalised.

A field of an op is declared with `arg(KIND, default, doc=…)`. `Kind.coerce` takes a value of the language (int, float,
bool, str, None, Kernel, tuple, LayerValue, Initializer, Regularizer) and returns what the op stores.
"""

from __future__ import annotations

from typing import Any

from slimdsl.ops.base import Applicable, Initializer, LayerValue, Regularizer
from slimdsl.values import MISSING, Value, field, fields, positional, value

MAX_ENTRIES = 32
"""Entries of a list of axes or sizes: tensors have no more axes."""


class ArgumentError(Exception):
    """The value does not suit the argument; the message completes the sentence "`stride` …"."""

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


MAX_EXTENT = 99_999
"""The largest extent of a window: what a kernel literal can say."""


@positional
class Kernel(Value):
    """The value of a kernel literal: ``3x3`` has sizes (3, 3)."""

    sizes: tuple[int, ...]

    def __str__(self) -> str:
        return "x".join(str(size) for size in self.sizes)


@value
class Kind(Value):
    """Base of the kinds.

    Attributes:
        description: what is wanted, as it reads after "must be".
        words: bare names that stand for themselves in this argument.
        table: which table a bare name or a call is looked up in: "layer", "initializer", "regularizer" or "".
        optional: True where `none` may be written.
    """

    description: str
    words: tuple[str, ...] = ()
    table: str = ""
    optional: bool = False

    def coerce(self, given: object) -> object:
        """Check and normalise.

        Raises:
            ArgumentError: the value is of the wrong kind or out of range.
        """
        if given is None and self.optional:
            return None
        return self.check(given)

    def check(self, given: object) -> object:
        """As `coerce`, for what is not `none`."""
        raise NotImplementedError

    def refuse(self, given: object) -> ArgumentError:
        """The error for a value of the wrong kind."""
        wanted = f"{self.description} or `none`" if self.optional else self.description
        return ArgumentError(f"must be {wanted}, not {describe(given)}")


@value
class AnyKind(Kind):
    """Any value: the parameters of blocks say no more."""

    description: str = "a value"

    def check(self, given: object) -> object:
        return given


@value
class IntKind(Kind):
    """An integer within bounds."""

    description: str = "an integer"
    minimum: int | None = None
    maximum: int | None = None

    def check(self, given: object) -> int:
        if isinstance(given, float) and given.is_integer():
            raise ArgumentError(f"must be an integer, not the float {given}", f"write `{int(given)}`")
        if not isinstance(given, int) or isinstance(given, bool):
            raise self.refuse(given)
        if self.minimum is not None and given < self.minimum:
            raise ArgumentError(f"must be at least {self.minimum}, not {given}")
        if self.maximum is not None and given > self.maximum:
            raise ArgumentError(f"must be at most {self.maximum:,}, not {given}")
        return given


@value
class NumberKind(Kind):
    """An integer or a float within bounds; stored as a float."""

    description: str = "a number"
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None

    def check(self, given: object) -> float:
        if not isinstance(given, (int, float)) or isinstance(given, bool):
            raise self.refuse(given)
        if self.minimum is not None and given < self.minimum:
            raise ArgumentError(f"must be at least {self.minimum:g}, not {given}")
        if self.above is not None and given <= self.above:
            raise ArgumentError(f"must be more than {self.above:g}, not {given}")
        if self.maximum is not None and given > self.maximum:
            raise ArgumentError(f"must be at most {self.maximum:g}, not {given}")
        return float(given)


@value
class BoolKind(Kind):
    """``true`` or ``false``."""

    description: str = "`true` or `false`"

    def check(self, given: object) -> bool:
        if not isinstance(given, bool):
            raise self.refuse(given)
        return given


@value
class WordKind(Kind):
    """One of a few bare words, such as ``same`` and ``valid``."""

    def check(self, given: object) -> str:
        if not isinstance(given, str) or given not in self.words:
            raise self.refuse(given)
        return given


@value
class WindowKind(Kind):
    """A positive extent on each spatial axis: ``3x3``, or one integer for all axes; stored as a tuple of 1 to 3."""

    description: str = "a window such as `3x3`, or an integer"

    def check(self, given: object) -> tuple[int, ...]:
        sizes = given.sizes if isinstance(given, Kernel) else given if isinstance(given, tuple) else (given,)
        if not sizes or not all(isinstance(size, int) and not isinstance(size, bool) for size in sizes):
            raise self.refuse(given)
        if any(size < 1 for size in sizes):
            raise ArgumentError(f"must be at least 1 on every axis, not {describe(given, bare=True)}")
        if max(sizes) > MAX_EXTENT:
            raise ArgumentError(f"must be at most {MAX_EXTENT:,} on every axis, not {describe(given, bare=True)}")
        return tuple(sizes)


@value
class IntsKind(Kind):
    """A list of integers, or one integer; stored as a tuple."""

    description: str = "a list of integers"
    minimum: int | None = None

    def check(self, given: object) -> tuple[int, ...]:
        items = given if isinstance(given, tuple) else (given,)
        if not all(isinstance(item, int) and not isinstance(item, bool) for item in items):
            raise self.refuse(given)
        if len(items) > MAX_ENTRIES:
            raise ArgumentError(f"must have at most {MAX_ENTRIES} entries, not {len(items):,}")
        if self.minimum is not None and any(item < self.minimum for item in items):
            raise ArgumentError(f"must have no entry below {self.minimum}, not {describe(given, bare=True)}")
        return tuple(items)


@value
class PairsKind(Kind):
    """A list of pairs of integers, one pair an axis; stored as a tuple of pairs."""

    description: str = "a list of pairs such as `[(0, 0), (1, 1), (1, 1), (0, 0)]`"

    def check(self, given: object) -> tuple[tuple[int, int], ...]:
        if not isinstance(given, tuple):
            raise self.refuse(given)
        for pair in given:
            whole = isinstance(pair, tuple) and len(pair) == 2 and all(type(item) is int for item in pair)
            if not whole:
                raise self.refuse(given)
            if min(pair) < 0:
                raise ArgumentError(f"must have no entry below 0, not {describe(given, bare=True)}")
        return tuple((pair[0], pair[1]) for pair in given)


@value
class LayerKind(Kind):
    """A layer as a value: ``relu``, ``batch_norm(decay=0.9)``."""

    description: str = "a layer such as `relu`"
    table: str = "layer"
    optional: bool = True

    def check(self, given: object) -> Applicable:
        if not isinstance(given, Applicable):
            raise self.refuse(given)
        return given


@value
class InitializerKind(Kind):
    """An initialiser such as ``truncated_normal(stddev=0.01)``."""

    description: str = "an initialiser such as `truncated_normal(stddev=0.01)`"
    table: str = "initializer"

    def check(self, given: object) -> Initializer:
        if not isinstance(given, Initializer):
            raise self.refuse(given)
        return given


@value
class RegularizerKind(Kind):
    """A regulariser such as ``l2(0.0005)``."""

    description: str = "a regulariser such as `l2(0.0005)`"
    table: str = "regularizer"
    optional: bool = True

    def check(self, given: object) -> Regularizer:
        if not isinstance(given, Regularizer):
            raise self.refuse(given)
        return given


def arg(kind: Kind, default: object = MISSING, *, doc: str) -> Any:
    """Declare an argument of an op; without a default it must be given."""
    return field(default=default, metadata={"kind": kind, "doc": doc})


@positional
class ArgumentSpec(Value):
    """An argument as the checker and the reference see it."""

    name: str
    kind: Kind
    default: object
    doc: str

    @property
    def required(self) -> bool:
        """True where there is no default."""
        return self.default is MISSING


_SPECS: dict[type[Value], dict[str, ArgumentSpec]] = {}


def argument_specs(op: type[Value]) -> dict[str, ArgumentSpec]:
    """The arguments of an op, an initialiser, a loss or the like, in the order in which they may be given."""
    if op not in _SPECS:
        _SPECS[op] = {
            f.name: ArgumentSpec(f.name, f.metadata["kind"], f.default, f.metadata["doc"])
            for f in fields(op)
            if "kind" in f.metadata
        }
    return _SPECS[op]


def written(given: object) -> str:
    """A value of the language as one writes it; arguments with their default are left out."""
    if given is None:
        return "none"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, tuple):
        items = [written(item) for item in given]
        return items[0] if len(items) == 1 else f"[{', '.join(items)}]"
    if isinstance(given, (Initializer, Regularizer)):
        specs = argument_specs(type(given)).values()
        values = {spec.name: getattr(given, spec.name) for spec in specs if spec.default != getattr(given, spec.name)}
        inside = ", ".join(f"{name}={written(value)}" for name, value in values.items())
        return f"{given.name}({inside})" if inside else given.name
    if isinstance(given, LayerValue):
        inside = ", ".join(f"{name}={written(value)}" for name, value in given.arguments)
        return f"{given.op.name}({inside})" if inside else given.op.name
    return str(given)


def describe(given: object, *, bare: bool = False) -> str:
    """A value as messages show it: "the string `same`", or, bare, just ``[1, 2]``."""
    if given is None:
        return "none"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, (int, float)):
        return str(given) if bare else f"the number {given}"
    if isinstance(given, str):
        return f'"{given}"' if bare else f'the string "{given}"'
    if isinstance(given, tuple):
        items = f"[{', '.join(describe(item, bare=True) for item in given[:8])}{', …' if len(given) > 8 else ''}]"
        return items if bare else f"the list {items}"
    nouns: dict[type[object], str] = {Kernel: "the kernel", LayerValue: "the layer"}
    if isinstance(given, Initializer):
        return given.name if bare else f"the initialiser `{given.name}`"
    if isinstance(given, Regularizer):
        return given.name if bare else f"the regulariser `{given.name}`"
    return str(given) if bare else f"{nouns.get(type(given), 'the value')} `{given}`"
