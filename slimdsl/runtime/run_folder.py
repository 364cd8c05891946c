"""The folder of a run: what it is a run of, so that a command goes on with its own run and never with another."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module

from slimdsl.files import FileWriteError, replace_file, write_all
from slimdsl.ir.graph import Graph
from slimdsl.ir.text import print_graph
from slimdsl.recipe.older import with_defaults
from slimdsl.runtime.checkpoints import BEST_FILE, checkpoint_steps, clear_leftovers, remove_checkpoint
from slimdsl.runtime.data.class_names import LABELS_FILE
from slimdsl.runtime.logs import EVENTS_PREFIX, METRICS_FILE
from slimdsl.runtime.profiling import remove_profiles
from slimdsl.runtime.record_file import PARAMETERS, RECIPE_FILE
from slimdsl.weights.checkpoint_state import STATE_FILE

RECIPE_TEXT_FILE = "recipe.slim"

COMPARED = ("network", "recipe", "data", "precision")
"""What of a run's record has to be the same for a command to go on with it; the machine may be another."""

UNSAID: Mapping[str, Mapping[str, object]] = {"data": {"shuffle": True, "labels_offset": 0, "holdout": None}}
"""What holds of a run whose record does not say it, because the version that wrote it knew of nothing else."""

LOCK_FILE = ".lock"
"""What the process that trains holds locked."""

CHANGEABLE = frozenset({"steps", "epochs", "log_every", "save_every", "summary_every", "keep"})
"""Settings that a run may go on with changed: none of them changes a step, but by a schedule that ends with the run."""

_LABELS = "labels"
"""The key of a record that says whether the names of the classes in the folder are the run's."""

_FILES = (RECIPE_FILE, RECIPE_TEXT_FILE, METRICS_FILE, BEST_FILE, STATE_FILE)
_LONGEST = 60


class RunError(Exception):
    """The folder cannot be used for this run; the message says why and what to do."""


def network_document(graph: Graph) -> dict[str, object]:
    """What a network is, to be told from others: its variables by name, and a digest of all of its training graph."""
    return {
        "name": graph.name,
        "digest": sha256(print_graph(graph).encode()).hexdigest()[:16],
        "variables": {variable.name: list(variable.shape) for variable in graph.variables},
    }


def changed_settings(folder: str, document: Mapping[str, object]) -> list[str]:
    """What is to be changed of a run that is gone on with, each in words."""
    recorded = _recorded(folder)
    if recorded is None:
        return []
    return [text for _, text in _compared("recipe", *(_completed("recipe", each) for each in (recorded, document)))]


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """What keeps a run from being gone on with, each in words: ``recipe.batch was 32 and is 8``."""
    found = [pair for name in COMPARED for pair in _compared(name, _completed(name, old), _completed(name, new))]
    if PARAMETERS in old and any(name.startswith("network.") for name, _ in found):
        # What makes it another network says more than its digest.
        found = _compared(PARAMETERS, old[PARAMETERS], new.get(PARAMETERS)) + found
    return [text for name, text in found if name.removeprefix("recipe.") not in CHANGEABLE]


def _completed(name: str, recorded: Mapping[str, object]) -> object:
    """An entry of a record, with what a version that is older than this one did not say of it."""
    entry = recorded.get(name)
    if not isinstance(entry, Mapping):
        return entry
    return with_defaults(entry) if name == "recipe" else {**UNSAID.get(name, {}), **entry}


def _compared(path: str, old: object, new: object) -> list[tuple[str, str]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = []
        for key in dict.fromkeys((*old, *new)):
            inner = f"{path}.{key}" if path else str(key)
            if key not in old:
                found.append((inner, f"`{inner}` is new: {_shown(new[key])}"))
            elif key not in new:
                found.append((inner, f"`{inner}` is gone: it was {_shown(old[key])}"))
            else:
                found += _compared(inner, old[key], new[key])
        return found
    # As JSON has them: a tuple comes back as a list, and keys have no order.
    if json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True):
        return []
    return [(path, f"`{path}` was {_shown(old)} and is {_shown(new)}")]


def _shown(item: object) -> str:
    text = json.dumps(item)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def prepare(folder: str, document: Mapping[str, object], *, fresh: bool, labels: str = "") -> int | None:
    """See whether a folder may be used, change nothing, and say which step the run goes on from.

    Args:
        folder: the run's folder, which need not be there.
        document: what the run is, as `recipe.json` has it.
        fresh: whether what is there may be given up.
        labels: what `labels.txt` will hold; "" for no such file.

    Returns:
        The step of the last checkpoint; None to begin.

    Raises:
        RunError: it holds another run, checkpoints of nobody knows what, or names of other classes.
    """
    _require_place(folder)
    steps = checkpoint_steps(folder)
    recorded = _recorded(folder)
    if recorded is None:
        if steps or os.path.exists(os.path.join(folder, STATE_FILE)):
            raise RunError(
                f"`{folder}` holds checkpoints and no {RECIPE_FILE}, so it is no run of `slimdsl train`: "
                "--logdir names another folder"
            )
        if labels and _text(os.path.join(folder, LABELS_FILE)) not in (None, labels):
            raise RunError(
                f"`{folder}` is no run and holds a {LABELS_FILE} with other names than the classes of the data: "
                "--logdir names another folder"
            )
        return None
    if fresh:
        return None
    found = differences(recorded, document)
    if found:
        more = f", and {len(found) - 4} more" if len(found) > 4 else ""
        raise RunError(
            f"`{folder}` holds another run: {'; '.join(found[:4])}{more}. --logdir names another folder, "
            "--fresh removes that run and starts anew"
        )
    return max(steps, default=None)


def _require_place(folder: str) -> None:
    """Refuse a folder that is none, cannot be made or cannot be written to, as far as that can be seen.

    Raises:
        RunError: it is such a one.
    """
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise RunError(f"`{folder}` cannot be written: `{above}` is no folder; --logdir names another")
    if not os.access(above, os.W_OK | os.X_OK):
        raise RunError(f"`{folder}` cannot be written: `{above}` may not be written to; --logdir names another")


def _recorded(folder: str) -> Mapping[str, object] | None:
    """What the folder's run is; None where it holds none.

    Raises:
        RunError: its record is damaged.
    """
    path = os.path.join(folder, RECIPE_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            recorded = json.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read `{path}`: {error}; --logdir names another folder") from error
    if not isinstance(recorded, dict):
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


def begin(folder: str, document: Mapping[str, object], text: str, *, goes_on: bool, labels: str = "") -> None:
    """Make the folder, which is there, a run's: what another has left is removed, unless this one goes on with it.

    Args:
        folder: the run's folder.
        document: what the run is.
        text: its recipe.
        goes_on: whether it goes on.
        labels: what `labels.txt` should hold; "" for no such file. One that no run has written stays as it is.

    Raises:
        FileWriteError, OSError: it cannot be written.
        RunError: its record is damaged.
    """
    path = os.path.join(folder, LABELS_FILE)
    written = (_recorded(folder) or {}).get(_LABELS) is True
    if not goes_on:
        _remove_run(folder)
        if written and os.path.exists(path):
            os.unlink(path)
    clear_leftovers(folder)
    own = written or not os.path.lexists(path)
    _write(os.path.join(folder, RECIPE_TEXT_FILE), text)
    record = {**document, _LABELS: own and bool(labels)}
    _write(os.path.join(folder, RECIPE_FILE), json.dumps(record, indent=1) + "\n")
    if labels and own and _text(path) != labels:
        _write(path, labels)


@contextmanager
def occupied(folder: str) -> Iterator[None]:
    """Keep other processes of this machine from using the folder; the system ends that with this process.

    Raises:
        RunError: another one is using it.
    """
    # Windows has no such module, and no such protection.
    try:
        locks = import_module("fcntl")
    except ImportError:
        yield
        return
    with open(os.path.join(folder, LOCK_FILE), "ab") as file:
        try:
            locks.flock(file, locks.LOCK_EX | locks.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another process is training in `{folder}`: --logdir names another folder") from None
        except OSError:
            # Some network file systems have no locks.
            pass
        yield


def _remove_run(folder: str) -> None:
    for step in checkpoint_steps(folder):
        remove_checkpoint(folder, step)
    for name in os.listdir(folder):
        if name in _FILES or name.startswith(EVENTS_PREFIX):
            os.unlink(os.path.join(folder, name))
    remove_profiles(folder)


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
