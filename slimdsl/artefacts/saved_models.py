"""Reads SavedModels back: the graph, the signatures, and the values of the variables in the checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from slimdsl.artefacts.graph_reading import TYPE_NAMES, ReadNode, node_name, read_nodes, read_shape, variable_problems
from slimdsl.artefacts.read_back import ReadBack, counted, read_back
from slimdsl.artefacts.stored_values import Place, beginning, compare_values, place_in
from slimdsl.artefacts.wire import DamagedError, entries, first, inner, mapped, number, numbered, text
from slimdsl.backends.order import Artefact, Order
from slimdsl.backends.savedmodel.functions import RANDOM_SEED, REGULARIZATION_LOSS, TRAINING_STEP, free_name
from slimdsl.ir.graph import Graph, Tensor, Variable
from slimdsl.weights.bundle import read_bundle
from slimdsl.weights.checksums import library
from slimdsl.weights.source import WeightsError
from slimdsl.weights.stored import WeightsFile
from slimdsl.weights.table_file import NeedsTensorFlowError

_FILE = "saved_model.pb"
_PREFIX = os.path.join("variables", "variables")
_TAG = "serve"


def read_saved_model(order: Order, artefact: Artefact) -> ReadBack:
    """Read a SavedModel back.

    Raises:
        DamagedError: it is none.
        OSError: a file of it cannot be read.
    """
    frozen = order.options.frozen
    signed = [("serving_default", order.graph)]
    variables = {variable.name: variable for variable in order.graph.variables}
    if order.train_graph is not None and not frozen:
        signed.append(("train", order.train_graph))
        variables.update((variable.name, variable) for variable in order.train_graph.variables)
    with mapped(os.path.join(artefact.path, _FILE)) as content:
        meta_graph = inner(first(content, 2))
        if _TAG not in [text(tag) for tag in numbered(inner(first(meta_graph, 1)), 4)]:
            raise DamagedError(f"has no graph with the tag `{_TAG}`")
        nodes = read_nodes(inner(first(meta_graph, 2)))
        signatures = entries(meta_graph, 5)
        problems = list(variable_problems(nodes, variables.values(), frozen=frozen))
        for name, graph in signed:
            problems += _signature_problems(name, signatures.get(name), graph, nodes)
        summary = ", ".join(
            counted(number, noun)
            for number, noun in ((len(nodes), "node"), (len(signatures), "signature"), (len(variables), "variable"))
        )
        if problems or order.weights is None:
            return read_back(summary, 0, 0, problems)
        if frozen:
            places = [place_in(v, nodes[v.name].constant().content or memoryview(b"")) for v in variables.values()]
            compared, problems = compare_values(places, order.weights)
            return read_back(summary, compared, sum(place.size for place in places), problems)
    with _open_checkpoint(artefact.path) as file:
        problems = list(_checkpoint_problems(file, variables))
        places = [] if problems else [_place(file, variable) for variable in variables.values()]
        compared, different = compare_values(places, order.weights)
    return read_back(summary, compared, sum(place.size for place in places), [*problems, *different])


def _signature_problems(
    name: str, signature: memoryview | None, graph: Graph, nodes: dict[str, ReadNode]
) -> Iterator[str]:
    """What keeps a SignatureDef from being that of a network."""
    if signature is None:
        yield f"has no signature `{name}`"
        return
    ports = (
        ("input", 1, graph.inputs, (RANDOM_SEED, TRAINING_STEP)),
        ("output", 2, graph.outputs, (REGULARIZATION_LOSS,)),
    )
    for what, field, tensors, owned in ports:
        found = entries(signature, field)
        # What a training graph has besides; another number stands behind its name where that is taken.
        allowed = {free_name(own, tensors) for own in owned} if graph.training else set()
        for extra in sorted(found.keys() - tensors.keys() - allowed):
            yield f"has an {what} `{extra}` in the signature `{name}`, which the network does not have"
        for port, tensor in tensors.items():
            problem = _port_problem(found.get(port), tensor, nodes)
            if problem:
                yield f"has the {what} `{port}` of the signature `{name}` {problem}"


def _port_problem(info: memoryview | None, tensor: Tensor, nodes: dict[str, ReadNode]) -> str:
    """What keeps a TensorInfo from being that of a tensor, completing "has the input `x` …"; "" for nothing."""
    if info is None:
        return "not at all"
    if node_name(text(first(info, 1))) not in nodes:
        return f"as `{text(first(info, 1))}`, which is not in the graph"
    dtype = TYPE_NAMES.get(number(first(info, 2)), "")
    shape = read_shape(inner(first(info, 3)))
    wanted = tuple(dim if isinstance(dim, int) else -1 for dim in tensor.type.shape)
    if dtype != tensor.type.dtype.value or shape != wanted:
        return f"as {dtype}{list(shape or ())}, not as {tensor.type}"
    return ""


def _open_checkpoint(path: str) -> WeightsFile:
    """The checkpoint in a SavedModel.

    Raises:
        DamagedError: it cannot be read.
        OSError: its index cannot be opened.
    """
    extend = library()
    if extend is None:
        raise DamagedError("has a checkpoint whose checksums cannot be compared without google-crc32c")
    try:
        return read_bundle(os.path.join(path, _PREFIX), path, extend)
    except WeightsError as error:
        raise DamagedError(f"has a damaged checkpoint: {error}") from None
    except NeedsTensorFlowError as error:
        raise DamagedError(f"has a checkpoint of another making: {error}") from None


def _checkpoint_problems(file: WeightsFile, variables: dict[str, Variable]) -> Iterator[str]:
    """What keeps a checkpoint from having the variables of a network."""
    yield from (f"has a damaged checkpoint: {problem.message}" for problem in file.problems.values())
    for name, variable in variables.items():
        stored = file.tensors.get(name)
        if stored is None:
            yield f"has no values for the variable `{name}`"
        elif stored.dtype is not variable.tensor.type.dtype or stored.shape != variable.shape:
            yield f"has the variable `{name}` as {stored.type_text}{list(stored.shape)}, not as {variable.tensor.type}"


def _place(file: WeightsFile, variable: Variable) -> Place:
    """Where a checkpoint has the numbers of a variable; where all of them are read, their checksum is compared."""
    return Place(variable, file.tensors[variable.name].size, partial(beginning, file, variable.name))
