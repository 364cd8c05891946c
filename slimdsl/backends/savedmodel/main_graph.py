"""The graph that a server runs: the network as `--to graphdef` has it, and its variables' way to and from the disk.

It is one flat graph with TF-Slim's names, so that programs of TensorFlow 1 fetch its end points, train it and restore
old checkpoints into it. The training graph, whose names would be the same, is called as a function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slimdsl.backends.graphdef.emission import Emission
from slimdsl.backends.graphdef.emitter import GraphEmitter, full_name, open_shape
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.backends.savedmodel.functions import Function, add_call
from slimdsl.backends.savedmodel.messages import message
from slimdsl.backends.savedmodel.signatures import SERVING_DEFAULT, TRAIN, Port, Signature
from slimdsl.ir.graph import Graph, Variable
from slimdsl.ir.verify import verify
from slimdsl.types import DType
from slimdsl.values import Value, value

_V2 = 2
"""The format of the checkpoints that a SaverDef's ops write: `SaverDef.V2`."""


@value
class MainGraph(Value):
    """What a MetaGraphDef has besides the functions and the objects.

    Attributes:
        emission: the graph.
        saver: the field of the MetaGraphDef with the SaverDef; none without variables.
        collections: name -> CollectionDef.
        signatures: the signatures of the file.
    """

    emission: Emission
    saver: Mapping[str, bytes]
    collections: Mapping[str, bytes]
    signatures: tuple[Signature, ...]


def main_graph(graph: Graph, variables: Sequence[Variable], seed: int, train: Function | None) -> MainGraph:
    """The graph of a SavedModel with variables.

    Args:
        graph: the network.
        variables: its variables, and those that the training graph has besides.
        seed: what the initialisers draw from, for those who train it from the start.
        train: the function of the training graph; None for none.
    """
    whole = Graph(
        name=graph.name,
        inputs=graph.inputs,
        variables=tuple(variables),
        nodes=graph.nodes,
        outputs=graph.outputs,
        end_points=graph.end_points,
        training=graph.training,
    )
    verify(whole)
    emitter = GraphEmitter(whole, "graphdef", seed)
    emitter.add_nodes()
    saver = {"saver_def": _Saver(emitter).definition()} if variables else {}
    train_signatures = [] if train is None else [_train_signature(train, emitter)]
    signature = network_signature(emitter)
    return MainGraph(
        emission=emitter.emission(),
        saver=saver,
        collections=_collections(emitter),
        signatures=(signature, *train_signatures),
    )


def network_signature(emitter: GraphEmitter) -> Signature:
    """The signature with the inputs and outputs of a network, by their names in the text."""
    graph, out = emitter.graph, emitter.out
    inputs = {name: Port(tensor=emitter.tensor_name(t), type=t.type) for name, t in graph.inputs.items()}
    fed = {port.tensor for port in inputs.values()}
    outputs = {}
    for name, tensor in graph.outputs.items():
        fetched = emitter.tensor_name(tensor)
        if fetched in fed:
            # A server refuses to give back the very tensor that it was fed.
            node = out.node("Identity", out.unique(f"serve/{name}"), [fetched], T=tensor.type.dtype)
            fetched = full_name(node)
        outputs[name] = Port(tensor=fetched, type=tensor.type)
    return Signature(name=SERVING_DEFAULT, inputs=inputs, outputs=outputs)


def _train_signature(train: Function, emitter: GraphEmitter) -> Signature:
    """Add the call of the training graph, with placeholders of its own."""
    out = emitter.out
    inputs = {
        name: out.node("Placeholder", out.unique(f"{TRAIN}_{name}"), dtype=type.dtype, shape=open_shape(type))
        for name, type in train.inputs.items()
    }
    handles = [emitter.handles[variable.name] for variable in train.variables]
    call = add_call(out, train, [*inputs.values(), *handles], f"{TRAIN}_call")
    return Signature(
        name=TRAIN,
        inputs={name: Port(tensor=full_name(inputs[name]), type=type) for name, type in train.inputs.items()},
        outputs={
            name: Port(tensor=f"{call}:{index}", type=type) for index, (name, type) in enumerate(train.outputs.items())
        },
    )


class _Saver:
    """The ops that write a checkpoint and read it, as those of `tf.train.Saver`."""

    def __init__(self, emitter: GraphEmitter) -> None:
        out, variables = emitter.out, emitter.graph.variables
        names = [variable.name for variable in variables]
        types = [variable.tensor.type.dtype for variable in variables]
        reads = [emitter.tensor_name(variable.tensor) for variable in variables]
        self.path = out.node("Placeholder", out.unique("save/filename"), dtype=DType.STRING, shape=())
        entries = [self.path, *_texts(out, "save/SaveV2", names)]
        save = out.node("SaveV2", out.unique("save/SaveV2"), [*entries, *reads], dtypes=types)
        self.saved = out.node(
            "Identity", out.unique("save/control_dependency"), [self.path, f"^{save}"], T=DType.STRING
        )
        entries = [self.path, *_texts(out, "save/RestoreV2", names)]
        restored = out.node("RestoreV2", out.unique("save/RestoreV2"), entries, dtypes=types)
        assignments = [
            out.node(
                "AssignVariableOp",
                out.unique("save/AssignVariableOp"),
                [emitter.handles[variable.name], f"{restored}:{index}"],
                dtype=variable.tensor.type.dtype,
            )
            for index, variable in enumerate(variables)
        ]
        self.restore = out.node("NoOp", out.unique("save/restore_all"), [f"^{name}" for name in assignments])

    def definition(self) -> bytes:
        """The SaverDef."""
        return message(
            "SaverDef",
            filename_tensor_name=full_name(self.path),
            save_tensor_name=full_name(self.saved),
            restore_op_name=self.restore,
            version=_V2,
        )


def _texts(out: NodeWriter, name: str, names: Sequence[str]) -> list[str]:
    """The tensors with the names of all variables and, of each, that the whole of it is meant."""
    return [
        out.const(out.unique(f"{name}/{label}"), texts, DType.STRING, (len(texts),))
        for label, texts in (("tensor_names", list(names)), ("shape_and_slices", [""] * len(names)))
    ]


def _collections(emitter: GraphEmitter) -> dict[str, bytes]:
    """TensorFlow 1's lists of a graph's variables."""
    definitions: dict[str, list[bytes]] = {"variables": [], "trainable_variables": []}
    parts = zip(emitter.graph.variables, emitter.assignments, emitter.first_values, strict=True)
    for variable, assign, first in parts:
        definition = message(
            "VariableDef",
            variable_name=full_name(emitter.handles[variable.name]),
            initializer_name=assign,
            snapshot_name=emitter.tensor_name(variable.tensor),
            is_resource=True,
            initial_value_name=full_name(first),
            trainable=variable.trainable,
        )
        definitions["variables"].append(definition)
        if variable.trainable:
            definitions["trainable_variables"].append(definition)
    return {
        name: message("CollectionDef", bytes_list=message("BytesList", value=listed))
        for name, listed in definitions.items()
        if listed
    }
