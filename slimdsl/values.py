"""The one way this project declares an immutable record.

A record is what `dataclass(frozen=True, slots=True)` makes, at a fraction of the cost: a few hundred records are
declared at start-up, most of which a run never makes an instance of, and `dataclasses` writes and compiles methods for
each (0.3 ms; a whole check has 120). Here comparison, hash and repr are methods of the base that go over the fields,
and a constructor is compiled when the first instance of its class is made. Knows nothing else of slimdsl.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> object:
        """Stand in for the typing marker, which Python 3.10 lacks."""
        return lambda function: function


T = TypeVar("T")


class Missing:
    """The default of a field that has none."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class Field:
    """A field of a record: its name, its default or `MISSING`, and whether it is compared and shown."""

    __slots__ = ("compare", "default", "metadata", "name", "repr")

    def __init__(self, default: object, metadata: Mapping[str, Any], compare: bool, repr: bool) -> None:
        self.name = ""
        self.default = default
        self.metadata = metadata
        self.compare = compare
        self.repr = repr


def field(
    *,
    default: object = MISSING,
    metadata: Mapping[str, Any] | None = None,
    compare: bool = True,
    repr: bool = True,
) -> Any:
    """Declare a field that is more than a name, a type and a default."""
    return Field(default, metadata or {}, compare, repr)


class RecordType(type):
    """Makes the annotated names of a class its fields, and slots of them; those of its bases come first."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> RecordType:
        """Create the class of a record."""
        fields: dict[str, Field] = {}
        for base in reversed(bases):
            fields.update(getattr(base, "__record_fields__", {}))
        inherited = set(fields)
        for key, annotation in namespace.get("__annotations__", {}).items():
            # Annotations are texts, since every module here postpones their evaluation.
            if str(annotation).startswith("ClassVar"):
                continue
            given = namespace.pop(key, MISSING)
            declared = given if isinstance(given, Field) else Field(given, {}, True, True)
            declared.name = key
            fields[key] = declared
        namespace["__slots__"] = tuple(key for key in fields if key not in inherited)
        namespace["__record_fields__"] = fields
        namespace["__record_keyword_only__"] = True
        # Each class has a constructor of its own, so that it never gets the compiled one of a base.
        namespace.setdefault("__init__", _first_init)
        return super().__new__(cls, name, bases, namespace)


def _first_init(self: Any, *arguments: object, **named: object) -> None:
    """Compile the constructor of the class, put it in the place of this one, and call it."""
    kind: Any = type(self)
    kind.__init__ = _compiled_init(kind)
    kind.__init__(self, *arguments, **named)


def _compiled_init(kind: Any) -> Callable[..., None]:
    names = {"_set": object.__setattr__}
    parameters = ["self"]
    body = []
    if kind.__record_keyword_only__ and kind.__record_fields__:
        parameters.append("*")
    for declared in kind.__record_fields__.values():
        default = ""
        if declared.default is not MISSING:
            names[f"_default_{declared.name}"] = declared.default
            default = f"=_default_{declared.name}"
        parameters.append(f"{declared.name}{default}")
        body.append(f"    _set(self, {declared.name!r}, {declared.name})")
    # Only names of our own classes go into this text.
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(body or ["    pass"]), names)  # noqa: S102
    return names["__init__"]


class Record(metaclass=RecordType):
    """Base of every record; two are equal where they are one."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed: `{name}` is fixed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed: `{name}` is fixed")

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{type(self).__name__}({shown})"


class Value(Record):
    """Base of the records that are equal where their fields are."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, f.name) == getattr(other, f.name) for f in fields(self) if f.compare)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, f.name) for f in fields(self) if f.compare)))


def fields(record: Record | RecordType) -> tuple[Field, ...]:
    """The fields of a record, or of its class, in their order."""
    found: dict[str, Field] = record.__record_fields__  # type: ignore[union-attr]  # the metaclass sets it
    return tuple(found.values())


def fields_of(record: Record) -> tuple[str, ...]:
    """The names of a record's fields, in their order."""
    return tuple(declared.name for declared in fields(record))


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Declare a record with fields given by name; the class derives from `Value` or `Record`."""
    return cls


@dataclass_transform(frozen_default=True, kw_only_default=False, eq_default=False, field_specifiers=(field,))
def positional(cls: type[T]) -> type[T]:
    """Declare a record whose few fields may be given by position."""
    cls.__record_keyword_only__ = False  # type: ignore[attr-defined]  # the metaclass sets it
    return cls
