"""What `check` found clean before, so that unchanged files need not be compiled again.

One JSON file holds, for each file that was checked without a finding, a digest of its bytes and of those of every file
that it uses. It is believed only for this very compiler, by the times and sizes of its own files, and for the same
options. Whatever is wrong with it (missing, damaged, not writable) means that files are checked as if it were not
there. Imports nothing of the compiler: that is where the time is saved.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from hashlib import blake2b

from slimdsl.files import project_root

LIMIT = 5_000
_FORMAT = 1


def default_folder() -> str | None:
    """Where the cache lies: ``SLIMDSL_CACHE_DIR``, or ``slimdsl`` in the user's cache folder; None where it is off."""
    if os.environ.get("SLIMDSL_NO_CACHE"):
        return None
    own = os.environ.get("SLIMDSL_CACHE_DIR")
    if own:
        return own
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "slimdsl") if os.path.isabs(base) else None


class KnownClean:
    """The files that are known to be clean under some options.

    Args:
        folder: where the cache lies.
        options: whatever besides the files decides what is found, as text.
    """

    def __init__(self, folder: str, options: str) -> None:
        self._path = os.path.join(folder, "check.json")
        self._options = f"{_compiler_stamp()} {options}"
        self._states: dict[str, str] = {}
        self._changed = False
        self._entries = self._read()

    def nets(self, path: str) -> int | None:
        """The number of nets in a file that is known to be clean; None where it is not known."""
        # Taken before anything is compiled: what changes meanwhile is not what was compiled.
        own = self._state(os.path.abspath(path))
        entry = self._entries.get(self._key(path))
        if not isinstance(entry, dict):
            return None
        files, nets = entry.get("files"), entry.get("nets")
        if not isinstance(files, dict) or not isinstance(nets, int) or entry.get("root") != self._root(path):
            return None
        if files.get(os.path.abspath(path)) != own:
            return None
        return nets if all(self._state(file) == state for file, state in files.items()) else None

    def remember(self, path: str, used: Sequence[str], nets: int) -> None:
        """Note that a file, with the files that it uses, was found clean."""
        files = {file: self._state(file) for file in (os.path.abspath(path), *used)}
        if all(files.values()):
            self._entries.pop(self._key(path), None)
            self._entries[self._key(path)] = {"files": files, "nets": nets, "root": self._root(path)}
            self._changed = True

    def save(self) -> None:
        """Write what was noted; a cache that cannot be written is no error."""
        if not self._changed:
            return
        kept = dict(list(self._entries.items())[-LIMIT:])
        temporary = f"{self._path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump({"format": _FORMAT, "entries": kept}, file)
            os.replace(temporary, self._path)
        except OSError:
            # A full or read-only disk: the next check compiles again, and nothing is lost.
            return

    def _read(self) -> dict[str, object]:
        if not os.path.isfile(self._path):
            return {}
        try:
            with open(self._path, encoding="utf-8") as file:
                document = json.load(file)
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            return {}
        entries = document.get("entries")
        return entries if isinstance(entries, dict) else {}

    def _key(self, path: str) -> str:
        return f"{self._options} {os.path.abspath(path)}"

    @staticmethod
    def _root(path: str) -> str:
        """The project that the file belongs to: it decides what the file may use."""
        return project_root(os.path.dirname(os.path.abspath(path)))

    def _state(self, path: str) -> str:
        """Where a path leads, and the digest of the bytes there; empty where that is no plain file that can be read."""
        if path not in self._states:
            try:
                # A pipe could be read only once, and that is for the compiler.
                data = _bytes(path) if os.path.isfile(path) else None
            except OSError:
                data = None
            digest = "" if data is None else blake2b(data, digest_size=20).hexdigest()
            self._states[path] = f"{digest} {os.path.realpath(path)}" if digest else ""
        return self._states[path]


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _compiler_stamp() -> str:
    """A digest of the times and sizes of the compiler's own files: another compiler may find other things."""
    found = []
    pending = [os.path.dirname(os.path.abspath(__file__))]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.name.endswith((".py", ".json", ".lark")):
                    status = entry.stat()
                    found.append(f"{entry.path} {status.st_mtime_ns} {status.st_size}")
    return blake2b("\n".join(sorted(found)).encode(), digest_size=8).hexdigest()
