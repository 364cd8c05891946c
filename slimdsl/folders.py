"""Folders that appear whole or not at all, as `files` does it for files. Loaded only by what writes folders."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from slimdsl.files import OUT_OF_SPACE, FileWriteError, explained, sync_folder, temporary_name


@contextmanager
def replace_folder(path: str, mark: str) -> Iterator[str]:
    """Give an empty folder to fill; where the block ends without an exception, it becomes the folder at `path`.

    The folders that it stands in are made where they are missing.

    As `replace_file`: on any exception it is removed and what stood at `path` is untouched. A folder that stands there is
    replaced only if it is empty or holds the file `mark`, because everything in it is lost.

    Raises:
        FileWriteError: the folder cannot be made, what stands there is something else, or the disk is full.
    """
    target = os.path.realpath(path)
    try:
        _require_replaceable(path, target, mark)
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


def _require_replaceable(path: str, target: str, mark: str) -> None:
    if not path:
        raise FileWriteError(path, errno.ENOENT, "a folder has a name")
    if os.path.lexists(target) and not os.path.isdir(target):
        raise FileWriteError(path, errno.ENOTDIR, "there is a file of that name")
    if os.path.isdir(target) and os.listdir(target) and not os.path.exists(os.path.join(target, mark)):
        raise FileWriteError(path, errno.ENOTEMPTY, f"the folder holds other things, and no `{mark}`")


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
