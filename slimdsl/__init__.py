"""Networks as text, compiled to TensorFlow graphs.

    import slimdsl

    model = slimdsl.load("models/vgg16.slim", classes=10)
    model.graph_def          # the bytes of a frozen GraphDef
    model.variables          # names, shapes, which are trained

These names are the public interface; everything else may change without notice. Nothing here imports TensorFlow, and
the compiler itself is loaded with the first name that needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from slimdsl.version import __version__

if TYPE_CHECKING:
    from slimdsl.compiler import UsageError
    from slimdsl.diagnostics.diagnostic import Diagnostic, Severity
    from slimdsl.model import CompileError, Model, TensorInfo, VariableInfo, load, loads
    from slimdsl.types import DType

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

_HOMES = {
    "CompileError": "slimdsl.model",
    "DType": "slimdsl.types",
    "Diagnostic": "slimdsl.diagnostics.diagnostic",
    "Model": "slimdsl.model",
    "Severity": "slimdsl.diagnostics.diagnostic",
    "TensorInfo": "slimdsl.model",
    "UsageError": "slimdsl.compiler",
    "VariableInfo": "slimdsl.model",
    "load": "slimdsl.model",
    "loads": "slimdsl.model",
}


def __getattr__(name: str) -> object:
    """Load the module of a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module `slimdsl` has no attribute `{name}`")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
