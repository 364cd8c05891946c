"""What a run is, as data, and how two of them differ: by this a folder's run is told from that of a command."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256

from slimdsl.ir.graph import Graph
from slimdsl.ir.text import print_graph
from slimdsl.recipe.older import with_defaults
from slimdsl.runtime.record_file import FINGERPRINT, PARAMETERS, PLACE, SPEC

COMPARED = ("network", "recipe", "data", "precision")
"""What of a run's record has to be the same for a command to go on with it; the machine may be another."""

UNSAID: Mapping[str, Mapping[str, object]] = {"data": {"shuffle": True, "labels_offset": 0, "holdout": None}}
"""What holds of a run whose record does not say it, because the version that wrote it knew of nothing else."""

WRITING = frozenset({"log_every", "save_every", "save_minutes", "summary_every", "keep", "steps_per_call"})
"""Settings that change nothing but what is written when."""

CHANGEABLE = WRITING | {"steps", "epochs", "metrics"}
"""Settings that a run may go on with changed: none of them changes a step, but by a schedule that ends with the run."""

_DATA = "data"
_LONGEST = 60


def network_document(graph: Graph) -> dict[str, object]:
    """What a network is, to be told from others: its variables by name, and a digest of all of its training graph."""
    return {
        "name": graph.name,
        "digest": sha256(print_graph(graph).encode()).hexdigest()[:16],
        "variables": {variable.name: list(variable.shape) for variable in graph.variables},
    }


def changed_settings(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """What is to be changed of a run that is gone on with, each in words."""
    return [text for _, text in _compared("recipe", *(_completed("recipe", each) for each in (old, new)))]


def differences(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """What keeps a run from being gone on with, each in words: ``recipe.batch was 32 and is 8``."""
    found = [pair for name in COMPARED for pair in _compared_entry(name, old, new)]
    if PARAMETERS in old and any(name.startswith("network.") for name, _ in found):
        # What makes it another network says more than its digest.
        found = _compared(PARAMETERS, old[PARAMETERS], new.get(PARAMETERS)) + found
    return [text for name, text in found if name.removeprefix("recipe.").partition(".")[0] not in CHANGEABLE]


def _compared_entry(name: str, old: Mapping[str, object], new: Mapping[str, object]) -> list[tuple[str, str]]:
    one, other = (_completed(name, each) for each in (old, new))
    if name == _DATA and isinstance(one, Mapping) and isinstance(other, Mapping):
        return _compared_data(dict(one), dict(other))
    return _compared(name, one, other)


def _compared_data(old: dict[str, object], new: dict[str, object]) -> list[tuple[str, str]]:
    """Data are what is in them, wherever they are and however they are called; older versions recorded that alone."""
    marks = [entry.pop(FINGERPRINT, "") for entry in (old, new)]
    names = [str(entry.pop(SPEC, "")) for entry in (old, new)]
    for entry in (old, new):
        entry.pop(PLACE, None)
    if not all(marks):
        return _compared(f"{_DATA}.{SPEC}", *map(os.path.normpath, names)) + _compared(_DATA, old, new)
    found = _compared(_DATA, old, new)
    if marks[0] != marks[1]:
        there = f"`{names[0]}` had" if names[0] != names[1] else "it had"
        text = f"`{names[1]}` has other data than {there}, by the names, sizes or contents of files"
        found.insert(0, (_DATA, text))
    return found


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
    found = _compared(path, _by_name(old), _by_name(new)) if _by_name(old) and _by_name(new) else []
    # Where only their order is another, that is all there is to say.
    return found or [(path, f"`{path}` was {_shown(old)} and is {_shown(new)}")]


def _by_name(items: object) -> dict[str, object] | None:
    """Losses and metrics by their names, so that those are named which differ; None for everything else."""
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, Mapping) and "name" in item for item in items):
        return None
    named = {str(item["name"]): item for item in items}
    return named if len(named) == len(items) else None


def _shown(item: object) -> str:
    text = json.dumps(item)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
