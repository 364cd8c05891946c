"""Checkpoints of the first version, which TensorFlow wrote until 2016 and can still write, read without TensorFlow.

A checkpoint is one file, or several shards, each a table that begins with a list of its tensors. What TF-Slim has
published (`vgg_16.ckpt`, `resnet_v1_50.ckpt`) is in this form. A block of such a table has a tensor, or several small
ones; its checksum is compared before any number of it is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import ClassVar

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.values import Value, value
from slimdsl.weights.checksums import Extend
from slimdsl.weights.file_bytes import DamagedError, FileBytes
from slimdsl.weights.saved_slices import Numbers, SliceList, find_numbers, parse_list, slice_key, unpacked
from slimdsl.weights.source import FileRange, Sink, WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile, unreadable
from slimdsl.weights.table_file import Block, Entry, NeedsTensorFlowError, TableFile
from slimdsl.weights.tensorflow_types import DTYPES, type_text
from slimdsl.weights.wire import WireError

_LARGEST_LIST = 1 << 26
_SHOWN = 200


class _Shard:
    """One file: its bytes, its table, and which block has which key."""

    def __init__(self, path: str, extend: Extend) -> None:
        self.path = path
        self.file = FileBytes(path)
        try:
            self.table = TableFile(self.file, extend)
            self._places = dict(self._read_places())
        except BaseException:
            self.file.close()
            raise

    def place(self, key: bytes) -> tuple[Block, Entry]:
        """Where a key stands.

        Raises:
            WireError: it does not.
        """
        if key not in self._places:
            raise WireError("it is listed, and not there")
        return self._places[key]

    def listed(self) -> list[SliceList]:
        """The list of tensors at its beginning.

        Raises:
            DamagedError, WireError: there is none, or it is damaged.
            NeedsTensorFlowError: it is of a newer version.
        """
        if b"" not in self._places:
            raise DamagedError("it does not begin with a list of tensors; it is the table of something else")
        block, entry = self._places[b""]
        if entry.size > _LARGEST_LIST:
            raise DamagedError(f"its list of tensors has {entry.size:,} bytes")
        self.table.check(block)
        return parse_list(self.file.exactly(entry.offset, entry.size))

    def check_all(self) -> None:
        """Compare every block with its checksum.

        Raises:
            DamagedError: one differs.
        """
        for block in self.table.blocks:
            self.table.check(block)

    def _read_places(self) -> Iterator[tuple[bytes, tuple[Block, Entry]]]:
        for block in self.table.blocks:
            if self.table.says_compressed(block):
                raise NeedsTensorFlowError("it is compressed")
            for entry in self.table.entries(block):
                yield entry.key, (block, entry)


@value
class _Place(Value):
    """Where a tensor stands: the file, the block whose checksum guards it, the numbers."""

    shard: int
    block: Block
    numbers: Numbers


class _Contents:
    """What all shards together have."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.tensors: dict[str, StoredTensor] = {}
        self.places: dict[str, _Place] = {}
        self.problems: dict[str, Diagnostic] = {}

    def add(self, shard: _Shard, number: int, where: str) -> None:
        """Add what a shard has.

        Raises:
            DamagedError, WireError: its list cannot be read, or what cannot be read is damaged.
            NeedsTensorFlowError: only TensorFlow can read it.
        """
        found_before = len(self.problems)
        for found in shard.listed():
            if found.sliced or found.name in self.tensors or found.name in self.problems:
                raise NeedsTensorFlowError(f"its variable `{found.name[:_SHOWN]}` stands in parts")
            dtype = DTYPES.get(found.dtype)
            tensor = StoredTensor(name=found.name, dtype=dtype, shape=found.shape, type_text=type_text(found.dtype))
            try:
                if dtype is not None:
                    block, entry = shard.place(slice_key(found.name, len(found.shape)))
                    count = tensor.size // dtype.size
                    numbers = find_numbers(shard.file.peek, entry.offset, entry.size, dtype, count)
                    self.places[found.name] = _Place(shard=number, block=block, numbers=numbers)
                self.tensors[found.name] = tensor
            except (DamagedError, WireError) as error:
                reason = f"{where}the tensor `{found.name[:_SHOWN]}`: {error}"
                self.problems[found.name] = unreadable(self.shown, reason)
        if len(self.problems) > found_before:
            # What makes no sense is most likely damaged, and then the checksums say so.
            shard.check_all()


class CheckpointV1File(WeightsFile):
    """A checkpoint, open for reading; `read_checkpoint_v1` makes one."""

    kind: ClassVar[str] = "TensorFlow checkpoint (version 1)"

    def __init__(self, shown: str, shards: Sequence[_Shard], contents: _Contents) -> None:
        super().__init__(shown, contents.tensors, contents.problems)
        self._shards = shards
        self._places = contents.places

    def write(self, name: str, sink: Sink) -> None:
        """Pass on the numbers of one tensor, after the block that it stands in was compared."""
        try:
            for piece in self._pieces(name):
                sink(piece)
        except (DamagedError, NeedsTensorFlowError) as error:
            raise self._damaged(name, error) from None

    def file_range(self, name: str) -> FileRange | None:
        """Where the numbers stand, after their block was compared; None where they are varints."""
        place = self._places[name]
        if place.numbers.packed:
            return None
        shard = self._shards[place.shard]
        try:
            shard.table.check(place.block)
        except (DamagedError, NeedsTensorFlowError) as error:
            raise self._damaged(name, error) from None
        return FileRange(descriptor=shard.file.descriptor, offset=place.numbers.offset, size=place.numbers.size)

    def digest_file(self) -> str:
        """The file; of several, the first."""
        return self._shards[0].path

    def close(self) -> None:
        """Close the files."""
        for shard in self._shards:
            shard.file.close()

    def _pieces(self, name: str) -> Iterator[bytes]:
        place, tensor = self._places[name], self.tensors[name]
        shard, numbers = self._shards[place.shard], place.numbers
        shard.table.check(place.block)
        pieces = shard.file.pieces(numbers.offset, numbers.size)
        if numbers.packed and tensor.dtype is not None:
            return unpacked(pieces, tensor.dtype, tensor.size // tensor.dtype.size)
        return pieces

    def _damaged(self, name: str, error: Exception) -> WeightsError:
        reason = f"the tensor `{name[:_SHOWN]}`: {error}"
        if len(self._shards) > 1:
            reason = f"{os.path.basename(self._shards[self._places[name].shard].path)}: {reason}"
        return WeightsError((unreadable(self.path, reason),))


def read_checkpoint_v1(paths: Sequence[str], shown: str, extend: Extend) -> CheckpointV1File:
    """Open a checkpoint and check its lists, and that every tensor that is listed is there.

    Args:
        paths: its files, in their order.
        shown: what messages call it.
        extend: the checksum.

    Raises:
        WeightsError: it is damaged.
        NeedsTensorFlowError: only TensorFlow can read it.
        OSError: a file cannot be opened.
    """
    shards: list[_Shard] = []
    contents = _Contents(shown)
    try:
        for path in paths:
            where = f"`{os.path.basename(path)}`: " if len(paths) > 1 else ""
            try:
                shards.append(_Shard(path, extend))
                contents.add(shards[-1], len(shards) - 1, where)
            except (DamagedError, WireError) as error:
                raise WeightsError((unreadable(shown, f"{where}{error}"),)) from None
    except BaseException:
        for shard in shards:
            shard.file.close()
        raise
    return CheckpointV1File(shown, shards, contents)
