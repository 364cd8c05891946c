"""Checkpoints that only TensorFlow can read: a process of its own copies their numbers into a temporary file.

Loaded only when it is needed.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from typing import Any, ClassVar

from slimdsl.types import DType
from slimdsl.values import Value, value
from slimdsl.weights.file_bytes import DamagedError, FileBytes
from slimdsl.weights.source import FileRange, Sink, WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile, unreadable
from slimdsl.weights.tensorflow_types import DTYPES, type_text
from slimdsl.workers import WorkerError, ask

_WORKER = "slimdsl.weights.worker"
_INSTALL = "pip install 'slimdsl[tf]'"


@value
class Wanted(Value):
    """A checkpoint that TensorFlow shall read.

    Attributes:
        pattern: its prefix; of one in several files of version 1, the pattern of their names.
        shown: what messages call it.
        digest_file: the file that stands for all of it.
        reason: why TensorFlow is needed.
        help: what else would do; may be empty.
    """

    pattern: str
    shown: str
    digest_file: str
    reason: str
    help: str


class CopiedCheckpoint(WeightsFile):
    """A checkpoint whose numbers TensorFlow has copied; `open_through_tensorflow` makes one."""

    kind: ClassVar[str] = "TensorFlow checkpoint, read by TensorFlow"

    def __init__(
        self, wanted: Wanted, folder: tempfile.TemporaryDirectory[str], file: FileBytes, tensors: list[list[Any]]
    ) -> None:
        super().__init__(wanted.shown, {name: _stored(name, number, shape) for name, number, shape, _ in tensors})
        self._wanted = wanted
        self._folder = folder
        self._file = file
        self._offsets = {name: offset for name, _, _, offset in tensors}

    def write(self, name: str, sink: Sink) -> None:
        """Pass on the numbers of one tensor; TensorFlow has compared their checksum."""
        try:
            for piece in self._file.pieces(self._offsets[name], self.tensors[name].size):
                sink(piece)
        except DamagedError as error:
            raise WeightsError((unreadable(self.path, f"TensorFlow's copy of it: {error}"),)) from None

    def file_range(self, name: str) -> FileRange | None:
        """Where the numbers stand in the copy."""
        return FileRange(descriptor=self._file.descriptor, offset=self._offsets[name], size=self.tensors[name].size)

    def digest_file(self) -> str:
        """The file of the checkpoint itself."""
        return self._wanted.digest_file

    def close(self) -> None:
        """Remove the copy."""
        self._file.close()
        self._folder.cleanup()


def open_through_tensorflow(wanted: Wanted) -> CopiedCheckpoint:
    """Let TensorFlow read a checkpoint.

    Raises:
        WeightsError: TensorFlow is not installed, or cannot read it either.
    """
    if importlib.util.find_spec("tensorflow") is None:
        reason = f"{wanted.reason}; TensorFlow could read it, and is not installed"
        raise WeightsError((unreadable(wanted.shown, reason, wanted.help or _INSTALL),))
    try:
        folder = tempfile.TemporaryDirectory(prefix="slimdsl-")
    except OSError as error:
        raise WeightsError((unreadable(wanted.shown, f"there is no place for a copy: {error}"),)) from None
    try:
        values = os.path.join(folder.name, "values")
        answer = ask(_WORKER, {"pattern": os.path.abspath(wanted.pattern), "values": values})
        return CopiedCheckpoint(wanted, folder, FileBytes(values), answer["tensors"])
    except (WorkerError, DamagedError, OSError) as error:
        folder.cleanup()
        reason = f"{wanted.reason}, and TensorFlow could not read it either: {error}"
        raise WeightsError((unreadable(wanted.shown, reason),)) from None
    except BaseException:
        folder.cleanup()
        raise


def _stored(name: str, number: int, shape: list[int]) -> StoredTensor:
    dtype: DType | None = DTYPES.get(number)
    return StoredTensor(name=name, dtype=dtype, shape=tuple(shape), type_text=type_text(number))
