"""The folder of a run: what it is a run of, so that a command goes on with its own run and never with another."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

from slimdsl.files import FileWriteError, explained, replace_file, write_all
from slimdsl.runtime.checkpoints import checkpoint_steps, clear_leftovers
from slimdsl.runtime.damage import Damaged, newest_whole, put_aside
from slimdsl.runtime.data.class_names import LABELS_FILE
from slimdsl.runtime.record_file import RECIPE_FILE
from slimdsl.runtime.run_comparison import changed_settings, differences
from slimdsl.runtime.run_files import RECIPE_TEXT_FILE, RunError, not_removed, remove_run, written_by_runs
from slimdsl.values import Value, field, value
from slimdsl.weights.checkpoint_state import STATE_FILE

LOCK_FILE = ".lock"
"""What the process that trains holds locked."""

_LABELS = "labels"
"""The key of a record that says whether the names of the classes in the folder are the run's."""

_SAID_BY_ALL = "slimdsl"
"""A key that every record of a run has."""


@value
class Found(Value):
    """What is in a folder before a training begins there.

    Attributes:
        start: the step of the checkpoint that the run goes on from; None to begin.
        changed: what is changed of the run that is gone on with, in words.
        record: the text of the run's record; None where it holds no run.
        steps: those of all checkpoints there.
        damaged: the last of them that cannot be read, which the run does not go on from.
    """

    start: int | None
    changed: tuple[str, ...] = field(default=())
    record: str | None
    steps: tuple[int, ...]
    damaged: tuple[Damaged, ...] = field(default=())


def prepare(folder: str, document: Mapping[str, object], *, fresh: bool, labels: str = "") -> Found:
    """See whether a folder may be used, change nothing, and say which step the run goes on from.

    Args:
        folder: the run's folder, which need not be there.
        document: what the run is, as `recipe.json` has it.
        fresh: whether what is there may be given up.
        labels: what `labels.txt` will hold; "" for no such file.

    Raises:
        RunError: it holds another run, files of nobody knows what, names of other classes, or no whole checkpoint.
        OSError: a checkpoint may not be read.
    """
    _require_place(folder)
    steps = tuple(checkpoint_steps(folder))
    text = _text(os.path.join(folder, RECIPE_FILE))
    recorded = _recorded(folder, given_up=fresh)
    if recorded is None:
        _require_no_files_of_others(folder)
        if labels and _text(os.path.join(folder, LABELS_FILE)) not in (None, labels):
            raise RunError(
                f"`{folder}` is no run and holds a {LABELS_FILE} with other names than the classes of the data: "
                "--logdir names another folder"
            )
    if recorded is None or fresh:
        return Found(start=None, record=text, steps=steps)
    found = differences(recorded, document)
    if found:
        more = f", and {len(found) - 4} more" if len(found) > 4 else ""
        raise RunError(
            f"`{folder}` holds another run: {'; '.join(found[:4])}{more}. --logdir names another folder, "
            "--fresh removes that run and starts anew"
        )
    start, damaged = newest_whole(folder, steps)
    if start is None and damaged:
        raise RunError(
            f"no checkpoint of `{folder}` is whole: {damaged[0].reason}; --logdir names another folder, "
            "--fresh removes that run and starts anew"
        )
    changed = changed_settings(recorded, document) if steps else []
    return Found(start=start, changed=tuple(changed), record=text, steps=steps, damaged=damaged)


def require_unchanged(folder: str, found: Found) -> None:
    """Look once more, now that nobody else may begin, whether a folder is as it was found.

    Raises:
        RunError: another process has trained there meanwhile.
    """
    steps = tuple(checkpoint_steps(folder))
    if steps == found.steps and _text(os.path.join(folder, RECIPE_FILE)) == found.record:
        return
    last = f", up to step {max(steps):,}" if steps else ""
    raise RunError(
        f"another process has trained in `{folder}` since this one looked at it{last}: the same command looks at it "
        "anew, --logdir names another folder"
    )


def _require_no_files_of_others(folder: str) -> None:
    """Refuse a folder that holds no run, and files that a run would write over.

    Raises:
        RunError: it does.
    """
    names = written_by_runs(folder)
    if checkpoint_steps(folder) or STATE_FILE in names:
        raise RunError(
            f"`{folder}` holds checkpoints and no {RECIPE_FILE}, so it is no run of `slimdsl train`: "
            "--logdir names another folder"
        )
    if names:
        raise RunError(
            f"`{folder}` holds `{names[0]}` and no {RECIPE_FILE}, so that file is of no run of `slimdsl train`, which "
            "would write over it: --logdir names another folder, or move the file away"
        )


def _require_place(folder: str) -> None:
    """Refuse a folder that is none, cannot be made or cannot be written to, as far as that can be seen.

    Raises:
        RunError: it is such a one.
    """
    if "\0" in folder:
        raise RunError("the path of --logdir holds a zero byte")
    try:
        folder.encode()
    except UnicodeEncodeError:
        # TensorFlow, which writes event files and checkpoints, takes no other names.
        raise RunError(f"`{folder}` is not UTF-8, as names of runs have to be: --logdir names another") from None
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise RunError(f"`{folder}` cannot be written: `{above}` is no folder; --logdir names another")
    if not os.access(above, os.W_OK | os.X_OK):
        raise RunError(f"`{folder}` cannot be written: `{above}` may not be written to; --logdir names another")


def _recorded(folder: str, *, given_up: bool) -> Mapping[str, object] | None:
    """What the folder's run is; None where it holds none.

    Args:
        folder: the run's folder.
        given_up: whether the run may be given up, which a damaged record does not stand in the way of.

    Raises:
        RunError: its record is damaged, or the file is something else.
    """
    path = os.path.join(folder, RECIPE_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            recorded = json.load(file)
    except FileNotFoundError:
        return None
    except ValueError as error:
        if given_up:
            return {}
        raise RunError(
            f"`{path}` is damaged: {error}; --logdir names another folder, --fresh removes the run and starts anew"
        ) from error
    except OSError as error:
        raise RunError(f"cannot read `{path}`: {error}; --logdir names another folder") from error
    if not isinstance(recorded, dict) or _SAID_BY_ALL not in recorded:
        raise RunError(f"`{path}` is no record of a run; --logdir names another folder")
    return recorded


def make_folder(folder: str) -> None:
    """Make the folder, and those above it, where it is not there.

    Raises:
        FileWriteError: it cannot be made.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise FileWriteError(folder, error.errno, reason[0].lower() + reason[1:]) from error


def begin(
    folder: str,
    document: Mapping[str, object],
    text: str,
    *,
    goes_on: bool,
    labels: str = "",
    damaged: Iterable[Damaged] = (),
) -> None:
    """Make the folder, which is there, a run's: what another has left is removed, unless this one goes on with it.

    Args:
        folder: the run's folder.
        document: what the run is.
        text: its recipe.
        goes_on: whether it goes on.
        labels: what `labels.txt` should hold; "" for no such file. One that no run has written stays as it is.
        damaged: checkpoints that are put aside.

    Raises:
        FileWriteError: it cannot be written.
        RunError: its record is damaged, it holds files of others, or something cannot be removed.
    """
    path = os.path.join(folder, LABELS_FILE)
    recorded = _recorded(folder, given_up=not goes_on)
    written = (recorded or {}).get(_LABELS) is True
    if recorded is None:
        _require_no_files_of_others(folder)
    elif not goes_on:
        remove_run(folder)
    try:
        if not goes_on and written and os.path.lexists(path):
            os.unlink(path)
        if recorded is not None:
            clear_leftovers(folder)
    except OSError as error:
        raise not_removed(folder, error) from error
    put_aside(folder, [each.step for each in damaged])
    own = written or not os.path.lexists(path)
    # The record first: a folder without it is nobody's.
    record = {**document, _LABELS: own and bool(labels)}
    _write(os.path.join(folder, RECIPE_FILE), json.dumps(record, indent=1) + "\n")
    _write(os.path.join(folder, RECIPE_TEXT_FILE), text)
    if labels and own and _text(path) != labels:
        _write(path, labels)


@contextmanager
def occupied(folder: str) -> Iterator[None]:
    """Keep other processes of this machine from using the folder; the system ends that with this process.

    Raises:
        RunError: another one is using it.
        FileWriteError: the file that is locked cannot be made.
    """
    # Windows has no such module, and no such protection.
    try:
        locks = import_module("fcntl")
    except ImportError:
        yield
        return
    path = os.path.join(folder, LOCK_FILE)
    try:
        file = open(path, "ab")  # noqa: SIM115 - closed below
    except OSError as error:
        raise explained(path, error) from error
    with file:
        try:
            locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another process is training in `{folder}`: --logdir names another folder") from None
        except OSError:
            # Some network file systems have no locks.
            pass
        yield


def _write(path: str, text: str) -> None:
    with replace_file(path) as descriptor:
        write_all(descriptor, text.encode(errors="surrogateescape"))


def _text(path: str) -> str | None:
    """What a file holds; None where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except OSError:
        return None
