"""Which checkpoint a path stands for, and in which of the two formats it is.

A checkpoint is several files, and people name it by its prefix, by one of the files, or by the folder in which training
has written it; a text file `checkpoint` there says which is the latest.
"""

from __future__ import annotations

import os
import re

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.values import Value, value
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import unreadable
from slimdsl.weights.table_writer import MAGIC
from slimdsl.weights.wire import WireError, read_varint

STATE_FILE = "checkpoint"
"""The text file of a folder that names its latest checkpoint."""

_LARGEST_STATE = 1 << 22
_LONGEST_HEAD = 32
_LATEST = re.compile(
    rb"""^[ \t]*model_checkpoint_path[ \t]*:[ \t]*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""", re.MULTILINE
)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|.)")
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_DATA = re.compile(r"\.data-\d{5,}-of-\d{5,}")
_OWN_ENDING = re.compile(r"\.(data-\d{5,}-of-\d{5,}|index|meta)$")
_SHARD = re.compile(r"-(\d{5,})-of-(\d{5,})$")
_INDEX = ".index"


@value
class Checkpoint(Value):
    """A checkpoint that was found.

    Attributes:
        prefix: what the names of its files begin with.
        version: 1 or 2.
        files: of version 1, its files in their order; of version 2, the index.
    """

    prefix: str
    version: int
    files: tuple[str, ...]


def find_checkpoint(path: str) -> Checkpoint | None:
    """The checkpoint that a path stands for; None where it stands for none.

    Args:
        path: a prefix, a file of a checkpoint, or a folder with a file `checkpoint`.

    Raises:
        WeightsError: it stands for one of which a part is missing.
    """
    if os.path.isdir(path):
        return _latest(path, path)
    folder, name = os.path.split(path)
    if name == STATE_FILE and os.path.isfile(path) and not is_table(path):
        return _latest(folder, path)
    prefix = path
    if os.path.isfile(path):
        prefix = _OWN_ENDING.sub("", path)
        if prefix == path and is_table(path):
            prefix = _SHARD.sub("", path)
    found = _at(prefix, path)
    if found is None and prefix != path:
        raise WeightsError((_without_index(prefix, path),))
    return found


def checkpoint_prefix(path: str) -> str | None:
    """The prefix of the checkpoint that a path stands for; None where it stands for none.

    Raises:
        WeightsError: it stands for one of which a part is missing.
    """
    found = find_checkpoint(path)
    return found.prefix if found else None


def _latest(folder: str, shown: str) -> Checkpoint | None:
    """The checkpoint that a folder's file names; None where it has no such file."""
    state = os.path.join(folder, STATE_FILE)
    if not os.path.isfile(state):
        return None
    try:
        with open(state, "rb") as file:
            content = file.read(_LARGEST_STATE)
    except OSError as error:
        raise WeightsError((unreadable(shown, f"its file `{STATE_FILE}`: {error.strerror}"),)) from None
    named = _LATEST.search(content)
    if named is None:
        reason = f'its file `{STATE_FILE}` has no line `model_checkpoint_path: "..."`'
        raise WeightsError((unreadable(shown, reason, "name the prefix of a checkpoint"),))
    latest = os.fsdecode(_ESCAPE.sub(_unescaped, named[1][1:-1]))
    # A folder that was moved still names the place where it was.
    for prefix in (os.path.join(folder, latest), os.path.join(folder, os.path.basename(latest))):
        found = _at(prefix, shown)
        if found:
            return found
    reason = f"its file `{STATE_FILE}` names the checkpoint `{latest}`, which is not there"
    raise WeightsError((unreadable(shown, reason, "name the prefix of another checkpoint"),))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """What a backslash and what follows it stand for in protobuf's texts."""
    text = escape[1]
    if text[:1] in b"01234567":
        return bytes([int(text, 8) & 0xFF])
    if len(text) > 1:
        return bytes([int(text[1:], 16)])
    return _LETTERS.get(text, text)


def _at(prefix: str, shown: str) -> Checkpoint | None:
    """The checkpoint with a prefix; None where there is none."""
    if os.path.isfile(prefix + _INDEX):
        return Checkpoint(prefix=prefix, version=2, files=(prefix + _INDEX,))
    if os.path.exists(prefix):
        return Checkpoint(prefix=prefix, version=1, files=(prefix,)) if is_table(prefix) else None
    folder, name = os.path.split(prefix)
    try:
        beside = os.listdir(folder or os.curdir)
    except (OSError, ValueError):
        return None
    endings = [other[len(name) :] for other in beside if name and other.startswith(name)]
    if any(_DATA.fullmatch(ending) for ending in endings):
        raise WeightsError((_without_index(prefix, shown),))
    numbered = [found for found in map(_SHARD.fullmatch, endings) if found]
    counts = sorted({found[2] for found in numbered if is_table(prefix + found[0])}, key=int)
    for count in counts:
        files = sorted(prefix + found[0] for found in numbered if found[2] == count)
        if len(files) == int(count):
            return Checkpoint(prefix=prefix, version=1, files=tuple(files))
    if counts:
        reason = f"it has {counts[0]} files, and not all of them are there"
        raise WeightsError((unreadable(shown, reason, "copy all files of the checkpoint"),))
    return None


def is_table(path: str) -> bool:
    """True for a regular file that ends as a table does, or begins as a checkpoint of version 1 and was cut off."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            begin = file.read(_LONGEST_HEAD)
            file.seek(max(0, os.fstat(file.fileno()).st_size - len(MAGIC)))
            return file.read(len(MAGIC)) == MAGIC or _begins_with_list(begin)
    except OSError:
        return False


def _begins_with_list(begin: bytes) -> bool:
    """True for an entry without a key whose content is one message: the list of tensors."""
    try:
        size, start = read_varint(begin, 2)
        inner, end = read_varint(begin, start + 1)
    except WireError:
        return False
    return begin[:2] == b"\0\0" and begin[start : start + 1] == b"\n" and end - start + inner == size


def _without_index(prefix: str, shown: str) -> Diagnostic:
    reason = f"the checkpoint's index `{os.path.basename(prefix + _INDEX)}` is missing"
    return unreadable(shown, reason, "copy all files of the checkpoint")
