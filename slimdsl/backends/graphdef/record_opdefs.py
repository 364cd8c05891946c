"""Write `opdefs.json`: what TensorFlow says of the ops that may be emitted.

Run by hand as ``python -m slimdsl.backends.graphdef.record_opdefs`` where TensorFlow is installed, after a name was
added to `OPS`. Nothing else imports this module. The layout of the file is described in `opdefs`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from slimdsl.backends.graphdef.opdefs import PATH
from slimdsl.backends.graphdef.proto import DATA_TYPES

OPS = (
    # The frame of a graph: constants, inputs, variables.
    "Const", "Placeholder", "PlaceholderWithDefault", "Identity", "IdentityN", "NoOp", "StopGradient", "VarHandleOp",
    "ReadVariableOp", "AssignVariableOp", "VarIsInitializedOp", "Assert",
    # What a SavedModel has besides: calls of functions, and its variables' way to and from the disk.
    "StatefulPartitionedCall", "SaveV2", "RestoreV2",
    # Convolutions, products and pools.
    "Conv2D", "Conv3D", "Conv2DBackpropInput", "Conv3DBackpropInputV2", "DepthwiseConv2dNative", "MatMul",
    "BatchMatMulV2", "Einsum", "BiasAdd", "MaxPool", "MaxPoolWithArgmax", "MaxPool3D", "AvgPool", "AvgPool3D",
    "Dilation2D", "LRN", "FusedBatchNormV3",
    # Activations.
    "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Softmax", "LogSoftmax",
    "Erf",
    # Arithmetic, element by element.
    "Mul", "MulNoNan", "AddV2", "Add", "AddN", "Sub", "RealDiv", "DivNoNan", "Maximum", "Minimum", "Rsqrt", "Sqrt",
    "Square", "SquaredDifference", "Pow", "Neg", "Exp", "Log", "Log1p", "Abs", "Sign", "Sin", "Cos", "Atan", "Acos",
    "Round", "Floor", "Ceil", "Reciprocal", "FloorDiv", "FloorMod", "IsNan", "IsFinite", "Equal", "NotEqual",
    "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalOr", "LogicalNot", "Select", "SelectV2",
    "ClipByValue", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "LeftShift", "RightShift", "Bitcast", "Cast",
    # Reductions.
    "Mean", "Max", "Min", "Sum", "Prod", "All", "Any", "L2Loss", "ArgMax", "Cumsum",
    # Shapes and layout.
    "Reshape", "Shape", "Size", "Rank", "StridedSlice", "Slice", "Split", "SplitV", "Pack", "Unpack", "ConcatV2",
    "ExpandDims", "Squeeze", "Pad", "PadV2", "MirrorPad", "Transpose", "Fill", "Range", "LinSpace", "Tile",
    "BroadcastTo", "GatherV2", "GatherNd", "OneHot", "ReverseV2", "ZerosLike", "OnesLike", "DepthToSpace",
    "SpaceToDepth", "SpaceToBatchND", "BatchToSpaceND", "ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic",
    "ResizeArea", "CropAndResize",
    # Matrices.
    "Qr", "DiagPart", "Diag", "MatrixDiag", "MatrixDiagV3", "MatrixDiagPart", "MatrixDiagPartV3", "MatrixSetDiag",
    "MatrixSetDiagV3", "MatrixBandPart",
    # Random numbers that a seed decides alone.
    "StatelessRandomUniform", "StatelessRandomUniformV2", "StatelessRandomUniformFullInt",
    "StatelessRandomUniformFullIntV2", "StatelessRandomUniformInt", "StatelessRandomUniformIntV2",
    "StatelessRandomNormal", "StatelessRandomNormalV2", "StatelessTruncatedNormal", "StatelessTruncatedNormalV2",
    "StatelessRandomGetKeyCounter", "StatelessRandomGetAlg", "StatelessRandomGetKeyCounterAlg",
    # Losses and metrics.
    "SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits", "InTopKV2",
)  # fmt: skip
"""The ops in the table."""

_YOUNG = {
    "VarHandleOp": {"debug_name"},
    "MatMul": {"grad_a", "grad_b"},
    "BatchMatMulV2": {"grad_x", "grad_y"},
    "GatherNd": {"bad_indices_policy"},
}
"""Attrs that TensorFlow 2.12, the last that runs TF-Slim's batch normalisation, refuses as unknown.

They all have defaults, which every TensorFlow fills in, so they are left out of the table and thereby of the files.
"""

_TYPE_NAMES = {number: name for name, number in DATA_TYPES.items()}


def _type_name(number: int) -> str | None:
    return _TYPE_NAMES.get(number)


def _argument(arg: Any) -> str:
    """An input or output: ``T``, ``int32``, ``N*T``, ``*Tlist``."""
    if arg.type_list_attr:
        return f"*{arg.type_list_attr}"
    bare = arg.type_attr or _type_name(arg.type)
    if bare is None:
        raise ValueError(f"argument `{arg.name}` has the unsupported type {arg.type}")
    return f"{arg.number_attr}*{bare}" if arg.number_attr else bare


def _default(kind: str, value: Any) -> Any:
    if kind.startswith("list("):
        inner = {"type": "type", "int": "i", "float": "f", "bool": "b", "string": "s", "shape": "shape"}[kind[5:-1]]
        return [_default(kind[5:-1], _Item(kind[5:-1], item)) for item in getattr(value.list, inner)]
    if kind == "string":
        return value.s.decode()
    if kind == "float":
        # The shortest number that rounds to the same float32.
        return float(f"{value.f:.7g}")
    if kind == "type":
        return _type_name(value.type)
    if kind == "shape":
        return None if value.shape.unknown_rank else [dim.size for dim in value.shape.dim]
    return value.i if kind == "int" else value.b


class _Item:
    """An element of a list, looking like an attr's value."""

    def __init__(self, kind: str, item: Any) -> None:
        field = {"type": "type", "int": "i", "float": "f", "bool": "b", "string": "s", "shape": "shape"}[kind]
        setattr(self, field, item)


def _attr(attr: Any) -> dict[str, Any]:
    recorded: dict[str, Any] = {"kind": attr.type}
    if attr.HasField("default_value"):
        recorded["default"] = _default(attr.type, attr.default_value)
    if attr.HasField("allowed_values"):
        allowed = attr.allowed_values.list
        names = [item.decode() for item in allowed.s] or [_type_name(number) for number in allowed.type]
        recorded["allowed"] = [name for name in names if name is not None]
    if attr.has_minimum:
        recorded["minimum"] = attr.minimum
    return recorded


def record() -> dict[str, Any]:
    """The table of all ops of `OPS`, read from the installed TensorFlow."""
    # TensorFlow is imported here alone, so that the tuple of names can be read without it.
    import tensorflow as tf
    from tensorflow.python.framework import op_def_registry

    ops: dict[str, Any] = {}
    for name in OPS:
        op_def: Any = op_def_registry.get(name)
        if op_def is None:
            raise ValueError(f"TensorFlow {tf.__version__} has no op `{name}`")
        ops[name] = {
            "inputs": [_argument(arg) for arg in op_def.input_arg],
            "outputs": [_argument(arg) for arg in op_def.output_arg],
            "output_names": [arg.name for arg in op_def.output_arg],
            "attrs": {attr.name: _attr(attr) for attr in op_def.attr if attr.name not in _YOUNG.get(name, ())},
        }
    return {"tensorflow": tf.__version__, "ops": ops}


def main() -> int:
    """Write the table beside this module."""
    table = record()
    lines = [f"{json.dumps(name)}:{json.dumps(op, separators=(',', ':'))}" for name, op in sorted(table["ops"].items())]
    text = "".join(['{"tensorflow":', json.dumps(table["tensorflow"]), ',"ops":{\n', ",\n".join(lines), "\n}}\n"])
    with open(PATH + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(PATH + ".new", PATH)
    print(f"{PATH}: {len(lines)} ops, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
