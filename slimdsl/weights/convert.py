"""Write the tensors of one file of weights into another, of whichever format its name stands for.

The numbers pass through in pieces as they are; nothing is rounded, and nothing is left out that was not excepted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import overwritten
from slimdsl.values import Value, positional, value
from slimdsl.weights.bundle_writer import DATA_SUFFIX, INDEX_SUFFIX, write_bundle
from slimdsl.weights.npz_writer import npz_problem, write_npz
from slimdsl.weights.outgoing import Outgoing, type_problem
from slimdsl.weights.safetensors_writer import safetensors_problem, write_safetensors
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile

_MOST_AXES = 254
"""Axes that a tensor of TensorFlow has at most."""

_OTHER_FORMATS = (
    ".bin", ".gguf", ".h5", ".hdf5", ".keras", ".msgpack", ".npy", ".onnx", ".pb", ".pbtxt", ".pickle", ".pkl", ".pt",
    ".pth", ".tflite", ".zip",
)  # fmt: skip
"""Endings that promise a format that is not written; a checkpoint of such a name would mislead."""

_CHOICES = "name a `.npz`, a `.safetensors`, or the prefix of a TensorFlow checkpoint such as `model.ckpt`"


class TargetError(Exception):
    """Weights cannot be written under this name; the message is one sentence without a full stop."""


@positional
class Target(Value):
    """A format that weights are written in.

    Attributes:
        kind: the format in words.
        suffix: how its files end; "" for a prefix.
        files: the endings of the files that are written, to be added to the path.
        problem: why it cannot hold a tensor; "" where it can.
        write: writes tensors to a path, whole or not at all.
    """

    kind: str
    suffix: str
    files: tuple[str, ...]
    problem: Callable[[StoredTensor], str]
    write: Callable[[str, Sequence[Outgoing]], object]


@value
class Written(Value):
    """What was written.

    Attributes:
        path: as it was named; of a checkpoint, the prefix.
        kind: the format in words.
        tensors: how many.
        size: the bytes of all its files.
    """

    path: str
    kind: str
    tensors: int
    size: int


def checkpoint_problem(tensor: StoredTensor) -> str:
    """Why a checkpoint cannot hold a tensor; "" where it can."""
    if not tensor.name:
        return "it has no name"
    if len(tensor.shape) > _MOST_AXES:
        return f"it has {len(tensor.shape)} axes, and TensorFlow's tensors have at most {_MOST_AXES}"
    return type_problem(tensor)


TARGETS = (
    Target("archive of numpy arrays", ".npz", ("",), npz_problem, write_npz),
    Target("safetensors", ".safetensors", ("",), safetensors_problem, write_safetensors),
    Target("TensorFlow checkpoint", "", (INDEX_SUFFIX, DATA_SUFFIX), checkpoint_problem, write_bundle),
)


def target_for(path: str) -> Target:
    """The format that a name stands for.

    Raises:
        TargetError: none that is written.
    """
    name = os.path.basename(path)
    suffix = os.path.splitext(name)[1].lower()
    for target in TARGETS:
        if target.suffix and suffix == target.suffix:
            return target
    if suffix in _OTHER_FORMATS:
        raise TargetError(f"`{path}`: weights are not written as `{suffix}`; {_CHOICES}")
    if suffix == INDEX_SUFFIX or suffix.startswith(".data-"):
        raise TargetError(f"`{path}`: name a checkpoint by its prefix, `{path[: -len(suffix)]}`")
    if not name or os.path.isdir(path):
        raise TargetError(f"`{path}` is a folder; {_CHOICES}")
    if path == "-":
        raise TargetError(f"weights are not written to standard output; {_CHOICES}")
    return TARGETS[-1]


def convert(source: WeightsFile, path: str, names: Mapping[str, str]) -> Written:
    """Write tensors of a file into another, which appears whole or not at all.

    Args:
        source: the file, open.
        path: where to write; its ending says which format, and one of no format is the prefix of a checkpoint.
        names: name in the new file -> name in the source, in the order to be written (`selection.select` makes it).

    Raises:
        TargetError: the path stands for no format, or is one of the files that are read.
        WeightsError: a tensor is of a sort that the format cannot hold, or cannot be read.
        FileWriteError: the file cannot be written.
    """
    target = target_for(path)
    lost = next(filter(None, (overwritten(path + ending, files_of(source)) for ending in target.files)), "")
    if lost:
        raise TargetError(f"writing `{path}` would replace `{lost}`, which is read; write to another name")
    outgoing = [_outgoing(source, stored, name) for name, stored in names.items()]
    problems = tuple(_problems(path, target, (tensor for tensor, _ in outgoing)))
    if problems:
        raise WeightsError(problems)
    target.write(path, outgoing)
    size = sum(os.path.getsize(path + ending) for ending in target.files if os.path.isfile(path + ending))
    return Written(path=path, kind=target.kind, tensors=len(outgoing), size=size)


def files_of(source: WeightsFile) -> tuple[str, ...]:
    """The files that an open file of weights is read from, as far as their names tell."""
    main = source.digest_file()
    found = [source.path, main]
    if main.endswith(INDEX_SUFFIX):
        folder, prefix = os.path.split(main.removesuffix(INDEX_SUFFIX))
        try:
            beside = os.listdir(folder or os.curdir)
        except OSError:
            beside = []
        found += [os.path.join(folder, name) for name in beside if name.startswith(f"{prefix}.data-")]
    return tuple(dict.fromkeys(found))


def _outgoing(source: WeightsFile, stored: str, name: str) -> Outgoing:
    tensor = source.tensors[stored]
    renamed = StoredTensor(name=name, dtype=tensor.dtype, shape=tensor.shape, type_text=tensor.type_text)
    return renamed, partial(source.write, stored)


def _problems(path: str, target: Target, tensors: Iterable[StoredTensor]) -> Iterable[Diagnostic]:
    for tensor in tensors:
        problem = target.problem(tensor)
        if problem:
            yield Diagnostic(
                code="E0505",
                message=f"`{path}` cannot hold the tensor `{tensor.name[:200]}`: {problem}",
                span=None,
                help=f"leave it out: --except {tensor.name[:200]}",
            )
