"""Finding the `.slim` files that `check` was asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from slimdsl.cli.refusal import Refusal

SUFFIX = ".slim"
_SKIPPED = ("__pycache__", "node_modules", "site-packages")


def find_sources(paths: Sequence[str]) -> list[str]:
    """Files as named, and the `.slim` files below folders, sorted; each file once, in the order of first mention.

    Hidden folders, virtual environments and folders of installed packages are left out below a folder.

    Raises:
        Refusal: a path does not exist, or there is no file to check.
    """
    found: dict[str, str] = {}
    for path in paths or (os.curdir,):
        for name in _expand(path):
            found.setdefault(os.path.realpath(name), name)
    if not found:
        raise Refusal(f"no {SUFFIX} file in {' or '.join(f'`{path}`' for path in paths or (os.curdir,))}")
    return list(found.values())


def _expand(path: str) -> Iterable[str]:
    if os.path.isdir(path):
        return sorted(_below(path))
    if not os.path.exists(path):
        raise Refusal(f"there is no file or folder `{path}`")
    return (path,)


def _below(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _is_searched(parent, name)]
        for name in files:
            if name.endswith(SUFFIX) and not name.startswith("."):
                yield os.path.normpath(os.path.join(parent, name))


def _is_searched(parent: str, name: str) -> bool:
    is_environment = os.path.exists(os.path.join(parent, name, "pyvenv.cfg"))
    return not name.startswith(".") and name not in _SKIPPED and not is_environment
