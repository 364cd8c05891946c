"""The Python interface: a compiled text as an object.

What is wrong with the text is never an exception by itself: it stands in `diagnostics`. Asking for a result that a text
with errors cannot have raises `CompileError`, which carries the same diagnostics and prints them.
"""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal, SupportsIndex

from slimdsl.backends.registry import format_named, format_names
from slimdsl.compiler import Compilation, UsageError, read_source
from slimdsl.diagnostics.diagnostic import Diagnostic
from slimdsl.diagnostics.source import Source
from slimdsl.files import overwritten
from slimdsl.ir.graph import Graph, Tensor
from slimdsl.ops.regularizers import penalizes
from slimdsl.types import DType, Shape
from slimdsl.values import Value, value
from slimdsl.weights.source import LARGEST_SEED, WeightsError

if TYPE_CHECKING:
    from slimdsl.backends.graphdef.emission import Emission
    from slimdsl.weights.source import WeightSource

    Parameter = bool | int | float | str | Sequence["Parameter"] | None

Form = Literal["frozen", "graphdef"]


class CompileError(Exception):
    """The text or the weights have errors.

    Attributes:
        diagnostics: what was found.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        # Loaded only where the text is wanted: a program mostly looks at the diagnostics.
        from slimdsl.diagnostics.render_text import render

        return render(self.diagnostics)


@value
class TensorInfo(Value):
    """An input or an output: its name in the text, the tensor in the graph, and its type."""

    name: str
    tensor: str
    dtype: DType
    shape: Shape


@value
class VariableInfo(Value):
    """A variable: what a checkpoint holds under `name`."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    trainable: bool
    regularized: bool


class Model:
    """A network compiled from a text; made by `load` and `loads`."""

    def __init__(self, compilation: Compilation) -> None:
        self._compilation = compilation

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings, errors and warnings, in the order of the text."""
        return self._compilation.diagnostics

    @property
    def graph(self) -> Graph:
        """The graph.

        Raises:
            CompileError: the text has errors.
            UsageError: the text has several nets and none was named, or none.
        """
        graph = self._compilation.graph
        if graph is None:
            raise CompileError(self.diagnostics)
        return graph

    @property
    def name(self) -> str:
        """The name of the net."""
        return self.graph.name

    @cached_property
    def inputs(self) -> dict[str, TensorInfo]:
        """Name -> input, in the order of the text."""
        return {name: _info(name, tensor) for name, tensor in self.graph.inputs.items()}

    @cached_property
    def outputs(self) -> dict[str, TensorInfo]:
        """Name -> output, in the order of the text."""
        return {name: _info(name, tensor) for name, tensor in self.graph.outputs.items()}

    @cached_property
    def variables(self) -> tuple[VariableInfo, ...]:
        """The variables in the order in which they are made."""
        return tuple(
            VariableInfo(
                name=variable.name,
                dtype=variable.tensor.type.dtype,
                shape=variable.shape,
                trainable=variable.trainable,
                regularized=penalizes(variable.regularizer),
            )
            for variable in self.graph.variables
        )

    @property
    def end_points(self) -> dict[str, str]:
        """Scope path -> name of the last tensor that was made in the scope."""
        return {path: tensor.name for path, tensor in self.graph.end_points.items()}

    @cached_property
    def graph_def(self) -> bytes:
        """The frozen graph for TensorFlow, with the initial values of seed 0: what `slimdsl compile` writes."""
        return self.to_bytes()

    def to_bytes(
        self, form: Form = "frozen", *, seed: SupportsIndex = 0, weights: str | os.PathLike[str] | None = None
    ) -> bytes:
        """The serialised GraphDef.

        Args:
            form: ``frozen`` (weights as constants) or ``graphdef`` (variables, and an `init` op).
            seed: what initial values are drawn from, from 0 to 2^64 - 1.
            weights: an ``.npz`` file with an array for each variable, in place of drawing them.

        Raises:
            CompileError: the text or the weights have errors, or the graph would be too large for any reader.
            UsageError: there is no such form, or the seed is out of range.
            OSError: the weights cannot be read.
        """
        from slimdsl.backends.graphdef.stream import graph_bytes

        with self._emission(form, seed, weights) as (emission, source):
            return graph_bytes(emission, source)

    def save(
        self,
        path: str | os.PathLike[str],
        form: Form = "frozen",
        *,
        seed: SupportsIndex = 0,
        weights: str | os.PathLike[str] | None = None,
    ) -> None:
        """Write the GraphDef to a file, which appears whole or not at all; arguments and errors as in `to_bytes`.

        Raises:
            UsageError: the file is one that the network is made of, its text or its weights.
        """
        from slimdsl.backends.graphdef.stream import write_emission

        compilation = self._compilation
        read = [compilation.source.name, *compilation.used_files, *([os.fspath(weights)] if weights else [])]
        lost = overwritten(os.fspath(path), read)
        if lost:
            raise UsageError(f"`{os.fspath(path)}` is `{lost}`, which the network is made of")
        with self._emission(form, seed, weights) as (emission, source):
            write_emission(emission, source, os.fspath(path))

    @contextmanager
    def _emission(
        self, form: str, seed: SupportsIndex, weights: str | os.PathLike[str] | None
    ) -> Iterator[tuple[Emission, WeightSource | None]]:
        """The emitted graph, and where its numbers come from while it is written; errors as in `to_bytes`."""
        # The backend brings protobuf, and drawing brings numpy: neither is needed to look at a network.
        from slimdsl.backends.graphdef.emitter import emit
        from slimdsl.backends.graphdef.stream import GraphTooLargeError

        chosen = format_named(form)
        if chosen is None:
            raise UsageError(f"there is no form {form!r}; there are {', '.join(format_names())}")
        number = _seed(seed)
        graph = self.graph
        emission = emit(graph, form=chosen.name, seed=number, store_weights=weights is not None)
        try:
            if weights is not None:
                from slimdsl.weights.npz import NpzWeights

                with NpzWeights.open(os.fspath(weights)) as archive:
                    findings = archive.check(graph.variables)
                    if findings:
                        raise CompileError(findings)
                    yield emission, archive
            elif chosen.stores_weights:
                from slimdsl.weights.seeded import SeedWeights

                yield emission, SeedWeights(number)
            else:
                yield emission, None
        except WeightsError as error:
            raise CompileError(error.diagnostics) from error
        except GraphTooLargeError as error:
            raise CompileError((error.diagnostic,)) from error


def load(
    path: str | os.PathLike[str], net: str | None = None, *, training: bool = False, **parameters: Parameter
) -> Model:
    """Compile a file.

    Args:
        path: the ``.slim`` file.
        net: which of its nets; None for the only one.
        training: build the training graph.
        **parameters: values for the net's parameters.

    Raises:
        OSError: the file cannot be read.
    """
    source, findings = read_source(os.fspath(path))
    texts = {name: literal(given) for name, given in parameters.items()}
    return Model(Compilation(source, net=net, parameters=texts, training=training, read_diagnostics=findings))


def loads(
    text: str, net: str | None = None, *, training: bool = False, name: str = "<text>", **parameters: Parameter
) -> Model:
    """Compile a text; `name` is what diagnostics call it. All else as in `load`."""
    texts = {key: literal(given) for key, given in parameters.items()}
    return Model(Compilation(Source(name, text), net=net, parameters=texts, training=training))


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "{": r"\{", "}": r"\}"})


def literal(given: object) -> str:
    """A Python value as the language writes it.

    Numbers are those of `numbers`, so that numpy's scalars and enumerations of integers are taken as what they are.

    Raises:
        UsageError: the language has no such value.
    """
    if given is None or isinstance(given, bool):
        return {None: "none", True: "true", False: "false"}[given]
    if isinstance(given, numbers.Real):
        text = _number(given)
        if text:
            return text
    if isinstance(given, str):
        return f'"{given.translate(_ESCAPES)}"'
    if isinstance(given, (list, tuple)):
        return f"[{', '.join(literal(item) for item in given)}]"
    raise UsageError(
        f"a parameter cannot be {_shown(given)}: it must be a finite number, a bool, a string, None or a list of these"
    )


def _number(given: numbers.Real) -> str:
    """The text of a number; "" where the language has none for it."""
    try:
        if isinstance(given, numbers.Integral):
            return int.__repr__(int(given))
        number = float(given)
        return float.__repr__(number) if math.isfinite(number) else ""
    except (ValueError, OverflowError):
        return ""


def _shown(given: object) -> str:
    try:
        return repr(given)[:100]
    except ValueError:
        # Python writes no integer of more than some thousand digits.
        return "a number of so many digits"


def _seed(given: SupportsIndex) -> int:
    try:
        seed = operator.index(given)
    except TypeError:
        seed = -1
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"a seed must be an integer from 0 to 2^64 - 1, not {_shown(given)}")
    return seed


def _info(name: str, tensor: Tensor) -> TensorInfo:
    return TensorInfo(name=name, tensor=tensor.name, dtype=tensor.type.dtype, shape=tensor.type.shape)


__all__ = ["CompileError", "Model", "TensorInfo", "UsageError", "VariableInfo", "load", "loads"]
