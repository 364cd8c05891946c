"""Networks as text, compiled to TensorFlow graphs.

    import slimdsl

    model = slimdsl.load("models/vgg16.slim", classes=10)
    model.graph_def          # the bytes of a frozen GraphDef
    model.variables          # names, shapes, which are trained

These names are the public interface; everything else may change without notice. Nothing here imports TensorFlow.
"""

from __future__ import annotations

from slimdsl.compiler import UsageError
from slimdsl.diagnostics.diagnostic import Diagnostic, Severity
from slimdsl.model import CompileError, Model, TensorInfo, VariableInfo, load, loads
from slimdsl.types import DType
from slimdsl.version import __version__

__all__ = [
    "CompileError",
    "DType",
    "Diagnostic",
    "Model",
    "Severity",
    "TensorInfo",
    "UsageError",
    "VariableInfo",
    "__version__",
    "load",
    "loads",
]
