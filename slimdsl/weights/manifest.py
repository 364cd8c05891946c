"""The manifest: what a network is called from outside, as plain data for other programs.

Its keys and their meaning are described in `docs/manifest.md`; names in it are the contract with checkpoints and with
whoever runs the graph.
"""

from __future__ import annotations

from slimdsl.ir.graph import Graph, Tensor, Variable
from slimdsl.ops.arguments import argument_specs
from slimdsl.ops.base import Initializer, Regularizer
from slimdsl.ops.regularizers import penalizes
from slimdsl.types import Shape


def manifest(graph: Graph) -> dict[str, object]:
    """Inputs, outputs, variables in the order they were made, and end points; ready for `json.dumps`."""
    document: dict[str, object] = {
        "net": graph.name,
        "inputs": [_tensor(name, tensor) for name, tensor in graph.inputs.items()],
        "outputs": [_tensor(name, tensor) for name, tensor in graph.outputs.items()],
        "variables": [_variable(variable) for variable in graph.variables],
        "end_points": {scope: tensor.name for scope, tensor in graph.end_points.items()},
    }
    if graph.training:
        document["updates"] = [
            {"variable": update.variable.name, "new_value": update.new_value.name} for update in graph.updates
        ]
    return document


def _tensor(name: str, tensor: Tensor) -> dict[str, object]:
    shape = shape_items(tensor.type.shape)
    return {"name": name, "dtype": tensor.type.dtype.value, "shape": shape, "tensor": tensor.name}


def _variable(variable: Variable) -> dict[str, object]:
    return {
        "name": variable.name,
        "shape": list(variable.shape),
        "dtype": variable.tensor.type.dtype.value,
        "trainable": variable.trainable,
        "regularized": penalizes(variable.regularizer),
        "initializer": _record(variable.initializer),
        "regularizer": _record(variable.regularizer) if variable.regularizer else None,
    }


def _record(record: Initializer | Regularizer) -> dict[str, object]:
    """The name, then every argument with the value it has, whether written or by default."""
    return {"name": record.name, **{name: getattr(record, name) for name in argument_specs(type(record))}}


def shape_items(shape: Shape) -> list[int | str]:
    """The dimensions for JSON: numbers where they are known, the text of the dimension where they are not."""
    return [dim if isinstance(dim, int) else str(dim) for dim in shape]
