"""Going through a JSON document that may be anything: each step says what it expects, and an error says where it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TypeVar

_LONGEST_INTEGER = 20
_LONGEST_FLOAT = 64
_SHOWN = 80

Read = TypeVar("Read")


class DocumentError(ValueError):
    """The text is no such document; the message says where and why."""


class Cursor:
    """A place in a document: what stands there, and how one came to it.

    Args:
        given: what stands there.
        path: of the keys and places that lead to it, such as ``nodes[12].op``.
    """

    def __init__(self, given: object, path: str = "") -> None:
        self.given = given
        self.path = path

    def key(self, name: str) -> Cursor:
        """What an object has under a key that it must have."""
        given = self.object()
        if name not in given:
            raise self.error(f"there is no `{name}`")
        return Cursor(given[name], f"{self.path}.{name}" if self.path else name)

    def items(self) -> Iterator[Cursor]:
        """The entries of a list."""
        if not isinstance(self.given, list):
            raise self.error("this is not a list")
        for index, item in enumerate(self.given):
            yield Cursor(item, f"{self.path}[{index}]")

    def entries(self) -> Iterator[tuple[str, Cursor]]:
        """The keys of an object, and what stands under each."""
        for name, item in self.object().items():
            yield name, Cursor(item, f"{self.path}[{json.dumps(name[:_SHOWN])}]")

    def object(self) -> dict[str, object]:
        """An object."""
        if not isinstance(self.given, dict):
            raise self.error("this is not an object")
        return self.given

    def text(self) -> str:
        """A text."""
        if not isinstance(self.given, str):
            raise self.error("this is not a text")
        try:
            self.given.encode()
        except UnicodeEncodeError:
            raise self.error("this is not Unicode") from None
        return self.given

    def truth(self) -> bool:
        """True or false."""
        if not isinstance(self.given, bool):
            raise self.error("this is neither true nor false")
        return self.given

    def integer(self) -> int:
        """An integer."""
        if not isinstance(self.given, int) or isinstance(self.given, bool):
            raise self.error("this is not an integer")
        return self.given

    def pair(self) -> tuple[int, int]:
        """A list of two integers, the second at least as large as the first."""
        found = tuple(item.integer() for item in self.items())
        if len(found) != 2 or not 0 <= found[0] <= found[1]:
            raise self.error("this is not a range")
        return found[0], found[1]

    def read(self, function: Callable[[], Read]) -> Read:
        """What a function makes of this place; its ValueError is one of the place."""
        try:
            return function()
        except DocumentError:
            raise
        except ValueError as error:
            raise self.error(str(error)) from None

    def error(self, reason: str) -> DocumentError:
        """The error of this place."""
        return DocumentError(f"{self.path}: {reason}" if self.path else reason)


def parse(text: str) -> Cursor:
    """The beginning of a document.

    Raises:
        DocumentError: the text is no JSON object, or has a key twice.
    """
    try:
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=lambda digits: int(_at_most(digits, _LONGEST_INTEGER)),
            parse_float=lambda digits: float(_at_most(digits, _LONGEST_FLOAT)),
            parse_constant=_refuse,
        )
    except DocumentError:
        raise
    except json.JSONDecodeError as error:
        raise DocumentError(f"this is not JSON: {error.msg.lower()} in line {error.lineno}") from None
    except RecursionError:
        raise DocumentError("this is nested too deeply") from None
    cursor = Cursor(found)
    cursor.object()
    return cursor


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise DocumentError(f"an object has `{name[:_SHOWN]}` twice")
            seen.add(name)
    return found


def _at_most(digits: str, count: int) -> str:
    if len(digits) > count:
        raise DocumentError(f"the number {digits[:_SHOWN]} has too many digits")
    return digits


def _refuse(text: str) -> object:
    raise DocumentError(f"{text} is not JSON")
