"""Folders that appear whole or not at all, as `files` does it for files. Loaded only by what writes folders."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Container, Iterator
from contextlib import contextmanager

from slimdsl.files import OUT_OF_SPACE, FileWriteError, explained, sync_folder, temporary_name


@contextmanager
def replace_folder(path: str, mark: str, entries: Container[str] | None = None) -> Iterator[str]:
    """Give an empty folder to fill; where the block ends without an exception, it becomes the folder at `path`.

    The folders that it stands in are made where they are missing.

    As `replace_file`: on any exception it is removed and what stood at `path` is untouched. Everything in a folder that
    stands there is lost: it is replaced only if it is empty, or holds the file `mark` and nothing but `entries`, if
    these are given.

    Raises:
        FileWriteError: the folder cannot be made, what stands there is something else, or the disk is full.
    """
    target = os.path.realpath(path)
    try:
        _require_replaceable(path, target, mark, entries)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        temporary = _create_temporary_folder(target)
    except OSError as error:
        raise explained(path, error) from None
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                _sync_file(os.path.join(folder, name))
            sync_folder(folder)
        _put_folder(temporary, target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in OUT_OF_SPACE:
            raise explained(path, error) from None
        raise
    sync_folder(os.path.dirname(target))


def _require_replaceable(path: str, target: str, mark: str, entries: Container[str] | None) -> None:
    if not path:
        raise FileWriteError(path, errno.ENOENT, "a folder has a name")
    if os.path.lexists(target) and not os.path.isdir(target):
        raise FileWriteError(path, errno.ENOTDIR, "there is a file of that name")
    if not os.path.isdir(target):
        return
    if os.path.realpath(os.curdir) == target or os.path.realpath(os.curdir).startswith(target + os.sep):
        raise FileWriteError(path, errno.EBUSY, "it is the folder that this runs in, or one above it")
    present = sorted(os.listdir(target))
    if present and mark not in present:
        raise FileWriteError(path, errno.ENOTEMPTY, f"the folder holds other things, and no `{mark}`")
    foreign = [name for name in present if entries is not None and name not in entries]
    if foreign:
        raise FileWriteError(path, errno.ENOTEMPTY, f"the folder holds `{foreign[0]}`, which would be lost")


def _create_temporary_folder(target: str) -> str:
    """Make a folder beside the target; its name says whose it is."""
    above, name = os.path.split(target)
    number = 0
    while True:
        temporary = os.path.join(above, temporary_name(name, number))
        try:
            os.mkdir(temporary)
        except FileExistsError:
            number += 1
        else:
            return temporary


def _put_folder(temporary: str, target: str) -> None:
    """Rename the folder; one that is there already steps aside first, because a folder replaces only an empty one."""
    if not os.path.isdir(target):
        os.rename(temporary, target)
        return
    old = _create_temporary_folder(target)
    os.rename(target, os.path.join(old, "old"))
    try:
        os.rename(temporary, target)
    except BaseException:
        os.rename(os.path.join(old, "old"), target)
        os.rmdir(old)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sync_file(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
