"""What a file of weights looks like from outside: named tensors whose bytes can be passed on one after another."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import ClassVar

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.types import DType
from slimdsl.values import Value, field, value
from slimdsl.weights.source import FileRange, Sink


@value
class StoredTensor(Value):
    """What a file says of one of its tensors.

    Attributes:
        name: its name in the file.
        dtype: its element type; None where no variable can have it.
        shape: its shape.
        type_text: the element type in words, such as ``float32`` or ``big-endian float32``.
    """

    name: str
    dtype: DType | None
    shape: tuple[int, ...]
    type_text: str = field(default="")

    @property
    def size(self) -> int:
        """Bytes of its numbers; 0 where the element type is unknown."""
        count = self.dtype.size if self.dtype else 0
        for dim in self.shape:
            count *= dim
        return count


class WeightsFile:
    """A file of weights, open for reading; subclasses are the formats, and `opening.open_weights` finds the right one.

    Args:
        path: as the user wrote it.
        tensors: what is in it, in the order of the file.
        problems: names of entries that cannot be read, which are not in `tensors` -> why (E0505).

    Attributes:
        kind: the format in words.
        entry: what one of its tensors is called: ``tensor`` or ``array``.
    """

    kind: ClassVar[str]
    entry: ClassVar[str] = "tensor"

    def __init__(
        self, path: str, tensors: Mapping[str, StoredTensor], problems: Mapping[str, Diagnostic] | None = None
    ) -> None:
        self.path = path
        self.tensors = tensors
        self.problems: Mapping[str, Diagnostic] = problems or {}

    def write(self, name: str, sink: Sink) -> None:
        """Pass on the numbers of one tensor: row-major, little-endian, as many as `StoredTensor.size` says.

        Whatever the format has to tell damaged bytes (a checksum) is compared by the time this returns.

        Raises:
            WeightsError: they cannot be read, or are damaged. What `sink` raises passes.
        """
        raise NotImplementedError

    def file_range(self, name: str) -> FileRange | None:
        """Where the same bytes stand in a file, their checksum compared already; None where they do not.

        Raises:
            WeightsError: they are damaged.
        """
        return None

    def digest_file(self) -> str:
        """The file whose SHA-256 stands for these weights in a manifest."""
        return self.path

    def close(self) -> None:
        """Close what is open."""

    def __enter__(self) -> WeightsFile:  # noqa: PYI034 - typing.Self is not in Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


UNREADABLE = "E0505"
"""The code of what is found where weights cannot be read."""


def unreadable(path: str, reason: str, help: str = "") -> Diagnostic:
    """The finding that a file of weights, or a part of it, cannot be read."""
    return Diagnostic(code=UNREADABLE, message=f"`{path}` cannot be read: {reason}", span=None, help=help)
