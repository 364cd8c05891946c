"""Files that appear whole or not at all.

A file is written under a temporary name in its folder and renamed once all of it is on the disk, so that nobody ever
sees half of it and an existing file stays until the new one is complete. Whoever is killed while writing leaves at most
a hidden file whose name ends with `TEMPORARY_SUFFIX`. Knows nothing of what the files hold.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

ROOT_MARKS = (".git", "pyproject.toml")
"""What the folder of a project has."""

TEMPORARY_SUFFIX = ".slimdsl-tmp"
"""How the names of unfinished files end."""

STDOUT = "-"
"""The path that stands for standard output."""

_LARGEST_COPY = 1 << 30
_COPY_PIECE = 1 << 20
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
_SEPARATORS = (os.sep, os.altsep or os.sep)
OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says when a file cannot grow."""


class FileWriteError(OSError):
    """A file could not be written; `str` is one sentence that names it and says why."""

    def __init__(self, path: str, number: int | None, reason: str) -> None:
        super().__init__(number, reason, path)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot write `{self.path}`: {self.reason}"


@contextmanager
def replace_file(path: str) -> Iterator[int]:
    """Give a descriptor to write to; where the block ends without an exception, its bytes become the file at `path`.

    On any exception, `KeyboardInterrupt` included, the temporary file is removed and what stood at `path` is untouched.
    The new file has the permissions of any new file (the umask's). A symbolic link stays and the file that it points to
    is replaced. ``-``, ``/dev/stdout``, pipes and devices cannot be replaced: bytes go straight to them.

    Raises:
        FileWriteError: the file cannot be made (no such folder, a folder of that name, no permission), or the disk is
            full.
    """
    try:
        if not path:
            raise FileWriteError(path, errno.ENOENT, "a file has a name")
        if path.endswith(_SEPARATORS) and not os.path.isdir(path):
            raise FileWriteError(path, errno.ENOENT, f"there is no folder `{path}`")
        if os.path.isdir(path):
            raise FileWriteError(path, errno.EISDIR, "it is a folder")
        if is_stream(path):
            with _open_stream(path) as descriptor:
                yield descriptor
            return
        target = os.path.realpath(path)
        temporary, descriptor = _create_temporary(target)
    except OSError as error:
        raise explained(path, error) from None
    try:
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in OUT_OF_SPACE:
            raise explained(path, error) from None
        raise
    sync_folder(os.path.dirname(target))


def overwritten(path: str, read: Iterable[str]) -> str:
    """The first of the files that were read that writing to `path` would destroy; "" for none."""
    return next((name for name in read if _is_same_file(path, name)), "")


def _is_same_file(left: str, right: str) -> bool:
    try:
        # A pipe or a terminal may be read and written.
        return os.path.isfile(left) and os.path.samefile(left, right)
    except (OSError, ValueError):
        return False


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte, however many a single call takes."""
    view = memoryview(data).cast("B") if isinstance(data, memoryview) else memoryview(data)
    while len(view):
        view = view[os.write(descriptor, view) :]


def copy_range(source: int, offset: int, size: int, descriptor: int) -> None:
    """Append bytes of one open file to another, within the system where it can do that.

    Raises:
        OSError: they cannot be read or written, or the file is shorter.
    """
    while size:
        try:
            done = os.copy_file_range(source, descriptor, min(size, _LARGEST_COPY), offset)
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno in OUT_OF_SPACE:
                raise
            # Another system, or a pipe, or two file systems that cannot do it.
            piece = os.pread(source, min(size, _COPY_PIECE), offset)
            write_all(descriptor, piece)
            done = len(piece)
        if not done:
            raise OSError(errno.EIO, "the file that is copied has become shorter")
        offset += done
        size -= done


def is_stream(path: str) -> bool:
    """True for what bytes can only be sent to."""
    if path == STDOUT or os.path.abspath(path).startswith(_STREAMS):
        return True
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def _open_stream(path: str) -> Iterator[int]:
    if path == STDOUT:
        yield 1
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _create_temporary(target: str) -> tuple[str, int]:
    """Make a file beside the target; its name says whose it is."""
    folder, name = os.path.split(target)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    number = 0
    while True:
        temporary = os.path.join(folder, temporary_name(name, number))
        try:
            return temporary, os.open(temporary, flags, 0o666)
        except FileExistsError:
            number += 1


def temporary_name(name: str, number: int) -> str:
    """The name of an unfinished file or folder that will be called `name`."""
    # 255 bytes is the longest name of most file systems; the target's own may be as long.
    kept = os.fsdecode(os.fsencode(name)[:200])
    return f".{kept}.{os.getpid()}-{number}{TEMPORARY_SUFFIX}"


def sync_folder(folder: str) -> None:
    """Make the rename itself durable, where the file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def explained(path: str, error: OSError) -> FileWriteError:
    """The error of the system as one sentence about the path."""
    if isinstance(error, FileWriteError):
        return error
    folder = os.path.dirname(os.path.abspath(path))
    if isinstance(error, (FileNotFoundError, NotADirectoryError)) and not os.path.isdir(folder):
        return FileWriteError(path, error.errno, f"there is no folder `{os.path.dirname(path)}`")
    reason = error.strerror or "unknown reason"
    return FileWriteError(path, error.errno, reason[0].lower() + reason[1:])


def project_root(folder: str) -> str:
    """The nearest folder upwards that looks like a project's; the folder itself where none does."""
    current = os.path.realpath(folder)
    while True:
        if any(os.path.exists(os.path.join(current, mark)) for mark in ROOT_MARKS):
            return current
        above = os.path.dirname(current)
        if above == current:
            return os.path.realpath(folder)
        current = above
