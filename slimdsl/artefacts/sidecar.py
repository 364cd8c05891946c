"""``NAME.manifest.json``: what artefacts were made of, beside them, for whoever finds them later.

The keys are described in ``docs/manifest.md``. Same inputs give the same bytes: there is no time, no machine and no
folder in it. One file describes all artefacts of a name that were made of the same network, parameters and weights.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from slimdsl.artefacts.production import Job, Product
from slimdsl.backends.registry import FORMATS
from slimdsl.diagnostics.source import Source
from slimdsl.files import FileWriteError, is_stream, replace_file, write_all
from slimdsl.json_text import json_text
from slimdsl.values import Value, value
from slimdsl.version import __version__
from slimdsl.weights.comparison import Comparison
from slimdsl.weights.manifest import manifest
from slimdsl.weights.selection import Selection

SUFFIX = ".manifest.json"

SCHEMA = 1
"""Counts changes that a reader would have to know of."""

_LARGEST = 64 * 2**20
"""Bytes of a sidecar that is read to be added to; whatever is larger is none of ours."""

_PIECE = 1 << 20


@value
class Origin(Value):
    """What a network was compiled from: the text, those that it uses, and the values given for parameters."""

    source: Source
    used: Mapping[str, Source]
    parameters: Mapping[str, str]


def sidecar_path(path: str) -> str:
    """Where the sidecar of an artefact is: its own name without the suffix of a format."""
    folder, name = os.path.split(path.rstrip(os.sep))
    suffixes = sorted({format.suffix for format in FORMATS} | {".pbtxt"}, key=len, reverse=True)
    bare = next((name.removesuffix(suffix) for suffix in suffixes if name.endswith(suffix)), name)
    return os.path.join(folder, (bare or name) + SUFFIX)


def write_sidecars(
    job: Job, origin: Origin, products: Sequence[Product], comparison: Comparison | None
) -> tuple[str, ...]:
    """Write the sidecars of a run's artefacts and return their paths.

    Raises:
        FileWriteError: one cannot be written.
        OSError: the file of weights cannot be read again.
    """
    common = _common(job, origin, comparison)
    by_path: dict[str, list[Product]] = {}
    for product in products:
        by_path.setdefault(sidecar_path(product.artefact.path), []).append(product)
    for path, group in by_path.items():
        artefacts = _others(path, common)
        artefacts.update((os.path.basename(p.artefact.path.rstrip(os.sep)), _entry(p)) for p in group)
        document = {**common, "artefacts": dict(sorted(artefacts.items()))}
        if is_stream(path):
            # A pipe would be waited for, maybe for ever.
            raise FileWriteError(path, errno.EEXIST, "there is something else of that name")
        with replace_file(path) as descriptor:
            write_all(descriptor, (json_text(document) + "\n").encode())
    return tuple(by_path)


def _common(job: Job, origin: Origin, comparison: Comparison | None) -> dict[str, object]:
    """What holds for all artefacts."""
    folder = os.path.dirname(os.path.abspath(origin.source.name))
    described = manifest(job.graph)
    return {
        "schema": SCHEMA,
        "net": described["net"],
        "training": job.graph.training,
        "source": {"file": os.path.basename(origin.source.name), "sha256": _text_hash(origin.source)},
        "uses": [
            {"file": os.path.relpath(path, folder).replace(os.sep, "/"), "sha256": _text_hash(source)}
            for path, source in sorted(origin.used.items())
        ],
        "parameters": dict(sorted(origin.parameters.items())),
        "parameter_count": job.graph.parameter_count(),
        "weights": _weights(job, comparison),
        "versions": {"slimdsl": __version__},
        **{key: described[key] for key in ("inputs", "outputs", "variables", "end_points")},
    }


def _text_hash(source: Source) -> str:
    return hashlib.sha256(source.text.encode()).hexdigest()


def _weights(job: Job, comparison: Comparison | None) -> dict[str, object]:
    if comparison is None:
        return {"seed": job.seed or 0}
    file = comparison.file
    described: dict[str, object] = {
        "file": os.path.basename(file.path.rstrip(os.sep)),
        "kind": file.kind,
        "sha256": _file_hash(file.digest_file()),
        **_selection(job.selection),
        "loaded": len(comparison.matching),
    }
    if comparison.excepted:
        described["drawn"] = [variable.name for variable in comparison.excepted]
    if job.seed is not None:
        described["seed"] = job.seed
    return described


def _selection(selection: Selection) -> dict[str, object]:
    asked = {
        "ema": selection.ema,
        "except": list(selection.excepted),
        "rename": {rename.old: rename.new for rename in selection.renames},
    }
    return {key: given for key, given in asked.items() if given}


def _file_hash(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _entry(product: Product) -> dict[str, object]:
    """What holds for one artefact alone."""
    target, artefact = product.target, product.artefact
    chosen = {name: getattr(target.options, name) for name in target.format.options}
    if chosen.get("calibrate"):
        chosen["calibrate"] = {"sha256": _file_hash(str(chosen["calibrate"]))}
    if "sizes" in chosen:
        # All that were taken: those that were not given stand in the artefact as well.
        chosen["sizes"] = dict(artefact.sizes)
    entry: dict[str, object] = {
        "format": target.format.name,
        "level": target.level,
        "options": {name: given for name, given in chosen.items() if given},
        "kind": artefact.kind,
        "size": artefact.size,
        "inputs": dict(artefact.inputs),
        "outputs": dict(artefact.outputs),
    }
    if target.format.packages:
        entry["made_with"] = {name: _version(name) for name in target.format.packages}
    if product.deployed is not None:
        points = product.deployed.graph.end_points
        entry["end_points"] = {scope: tensor.name for scope, tensor in points.items()}
        entry["folded_end_points"] = dict(product.deployed.folded_end_points)
    return entry


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _others(path: str, common: Mapping[str, object]) -> dict[str, object]:
    """The artefacts that the sidecar describes already, as far as they are of the same making and still there."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > _LARGEST:
            return {}
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    artefacts = document.pop("artefacts", None)
    # As it would be read back: tuples and lists are the same there.
    if document != json.loads(json.dumps(common)) or not isinstance(artefacts, dict):
        return {}
    folder = os.path.dirname(path)
    return {name: entry for name, entry in artefacts.items() if os.path.exists(os.path.join(folder, name))}
