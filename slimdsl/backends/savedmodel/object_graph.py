"""The objects that TensorFlow 2 makes of a SavedModel when it loads one: variables, functions, lists of them.

The same objects stand twice: in `saved_model.pb`, with what they are, and in the checkpoint, with the names under which
their values are stored. Both number them in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slimdsl.backends.savedmodel.functions import Function
from slimdsl.backends.savedmodel.messages import message, shape_message, type_number
from slimdsl.backends.savedmodel.structured import (
    dict_of,
    function_spec,
    parameter_names,
    tensor_spec,
    tuple_of,
)
from slimdsl.ir.graph import Variable
from slimdsl.values import Value, positional

OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The name of the objects in a checkpoint."""

_ATTRIBUTE = "VARIABLE_VALUE"

_VERSION = message("VersionDef", producer=1, min_consumer=1)


@positional
class _Object(Value):
    """An object: what it is, its attributes (name -> number of the object), and the variable that it is."""

    kind: Mapping[str, bytes]
    children: Mapping[str, int]
    variable: Variable | None


class ObjectGraph:
    """The objects of a SavedModel; the root has the number 0.

    Args:
        variables: in the order in which they are listed.
        callables: attribute of the root -> the function that it calls. The same function may have several names.
        signatures: name of the signature -> the function that takes its inputs by name.
    """

    def __init__(
        self, variables: Sequence[Variable], callables: Mapping[str, Function], signatures: Mapping[str, Function]
    ) -> None:
        self._objects = [_Object({}, {}, None)]
        self._functions: dict[str, bytes] = {}
        self._variables = {variable.name: self._add_variable(variable) for variable in variables}
        children = {
            "variables": self._add_list(variables),
            "trainable_variables": self._add_list([v for v in variables if v.trainable]),
            "non_trainable_variables": self._add_list([v for v in variables if not v.trainable]),
        }
        numbers: dict[str, int] = {}
        for attribute, function in callables.items():
            if function.name not in numbers:
                numbers[function.name] = self._add_callable(function)
            children[attribute] = numbers[function.name]
        listed = {name: self._add_signature(function) for name, function in signatures.items()}
        children["signatures"] = self._add({"user_object": _user_object("signature_map")}, listed)
        self._objects[0] = _Object({"user_object": _user_object("_generic_user_object")}, children, None)

    def saved_objects(self) -> bytes:
        """The SavedObjectGraph."""
        nodes = [message("SavedObject", children=_references(one.children), **one.kind) for one in self._objects]
        return message("SavedObjectGraph", nodes=nodes, concrete_functions=self._functions)

    def checkpointed_objects(self) -> bytes:
        """The TrackableObjectGraph: of each variable, under which name the checkpoint has its value."""
        return message("TrackableObjectGraph", nodes=[self._checkpointed(one) for one in self._objects])

    def _checkpointed(self, one: _Object) -> bytes:
        attributes = []
        if one.variable is not None:
            name = one.variable.name
            key = checkpoint_key(name)
            attributes = [message("SerializedTensor", name=_ATTRIBUTE, full_name=name, checkpoint_key=key)]
        below = any(self._objects[number].variable is not None for number in one.children.values())
        return message(
            "TrackableObject",
            children=_references(one.children),
            attributes=attributes,
            has_checkpoint_values=message("BoolValue", value=bool(attributes) or below),
        )

    def _add(
        self, kind: Mapping[str, bytes], children: Mapping[str, int] | None = None, variable: Variable | None = None
    ) -> int:
        self._objects.append(_Object(kind, children or {}, variable))
        return len(self._objects) - 1

    def _add_variable(self, variable: Variable) -> int:
        type = variable.tensor.type
        saved = message(
            "SavedVariable",
            dtype=type_number(type.dtype),
            shape=shape_message(type),
            trainable=variable.trainable,
            name=variable.name,
        )
        return self._add({"variable": saved}, variable=variable)

    def _add_list(self, variables: Sequence[Variable]) -> int:
        members = {str(index): self._variables[variable.name] for index, variable in enumerate(variables)}
        return self._add({"user_object": _user_object("trackable_list_wrapper")}, members)

    def _add_callable(self, function: Function) -> int:
        """A function that takes its inputs by place or by name."""
        specs = [tensor_spec(name, type) for name, type in function.inputs.items()]
        self._add_function(function, tuple_of([tuple_of(specs), dict_of({})]))
        spec = function_spec(function.inputs, ())
        return self._add({"function": message("SavedFunction", concrete_functions=[function.name], function_spec=spec)})

    def _add_signature(self, function: Function) -> int:
        """A function that takes its inputs by name; a single one by place, too."""
        names = parameter_names(function.inputs)
        specs = {names[name]: tensor_spec(name, type) for name, type in function.inputs.items()}
        self._add_function(function, tuple_of([tuple_of([]), dict_of(specs)]))
        bare = message(
            "SavedBareConcreteFunction",
            concrete_function_name=function.name,
            argument_keywords=list(names.values()),
            allowed_positional_arguments=1 if len(function.inputs) == 1 else 0,
            function_spec=function_spec({}, list(names.values())),
        )
        return self._add({"bare_concrete_function": bare})

    def _add_function(self, function: Function, takes: bytes) -> None:
        self._functions[function.name] = message(
            "SavedConcreteFunction",
            bound_inputs=[self._variables[variable.name] for variable in function.variables],
            canonicalized_input_signature=takes,
            output_signature=dict_of({name: tensor_spec(name, type) for name, type in function.outputs.items()}),
        )


def checkpoint_key(name: str) -> str:
    """Under which name TensorFlow 2 takes the value of a variable from a checkpoint; it accepts no plain one."""
    return f"{name}/.ATTRIBUTES/{_ATTRIBUTE}"


def _user_object(identifier: str) -> bytes:
    return message("SavedUserObject", identifier=identifier, version=_VERSION)


def _references(children: Mapping[str, int]) -> list[bytes]:
    return [message("ObjectReference", node_id=number, local_name=name) for name, number in children.items()]
