"""Networks as functions of TensorFlow's library: what a loaded SavedModel calls. Knows nothing of signatures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from slimdsl.backends.graphdef.emitter import GraphEmitter
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.backends.savedmodel.function_body import FunctionBody, function_definition
from slimdsl.backends.savedmodel.structured import parameter_names
from slimdsl.ir.graph import Graph, Tensor, Variable
from slimdsl.types import DType, TensorType
from slimdsl.values import Value, value

RANDOM_SEED = "random_seed"
TRAINING_STEP = "training_step"
REGULARIZATION_LOSS = "regularization_loss"
_SEED_TYPE = TensorType(dtype=DType.INT64, shape=(2,))
_STEP_TYPE = TensorType(dtype=DType.INT64, shape=())
_LOSS_TYPE = TensorType(dtype=DType.FLOAT32, shape=())
_NOT_IN_AN_ARGUMENT = re.compile(r"[^a-z0-9_]")


@value
class Function(Value):
    """A function of the library.

    Attributes:
        name: what the library calls it.
        inputs: what is given to it by whoever calls it: name -> type, in the order of its arguments.
        variables: whose resources are its further arguments.
        outputs: what it gives: name -> type, in the order of its results.
        definition: the FunctionDef.
    """

    name: str
    inputs: Mapping[str, TensorType]
    variables: tuple[Variable, ...]
    outputs: Mapping[str, TensorType]
    definition: bytes


def network_function(graph: Graph, name: str, seed: int) -> Function:
    """The function of a network.

    The training graph makes its updates before it gives its results, gives the sum of all penalties besides, and takes
    the seed of its random numbers as one more input where it draws any, and the step where something depends on it. An
    inference graph that draws random numbers draws the same ones each time, as in every other format.

    Args:
        graph: the network.
        name: what the function is to be called in the library.
        seed: what random numbers start from in an inference graph.
    """
    emitter = _FunctionEmitter(graph, seed)
    emitter.add_nodes()
    results = {key: (tensor.type, emitter.tensor_name(tensor)) for key, tensor in graph.outputs.items()}
    inputs = {key: tensor.type for key, tensor in graph.inputs.items()}
    if graph.training:
        results[free_name(REGULARIZATION_LOSS, results)] = (_LOSS_TYPE, emitter.penalty or emitter.zero())
    for own, type, argument, asked in (
        (RANDOM_SEED, _SEED_TYPE, emitter.seed_argument, emitter.out.random_seed_name),
        (TRAINING_STEP, _STEP_TYPE, emitter.step_argument, emitter.out.training_step_name),
    ):
        if argument and asked == argument:
            inputs[free_name(own, inputs)] = type
            emitter.input_arguments.append(argument)
    # A dict's values go in the order of its keys wherever TensorFlow takes it apart.
    ordered = dict(sorted(results.items()))
    # An inference graph may have updates where it was told to train in places; to predict changes nothing.
    updates = emitter.add_updates() if graph.training else []
    body = FunctionBody(emitter.out, updates, emitter.types)
    returned = {key: body.result(key, type, tensor) for key, (type, tensor) in ordered.items()}
    nodes = body.kept_nodes(returned.values())
    used = {reference for node in nodes for reference in node.input}
    variables = tuple(v for v in graph.variables if emitter.handles[v.name] in used)
    outputs = {key: type for key, (type, _) in ordered.items()}
    definition = function_definition(
        name,
        arguments=list(zip(emitter.input_arguments, inputs.values(), strict=True)),
        handles=[(emitter.handles[v.name], v) for v in variables],
        outputs=list(zip(returned.values(), outputs.values(), strict=True)),
        body=[body.encode(node) for node in nodes],
        controls=body.controls,
    )
    return Function(name=name, inputs=inputs, variables=variables, outputs=outputs, definition=definition)


def calling_function(inner: Function, name: str) -> Function:
    """A function that only calls another one, with its inputs in the order of their names as parameters.

    That is the order in which TensorFlow gives them to a function that takes them by name.
    """
    parameters = parameter_names(inner.inputs)
    inputs = {key: inner.inputs[key] for key in sorted(inner.inputs, key=parameters.__getitem__)}
    out = NodeWriter(training=False, seed=0)
    given = {key: out.argument(argument_name(key, out), type.dtype.value) for key, type in inputs.items()}
    handles = [(out.argument(argument_name(v.name, out), "resource"), v) for v in inner.variables]
    call = add_call(out, inner, [*(given[key] for key in inner.inputs), *(handle for handle, _ in handles)], "call")
    types = {f"{call}:{index}": type for index, type in enumerate(inner.outputs.values())}
    body = FunctionBody(out, [call], types)
    returned = [body.result(key, type, f"{call}:{i}") for i, (key, type) in enumerate(inner.outputs.items())]
    definition = function_definition(
        name,
        arguments=list(zip(given.values(), inputs.values(), strict=True)),
        handles=handles,
        outputs=list(zip(returned, inner.outputs.values(), strict=True)),
        body=[body.encode(node) for node in out.nodes],
        controls=body.controls,
    )
    return Function(name=name, inputs=inputs, variables=inner.variables, outputs=inner.outputs, definition=definition)


def add_call(out: NodeWriter, function: Function, arguments: Sequence[str], name: str) -> str:
    """Add a node that calls a function with all its arguments; returns its name."""
    given = [*(type.dtype.value for type in function.inputs.values()), *["resource"] * len(function.variables)]
    return out.node(
        "StatefulPartitionedCall",
        out.unique(name),
        arguments,
        Tin=given,
        Tout=[type.dtype for type in function.outputs.values()],
        f=function.name,
    )


def argument_name(name: str, out: NodeWriter) -> str:
    """A name for an argument, of the letters that TensorFlow's own functions have there."""
    plain = _NOT_IN_AN_ARGUMENT.sub("_", name.lower())
    return out.unique(plain if plain[0].isalpha() else f"arg_{plain}")


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """The name, or with the first number behind it that makes it a new one."""
    names, name, number = set(taken), wanted, 0
    while name in names:
        number += 1
        name = f"{wanted}_{number}"
    return name


class _FunctionEmitter(GraphEmitter):
    """Emits a graph whose inputs and variables' resources are arguments.

    Attributes:
        input_arguments: the arguments of the inputs, in their order.
        seed_argument: the argument of the seed, in a training graph.
        step_argument: that of the step, likewise.
        types: what a tensor is called -> its type.
    """

    def __init__(self, graph: Graph, seed: int) -> None:
        reserved = [*(v.name for v in graph.variables), *(n.name for n in graph.nodes)]
        self.seed_argument = free_name(RANDOM_SEED, reserved) if graph.training else ""
        self.step_argument = free_name(TRAINING_STEP, reserved) if graph.training else ""
        out = NodeWriter(
            training=graph.training,
            seed=seed,
            reserved=[*reserved, self.seed_argument, self.step_argument],
            seed_argument=self.seed_argument,
            step_argument=self.step_argument,
        )
        super().__init__(graph, "graphdef", seed, out=out)
        self.input_arguments: list[str] = []

    def add_input(self, name: str, tensor: Tensor) -> str:
        """An argument."""
        self.input_arguments.append(self.out.argument(argument_name(name, self.out), tensor.type.dtype.value))
        return self.input_arguments[-1]

    def add_variable(self, variable: Variable) -> str:
        """An argument, and the tensor that reads it."""
        handle = self.out.argument(argument_name(f"{variable.name}/resource", self.out), "resource")
        self.handles[variable.name] = handle
        name = self.out.unique(f"{variable.name}/Read/ReadVariableOp")
        return self.out.node("ReadVariableOp", name, [handle], dtype=variable.tensor.type.dtype)

    def add_frame(self) -> None:
        """Nothing: a function has no ops beside its results."""

    def zero(self) -> str:
        """The sum of no penalties."""
        return self.out.const(self.out.unique(REGULARIZATION_LOSS), 0.0, DType.FLOAT32)

    @property
    def types(self) -> dict[str, TensorType]:
        """What each tensor of the graph is called in the function, with its type."""
        tensors = [*(v.tensor for v in self.graph.variables), *(t for node in self.graph.nodes for t in node.results)]
        return {self.tensor_name(tensor): tensor.type for tensor in tensors}
