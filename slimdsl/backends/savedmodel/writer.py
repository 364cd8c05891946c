"""SavedModels, written without TensorFlow: a folder with the graph, its signatures and the values of its variables.

With variables it is what `tf.saved_model.save` makes of a module: functions that are called and trained after loading,
and beside them a flat graph for servers and for programs of TensorFlow 1. The checkpoint has every value under the name
that TF-Slim gives it, so that `variables/variables` is itself what `tf.train.Saver` takes. A frozen one is a flat graph
alone, with its weights as constants.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import cast

from slimdsl.backends.graphdef.emission import Emission
from slimdsl.backends.graphdef.emitter import GraphEmitter
from slimdsl.backends.graphdef.stream import check_size, pass_on, pass_on_weights
from slimdsl.backends.order import Artefact, ArtefactError, Order
from slimdsl.backends.savedmodel.functions import Function, calling_function, network_function
from slimdsl.backends.savedmodel.main_graph import main_graph, network_signature
from slimdsl.backends.savedmodel.object_graph import OBJECT_GRAPH_KEY, ObjectGraph, checkpoint_key
from slimdsl.backends.savedmodel.saved_model_file import ENTRIES, FILE_NAME, saved_model
from slimdsl.backends.savedmodel.signatures import SERVING_DEFAULT, TRAIN, Signature
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.files import write_all
from slimdsl.folders import replace_folder
from slimdsl.ir.graph import Variable
from slimdsl.ir.verify import verify
from slimdsl.weights.bundle_writer import StoredAlias, StoredText, Written, write_bundle
from slimdsl.weights.source import WeightSource
from slimdsl.weights.stored import StoredTensor

VARIABLES_PREFIX = os.path.join("variables", "variables")
"""The prefix of the checkpoint in the folder."""


def write(order: Order) -> Artefact:
    """Write a SavedModel.

    Raises:
        ArtefactError: it cannot be made of these graphs.
        GraphTooLargeError: `saved_model.pb` would be larger than any reader takes.
        WeightsError: the weights cannot be read.
        FileWriteError: the folder cannot be written.
    """
    problem = _problem(order)
    if problem:
        raise ArtefactError((Diagnostic(code="E0601", message=problem[0], span=None, help=problem[1]),))
    weights = order.weights
    if weights is None:
        # Loads numpy, which nothing but drawing numbers needs.
        weights = cast("WeightSource", import_module("slimdsl.weights.seeded").SeedWeights(order.seed))
    return _write_frozen(order, weights) if order.options.frozen else _write_variables(order, weights)


def _problem(order: Order) -> tuple[str, str] | None:
    """Why there can be no such SavedModel, and what to do about it."""
    train = order.train_graph
    if order.graph.training:
        what = "a SavedModel serves the inference graph, and this is the training graph"
        return what, "give the training graph beside it, as the signature `train`"
    if train is None:
        return None
    if order.options.frozen:
        return "a frozen SavedModel has no variables that could be trained", "leave out `frozen`, or the training graph"
    others = {variable.name: variable.tensor.type for variable in order.graph.variables}
    for variable in train.variables:
        type = others.get(variable.name, variable.tensor.type)
        if type != variable.tensor.type:
            what = f"the variable `{variable.name}` is {type} for inference and {variable.tensor.type} for training"
            return what, "let its shape be the same in both"
    return None


def _write_variables(order: Order, weights: WeightSource) -> Artefact:
    """The SavedModel of TensorFlow 2."""
    graph, train_graph = order.graph, order.train_graph
    served = {variable.name for variable in graph.variables}
    others = [v for v in train_graph.variables if v.name not in served] if train_graph else []
    variables = (*graph.variables, *others)
    serve = network_function(graph, "__inference_serve_0", order.seed)
    callables = {"__call__": serve, "serve": serve}
    signatures = {SERVING_DEFAULT: calling_function(serve, "__inference_signature_wrapper_serve_0")}
    train: Function | None = None
    if train_graph is not None:
        train = callables[TRAIN] = network_function(train_graph, "__inference_train_0", order.seed)
        signatures[TRAIN] = calling_function(train, "__inference_signature_wrapper_train_0")
    main = main_graph(graph, variables, order.seed, train)
    objects = ObjectGraph(variables, callables, signatures)
    functions = {function.name: function for function in (*callables.values(), *signatures.values())}
    file = saved_model(
        main.emission,
        main.signatures,
        functions=[function.definition for function in functions.values()],
        collection_def=main.collections,
        object_graph_def=objects.saved_objects(),
        **main.saver,
    )
    check_size(file)
    with replace_folder(order.path, FILE_NAME, ENTRIES) as folder:
        prefix = os.path.join(folder, VARIABLES_PREFIX)
        os.mkdir(os.path.dirname(prefix))
        tensors = _checkpoint(variables, weights, objects.checkpointed_objects())
        write_bundle(prefix, tensors, whole_or_nothing=False)
        size = _write_file(folder, file, None)
    facts = [
        *_signature_facts(main.signatures),
        ("call", f"tf.saved_model.load(path)({', '.join(serve.inputs)})"),
        ("checkpoint", os.path.join(order.path, VARIABLES_PREFIX)),
    ]
    if train is not None:
        facts.append(("train", f"tf.saved_model.load(path).train({', '.join(train.inputs)})"))
    return _artefact(order, "SavedModel with variables", size, file, tuple(facts))


def _write_frozen(order: Order, weights: WeightSource) -> Artefact:
    """A SavedModel of TensorFlow 1, with its weights as constants."""
    verify(order.graph)
    emitter = GraphEmitter(order.graph, "frozen", order.seed)
    emitter.add_nodes()
    signature = network_signature(emitter)
    file = saved_model(emitter.emission(), [signature])
    check_size(file)
    with replace_folder(order.path, FILE_NAME, ENTRIES) as folder:
        size = _write_file(folder, file, weights)
    facts = (*_signature_facts([signature]), ("call", f"tf.saved_model.load(path).signatures[{SERVING_DEFAULT!r}]"))
    return _artefact(order, "frozen SavedModel", size, file, facts)


def _checkpoint(variables: tuple[Variable, ...], weights: WeightSource, objects: bytes) -> Iterator[Written]:
    """What the checkpoint holds: every value once, under two names, and the objects that they belong to."""
    for variable in variables:
        dtype = variable.tensor.type.dtype
        tensor = StoredTensor(name=variable.name, dtype=dtype, shape=variable.shape, type_text=dtype.value)
        yield tensor, partial(pass_on_weights, weights, variable)
        yield StoredAlias(checkpoint_key(variable.name), variable.name)
    yield StoredText(OBJECT_GRAPH_KEY, objects)


def _write_file(folder: str, file: Emission, weights: WeightSource | None) -> int:
    """Write `saved_model.pb`; returns the bytes of all files of the folder."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(os.path.join(folder, FILE_NAME), flags, 0o666)
    try:
        pass_on(file, weights, partial(write_all, descriptor), descriptor)
    finally:
        os.close(descriptor)
    return sum(os.path.getsize(os.path.join(above, name)) for above, _, names in os.walk(folder) for name in names)


def _signature_facts(signatures: tuple[Signature, ...] | list[Signature]) -> list[tuple[str, str]]:
    return [("signature", signature.text) for signature in signatures]


def _artefact(order: Order, kind: str, size: int, file: Emission, facts: tuple[tuple[str, str], ...]) -> Artefact:
    return Artefact(
        path=order.path,
        kind=kind,
        size=size,
        nodes=file.node_count,
        inputs={name: name for name in order.graph.inputs},
        outputs={name: name for name in order.graph.outputs},
        facts=facts,
    )
