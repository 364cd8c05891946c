"""Finding the `.slim` files that `check` was asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from slimdsl.cli.refusal import Refusal, Unreadable, unreadable

SUFFIX = ".slim"
_SKIPPED = ("__pycache__", "node_modules", "site-packages")


def find_sources(paths: Sequence[str], refused: list[Unreadable]) -> list[str]:
    """Files as named, and the `.slim` files below folders, sorted; each file once, in the order of first mention.

    Below a folder, hidden folders, virtual environments and folders of installed packages are left out, and what is no
    file, such as a pipe. A link to nothing is in, so that reading it fails.

    Args:
        paths: files and folders; the current folder where there are none.
        refused: gets the folders that cannot be read.

    Raises:
        Refusal: a path does not exist, or there is no file to check.
    """
    found: dict[str, str] = {}
    for path in paths or (os.curdir,):
        for name in _expand(path, refused):
            found.setdefault(os.path.realpath(name), name)
    if not found and not refused:
        raise Refusal(f"no {SUFFIX} file in {' or '.join(f'`{path}`' for path in paths or (os.curdir,))}")
    return list(found.values())


def _expand(path: str, refused: list[Unreadable]) -> Iterable[str]:
    if os.path.isdir(path):
        return sorted(_below(path, refused))
    if not os.path.lexists(path):
        raise Refusal(f"there is no file or folder `{path}`")
    return (path,)


def _below(folder: str, refused: list[Unreadable]) -> Iterator[str]:
    def note(error: OSError) -> None:
        refused.append(unreadable(error.filename, error))

    for parent, folders, files in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if _is_searched(parent, name)]
        for name in files:
            path = os.path.normpath(os.path.join(parent, name))
            if name.endswith(SUFFIX) and not name.startswith(".") and (os.path.isfile(path) or _leads_nowhere(path)):
                yield path


def _leads_nowhere(path: str) -> bool:
    return os.path.islink(path) and not os.path.exists(path)


def _is_searched(parent: str, name: str) -> bool:
    is_environment = os.path.exists(os.path.join(parent, name, "pyvenv.cfg"))
    return not name.startswith(".") and name not in _SKIPPED and not is_environment
