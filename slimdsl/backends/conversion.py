"""What the formats that other projects' converters make have in common.

The network is written as a frozen graph into a temporary folder beside the target, a worker converts it there, and the
finished file moves to its place whole. The folder goes in every case, an interruption included; only a process that is
killed leaves it behind, under a name that ends like those of all unfinished files (`files.TEMPORARY_SUFFIX`).
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from slimdsl.backends.graphdef.emission import Emission
from slimdsl.backends.graphdef.emitter import GraphEmitter, full_name
from slimdsl.backends.graphdef.stream import check_size, pass_on
from slimdsl.backends.order import ArtefactError, MissingPackageError, Order
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import (
    OUT_OF_SPACE,
    TEMPORARY_SUFFIX,
    FileWriteError,
    copy_range,
    explained,
    is_stream,
    replace_file,
    write_all,
)
from slimdsl.ir.graph import Graph, Tensor
from slimdsl.ir.verify import verify
from slimdsl.types import substitute
from slimdsl.values import Value, positional, value
from slimdsl.workers import Answer, WorkerDiedError, WorkerError, ask

ALTERNATIVE = "`--to frozen` and `--to savedmodel` hold every network"
"""What can be done where a converter refuses one."""

_LONGEST_PREFIX = 40
_KILLED = 9
_FULL = os.strerror(errno.ENOSPC)


@positional
class Package(Value):
    """What a converter needs: the module that is imported, and the package as `pip` calls it."""

    module: str
    name: str


TENSORFLOW = Package("tensorflow", "tensorflow")


@value
class Converted(Value):
    """What a conversion came to.

    Attributes:
        size: bytes of the artefact.
        answer: what the worker says.
    """

    size: int
    answer: Answer


def require(what: str, packages: Sequence[Package], extra: str) -> None:
    """See that packages are installed, without loading them.

    Args:
        what: what needs them, such as ``--to onnx``.
        packages: the packages.
        extra: the extra of this project that brings them.

    Raises:
        MissingPackageError: one is not.
    """
    for package in packages:
        if not _is_installed(package.module):
            raise MissingPackageError(what, package.name, extra)


def refused(graph: Graph, kind: str, reason: str, help: str = ALTERNATIVE) -> ArtefactError:
    """The error of a network that a format cannot hold."""
    message = f"`{graph.name}` cannot be converted to {kind}: {reason}"
    return ArtefactError((Diagnostic(code="E0601", message=message, span=None, help=help),))


def convert(
    order: Order, *, kind: str, worker: str, request: Mapping[str, Any], sizes: Mapping[str, int] | None = None
) -> Converted:
    """Have the network of an order converted, and put the result in its place.

    The worker is asked with the request and, beside that, with ``graph`` (path of the frozen graph), ``inputs`` and
    ``outputs`` (lists of ``{"name", "tensor", "dtype", "shape"}`` in the order of the text, where a size that is not
    known is a text), ``net`` (name of the network) and ``result`` (path of the file to write).

    Args:
        order: what is to be written.
        kind: the format in words, for messages.
        worker: full name of the worker's module.
        request: what the worker is asked for.
        sizes: numbers for sizes that the network leaves open; they stand in the shapes of the request alone.

    Raises:
        ArtefactError: the converter refuses the network, or the frozen graph would be too large for any reader.
        WeightsError: the weights cannot be read.
        FileWriteError: the file cannot be written.
    """
    graph = order.graph
    if graph.training:
        raise refused(graph, kind, "it is a training graph, and this format holds networks for inference")
    emission = _frozen(order)
    check_size(emission)
    with replace_file(order.path) as descriptor, _workspace(order.path) as folder:
        frozen = os.path.join(folder, "frozen.pb")
        result = os.path.join(folder, "result")
        _write(emission, order, frozen)
        asked = {
            **request,
            "net": graph.name,
            "graph": frozen,
            "result": result,
            "inputs": [
                _port(name, emission.inputs[name], tensor, sizes or {}) for name, tensor in graph.inputs.items()
            ],
            "outputs": [
                _port(name, emission.outputs[name], tensor, sizes or {}) for name, tensor in graph.outputs.items()
            ],
        }
        try:
            answer = ask(worker, asked, settings=_settings(folder))
        except WorkerError as error:
            if _FULL in str(error):
                raise FileWriteError(order.path, errno.ENOSPC, _FULL[0].lower() + _FULL[1:]) from error
            raise refused(graph, kind, _reason(error, emission.size)) from error
        os.unlink(frozen)
        size = _append(result, descriptor)
    return Converted(size=size, answer=answer)


def _reason(error: WorkerError, size: int) -> str:
    """Why a conversion failed."""
    if isinstance(error, WorkerDiedError) and error.signal == _KILLED:
        return f"the converter was killed, as happens where memory runs out; the network itself has {size:,} bytes"
    return str(error)


def _port(name: str, tensor: str, of: Tensor, sizes: Mapping[str, int]) -> dict[str, Any]:
    """An input or an output for the worker."""
    dims = (substitute(dim, sizes) for dim in of.type.shape)
    shape = [dim if isinstance(dim, int) else str(dim) for dim in dims]
    return {"name": name, "tensor": tensor, "dtype": of.type.dtype.value, "shape": shape}


def _frozen(order: Order) -> Emission:
    """The frozen graph, in which every output is a node of its own.

    Two outputs may be the same tensor, and an output may be an input; most formats cannot have that.
    """
    graph = order.graph
    verify(graph)
    emitter = GraphEmitter(graph, "frozen", order.seed)
    emitter.add_nodes()
    outputs = {}
    for name, tensor in graph.outputs.items():
        ref = emitter.refs[tensor.node, tensor.index]
        node = emitter.out.node("Identity", emitter.out.unique(f"outputs/{name}"), [ref], T=tensor.type.dtype)
        outputs[name] = full_name(node)
    emission = emitter.emission()
    return Emission(
        form=emission.form,
        pieces=emission.pieces,
        node_count=emission.node_count,
        inputs=emission.inputs,
        outputs=outputs,
        variables=emission.variables,
    )


def _write(emission: Emission, order: Order, path: str) -> None:
    """Write the frozen graph; it need not outlive the machine, so nothing waits for the disk."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            pass_on(emission, order.weights, partial(write_all, descriptor), descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            raise explained(order.path, error) from None
        raise


def _append(path: str, descriptor: int) -> int:
    """Pass on the bytes of the finished file; returns how many there are."""
    size = os.path.getsize(path)
    source = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        copy_range(source, 0, size, descriptor)
    finally:
        os.close(source)
    return size


@contextmanager
def _workspace(path: str) -> Iterator[str]:
    """A folder for a conversion, beside the target: a network needs room there in any case, but not elsewhere."""
    above = tempfile.gettempdir() if is_stream(path) else os.path.dirname(os.path.realpath(path))
    name = os.path.basename(path)[:_LONGEST_PREFIX]
    try:
        folder = tempfile.mkdtemp(prefix=f".{name}.", suffix=TEMPORARY_SUFFIX, dir=above)
    except OSError as error:
        raise explained(path, error) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: str) -> dict[str, str]:
    """The environment of a worker."""
    return {
        # Converters go over sets of names: with other hashes, the same network would give other bytes.
        "PYTHONHASHSEED": "0",
        # What they write for themselves stays with the rest, and goes with it.
        "TMPDIR": folder,
        "CUDA_VISIBLE_DEVICES": "-1",
    }


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


__all__ = ["ALTERNATIVE", "TENSORFLOW", "Converted", "Package", "convert", "refused", "require"]
