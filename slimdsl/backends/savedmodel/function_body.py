"""The inside of a function of TensorFlow's library: its nodes, and the FunctionDef around them.

A function is a graph of its own. Its inputs and the resources of its variables are arguments, and a tensor is called by
the name of the output that gives it (``conv1/Relu:activations:0``), not by its number. Knows nothing of networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slimdsl.backends.graphdef.emission import node_bytes
from slimdsl.backends.graphdef.node_writer import NodeWriter
from slimdsl.backends.graphdef.opdefs import op_table
from slimdsl.backends.graphdef.proto import DATA_TYPES, TensorShapeProto
from slimdsl.backends.savedmodel.messages import message, shape_message, type_number
from slimdsl.ir.graph import Variable
from slimdsl.types import TensorType

_RESOURCE = DATA_TYPES["resource"]


class FunctionBody:
    """The nodes of a function on their way into its definition.

    Args:
        out: where they are.
        controls: the nodes that must have run before there is a result.
        types: what a tensor is called, with its index -> its type, of those whose type is known.
    """

    def __init__(self, out: NodeWriter, controls: Sequence[str], types: Mapping[str, TensorType]) -> None:
        self.controls = tuple(controls)
        self._out = out
        self._types = dict(types)
        self._outputs = {node.name: _outputs_of(node) for node in out.nodes}

    def result(self, key: str, type: TensorType, tensor: str) -> str:
        """Add what gives the result of this name; returns its node."""
        controls = [f"^{name}" for name in self.controls]
        node = self._out.node("Identity", self._out.unique(f"results/{key}"), [tensor, *controls], T=type.dtype)
        self._outputs[node] = _outputs_of(self._out.nodes[-1])
        self._types[f"{node}:0"] = type
        return node

    def kept_nodes(self, results: Iterable[str]) -> list[Any]:
        """The nodes that the results and the controls need, in their order."""
        by_name = {node.name: node for node in self._out.nodes}
        wanted, pending = set(), [*results, *self.controls]
        while pending:
            name = pending.pop()
            if name in wanted or name not in by_name:
                continue
            wanted.add(name)
            pending.extend(reference.lstrip("^").partition(":")[0] for reference in by_name[name].input)
        return [node for node in self._out.nodes if node.name in wanted]

    def encode(self, node: Any) -> bytes:
        """The node as a function has it."""
        copy = type(node)()
        copy.CopyFrom(node)
        del copy.input[:]
        copy.input.extend(self._spelt(reference) for reference in node.input)
        shapes = [self._types.get(f"{node.name}:{index}") for index in range(len(self._outputs[node.name]))]
        if any(shapes):
            copy.attr["_output_shapes"].list.shape.extend(_shape(type) for type in shapes)
        return node_bytes(copy)

    def _spelt(self, reference: str) -> str:
        """A tensor as functions call it: by the name of its node's output, or of the argument."""
        name, _, index = reference.partition(":")
        if name.startswith("^") or name not in self._outputs:
            return reference
        return f"{name}:{self._outputs[name][int(index or 0)]}"


def _outputs_of(node: Any) -> list[str]:
    """For each result of a node, the name of the output and its place in it: ``output:0``."""
    definition = op_table().get(node.op)
    assert definition is not None
    found: list[str] = []
    for argument, name in zip(definition.outputs, definition.output_names, strict=True):
        number, _, _ = argument.rpartition("*")
        if argument.startswith("*"):
            count = len(node.attr[argument[1:]].list.type)
        else:
            count = node.attr[number].i if number else 1
        found.extend(f"{name}:{place}" for place in range(count))
    return found


def _shape(type: TensorType | None) -> Any:
    return TensorShapeProto(unknown_rank=True) if type is None else TensorShapeProto.FromString(shape_message(type))


def function_definition(
    name: str,
    *,
    arguments: Sequence[tuple[str, TensorType]],
    handles: Sequence[tuple[str, Variable]],
    outputs: Sequence[tuple[str, TensorType]],
    body: Sequence[bytes],
    controls: Sequence[str],
) -> bytes:
    """The FunctionDef; `outputs` are the nodes of its results, with their types."""
    given = [message("ArgDef", name=argument, type=type_number(type.dtype)) for argument, type in arguments]
    resources = [message("ArgDef", name=handle, type=_RESOURCE, handle_data=[_data(v)]) for handle, v in handles]
    result_names = [f"result_{index}" for index in range(len(outputs))]
    signature = message(
        "OpDef",
        name=name,
        input_arg=[*given, *resources],
        output_arg=[
            message("ArgDef", name=result, type=type_number(type.dtype))
            for result, (_, type) in zip(result_names, outputs, strict=True)
        ],
        is_stateful=bool(handles or controls),
        control_output=list(controls),
    )
    return message(
        "FunctionDef",
        signature=signature,
        node_def=list(body),
        ret={result: f"{node}:output:0" for result, (node, _) in zip(result_names, outputs, strict=True)},
        control_ret={control: control for control in controls},
        arg_attr=[_argument_attrs(index, type) for index, (_, type) in enumerate(arguments)],
    )


def _data(variable: Variable) -> bytes:
    """What a resource holds."""
    type = variable.tensor.type
    return message("DtypeAndShape", dtype=type_number(type.dtype), shape=shape_message(type))


def _argument_attrs(index: int, type: TensorType) -> bytes:
    shapes = message("AttrValue", list=message("ListValue", shape=[shape_message(type)]))
    return message("ArgAttrEntry", key=index, value=message("ArgAttrs", attr={"_output_shapes": shapes}))
