"""The examples that int8 models are calibrated with: an archive with an array for every input, examples along axis 0.

They are compared with the inputs before anything is converted. An array holds the examples one behind the other along
its first axis, where the network has its batch; an input without axes has one number for each example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from slimdsl.backends.order import ArtefactError
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.suggest import did_you_mean
from slimdsl.ir.graph import Graph, Tensor
from slimdsl.types import Dim, DType, SymbolicDim, shape_text, substitute, symbol_names
from slimdsl.values import Value, value
from slimdsl.weights.npz import NpzFile
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import StoredTensor, WeightsFile


@value
class Examples(Value):
    """What an archive of examples holds.

    Attributes:
        count: how many examples there are.
        batches: name of the input -> how many of them are fed at once; 0 for an input without axes.
    """

    count: int
    batches: dict[str, int]


def check_examples(graph: Graph, path: str) -> Examples:
    """Compare an archive with the inputs of a network.

    Raises:
        ArtefactError: it does not fit, cannot be read, or was not given.
    """
    how = f"`numpy.savez(path, {', '.join(f'{name}=…' for name in graph.inputs)})` writes one"
    if not path:
        message = "`--precision int8` measures the network on examples, and `--calibrate DATA.npz` is not given"
        raise _error([message], f"{how}, with the examples of each input along its first axis")
    try:
        with NpzFile.open(path) as archive:
            problems = [diagnostic.message for diagnostic in archive.problems.values()]
            problems += _misfits(graph, archive.tensors)
            problems = problems or list(_bad_numbers(graph, archive))
            stored = dict(archive.tensors)
    except WeightsError as error:
        raise _error([diagnostic.message for diagnostic in error.diagnostics], how) from error
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise _error([f"`{path}` cannot be read: {reason[:1].lower()}{reason[1:]}"], how) from error
    if problems:
        raise _error(problems, how)
    first = next(iter(graph.inputs))
    batches = {name: _batch(tensor, _batch_names(graph)) for name, tensor in graph.inputs.items()}
    return Examples(count=stored[first].shape[0], batches=batches)


def _error(messages: Sequence[str], help: str) -> ArtefactError:
    return ArtefactError(tuple(Diagnostic(code="E0604", message=text, span=None, help=help) for text in messages))


def _misfits(graph: Graph, stored: Mapping[str, StoredTensor]) -> Iterator[str]:
    """What the names, types and shapes in an archive have against them."""
    for name in stored:
        if name not in graph.inputs:
            hint = did_you_mean(name, graph.inputs)
            yield f"`{name}` in the examples is no input of `{graph.name}`" + (f"; {hint}" if hint else "")
    sizes = dict.fromkeys(_batch_names(graph), 1)
    counts: dict[str, int] = {}
    for name, tensor in graph.inputs.items():
        if name not in stored:
            yield f"there are no examples for the input `{name}`"
            continue
        found = stored[name]
        if found.dtype is not tensor.type.dtype:
            yield f"the examples of `{name}` are {found.type_text}, and the input is {tensor.type.dtype.value}"
        problem = _misshapen(name, tensor, found.shape, sizes)
        if problem:
            yield problem
        else:
            batch = _batch(tensor, _batch_names(graph))
            counts[name] = found.shape[0] // max(batch, 1)
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{stored[name].shape[0]} of `{name}`" for name in counts)
        yield f"the numbers of examples do not go together: {listed}"


def _misshapen(name: str, tensor: Tensor, found: tuple[int, ...], sizes: dict[str, int]) -> str:
    """What is wrong with the shape of some examples; "" for nothing.

    Args:
        name: of the input.
        tensor: the input.
        found: the shape of its examples.
        sizes: what named sizes come to so far; those of this input are added.
    """
    wanted = tensor.type.shape
    text = f"the examples of `{name}` have the shape {shape_text(found)}"
    if len(found) != max(len(wanted), 1):
        return f"{text}, and the input is {tensor.type}: examples stand along the first axis"
    if 0 in found:
        return f"{text}: there are none"
    batch = _batch(tensor, set(sizes))
    if batch and found[0] % batch:
        return f"{text}, and the network takes {batch} at once: their number must be a multiple of it"
    for axis, (dim, size) in enumerate(zip(wanted[1:], found[1:]), 1):
        expected: Dim = substitute(dim, sizes)
        if isinstance(expected, SymbolicDim) and str(expected) in symbol_names(expected):
            sizes[str(expected)] = size
        elif isinstance(expected, int) and expected != size:
            why = "".join(f", where {symbol} is {sizes[symbol]}" for symbol in sorted(symbol_names(dim)))
            return f"{text}, and axis {axis} must be {expected}{why}"
    return ""


def _bad_numbers(graph: Graph, archive: WeightsFile) -> Iterator[str]:
    """Arrays with numbers that nothing can be measured with; reads every array, and so compares its checksum.

    Raises:
        WeightsError: one is damaged.
    """
    for name, tensor in graph.inputs.items():
        content = bytearray()
        archive.write(name, content.extend)
        if tensor.type.dtype in (DType.FLOAT16, DType.FLOAT32, DType.FLOAT64):
            numbers = np.frombuffer(content, tensor.type.dtype.value)
            bad = int(numbers.size - np.count_nonzero(np.isfinite(numbers)))
            if bad:
                yield f"{bad:,} of the {numbers.size:,} numbers in the examples of `{name}` are infinite or not numbers"


def _batch_names(graph: Graph) -> set[str]:
    """The named sizes that count examples."""
    return {name for tensor in graph.inputs.values() for dim in tensor.type.shape[:1] for name in symbol_names(dim)}


def _batch(tensor: Tensor, names: set[str]) -> int:
    """How many examples an input takes at once; 0 where it has no axes."""
    if not tensor.type.shape:
        return 0
    size = substitute(tensor.type.shape[0], dict.fromkeys(names, 1))
    return max(size, 1) if isinstance(size, int) else 1
