"""Values of Python as a SavedModel describes them: what a function takes and what it gives."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping, Sequence

from slimdsl.backends.savedmodel.messages import message, shape_message, type_number
from slimdsl.types import TensorType


def none() -> bytes:
    """The value None."""
    return message("StructuredValue", none_value=b"")


def text(content: str) -> bytes:
    """A string."""
    return message("StructuredValue", string_value=content)


def list_of(items: Sequence[bytes]) -> bytes:
    """A list."""
    return message("StructuredValue", list_value=message("ListValue_", values=items))


def tuple_of(items: Sequence[bytes]) -> bytes:
    """A tuple."""
    return message("StructuredValue", tuple_value=message("ListValue_", values=items))


def dict_of(items: Mapping[str, bytes]) -> bytes:
    """A dict."""
    return message("StructuredValue", dict_value=message("DictValue", fields=items))


def tensor_spec(name: str, type: TensorType) -> bytes:
    """What tensors fit: the type, with any size for a dimension that is not known."""
    spec = message("TensorSpecProto", name=name, shape=shape_message(type), dtype=type_number(type.dtype))
    return message("StructuredValue", tensor_spec_value=spec)


def parameter_names(names: Iterable[str]) -> dict[str, str]:
    """What inputs are called as parameters of a function in Python, where some words are not free.

    `self` is one of them: TensorFlow takes it for the object of a method, and drops it.
    """
    taken = set(names)
    found = {}
    for name in names:
        free = name
        if keyword.iskeyword(name) or name == "self":
            while free in taken:
                free += "_"
        found[name] = free
    return found


def function_spec(positional: Mapping[str, TensorType], keyword_only: Sequence[str]) -> bytes:
    """The FunctionSpec of a function in Python.

    Args:
        positional: its parameters, which take these tensors alone.
        keyword_only: parameters that must be given by name.
    """
    names = parameter_names(positional)
    parts = (
        ("args", list_of([text(names[name]) for name in positional])),
        ("varargs", none()),
        ("varkw", none()),
        ("defaults", none()),
        ("kwonlyargs", list_of([text(name) for name in keyword_only])),
        ("kwonlydefaults", none()),
        ("annotations", dict_of({})),
    )
    pairs = [message("PairValue", key=key, value=value) for key, value in parts]
    named = message("NamedTupleValue", name="FullArgSpec", values=pairs)
    specs = [tensor_spec(name, type) for name, type in positional.items()]
    return message(
        "FunctionSpec",
        fullargspec=message("StructuredValue", named_tuple_value=named),
        input_signature=none() if keyword_only else tuple_of(specs),
    )
